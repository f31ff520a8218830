// SPDX-License-Identifier: Apache-2.0
#include "support/model_fixture.h"

#include <stdlib.h>

struct clef_resnet_config fixture_config(void)
{
    return (struct clef_resnet_config){.input_height = FIXTURE_SIDE,
                                       .input_width = FIXTURE_SIDE,
                                       .input_channels = 1,
                                       .classes = FIXTURE_CLASSES,
                                       .stages = 2,
                                       .blocks = {1, 2},
                                       .filters = {8, 20},
                                       .head = CLEF_HEAD_FLATTEN_DENSE,
                                       .dense_units = 24,
                                       .conv_bias = true,
                                       .batchnorm = {.momentum = 0.99, .epsilon = 1e-3}};
}

void fixture_open(struct fixture *fixture, int threads, uint64_t seed)
{
    struct clef_device_options options = {.threads = threads};
    struct clef_resnet_config config = fixture_config();
    EXPECT_OK(clef_device_open(NULL, &options, &fixture->device));
    EXPECT_OK(clef_model_create_resnet(fixture->device, &config, seed, &fixture->model));
    uint32_t state = 12345;
    for (size_t i = 0; i < sizeof fixture->images; i++) {
        state = state * 1664525u + 1013904223u;
        fixture->images[i] = (uint8_t)(state >> 24);
    }
    for (int i = 0; i < FIXTURE_BATCH; i++)
        fixture->labels[i] = i % FIXTURE_CLASSES;
    fixture->batch = (struct clef_batch){
        .images = fixture->images, .labels = fixture->labels, .count = FIXTURE_BATCH};
}

void fixture_close(struct fixture *fixture)
{
    clef_model_destroy(fixture->model);
    clef_device_close(fixture->device);
}

int fixture_set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    fixture_open(fixture, 2, 1);
    *state = fixture;
    return 0;
}

int fixture_tear_down(void **state)
{
    fixture_close(*state);
    free(*state);
    return 0;
}

struct clef_metrics fixture_train(struct fixture *fixture, float learning_rate)
{
    int ticket;
    struct clef_metrics metrics;
    EXPECT_OK(clef_model_train_step(fixture->model, &fixture->batch, learning_rate, &ticket));
    EXPECT_OK(clef_model_wait(fixture->model, ticket, &metrics));
    return metrics;
}

struct clef_metrics fixture_evaluate(struct fixture *fixture)
{
    int ticket;
    struct clef_metrics metrics;
    EXPECT_OK(clef_model_evaluate_step(fixture->model, &fixture->batch, &ticket));
    EXPECT_OK(clef_model_wait(fixture->model, ticket, &metrics));
    return metrics;
}

float *fixture_read_all(struct clef_model *model, size_t *count)
{
    *count = 0;
    for (int i = 0; i < clef_model_parameter_count(model); i++)
        *count += clef_model_get_parameter(model, i).count;
    float *values = malloc(*count * sizeof *values), *next = values;
    assert_non_null(values);
    for (int i = 0; i < clef_model_parameter_count(model); i++) {
        EXPECT_OK(clef_model_read_parameter(model, i, next));
        next += clef_model_get_parameter(model, i).count;
    }
    return values;
}

int fixture_find_parameter(const struct clef_model *model, const char *name)
{
    for (int i = 0; i < clef_model_parameter_count(model); i++)
        if (strcmp(clef_model_get_parameter(model, i).name, name) == 0)
            return i;
    fail_msg("there is no parameter %s", name);
    return -1;
}
