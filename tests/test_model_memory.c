// SPDX-License-Identifier: Apache-2.0
// What a model tells about itself: memory, plans, layers.
#include "core/op_list.h"
#include "support/model_fixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void test_memory_plan(void **state)
{
    struct fixture *fixture = *state;
    struct clef_memory_plan training, inference, larger;
    EXPECT_OK(clef_model_plan_memory(fixture->model, FIXTURE_BATCH, true, &training));
    EXPECT_OK(clef_model_plan_memory(fixture->model, FIXTURE_BATCH, false, &inference));
    EXPECT_OK(clef_model_plan_memory(fixture->model, 4 * FIXTURE_BATCH, true, &larger));
    assert_int_equal(training.total, training.parameters + training.gradients + training.moments +
                                         training.activations + training.scratch);
    assert_true(training.gradients > 0 && training.gradients < training.moments / 10);
    assert_int_equal(inference.gradients + inference.moments, 0);
    assert_true(inference.activations < training.activations);
    assert_true(larger.activations > 3 * training.activations);
    EXPECT_OK(clef_model_keep_gradients(fixture->model));
    EXPECT_OK(clef_model_plan_memory(fixture->model, FIXTURE_BATCH, true, &training));
    assert_int_equal(training.moments, 2 * training.gradients);
}

static void test_too_large_batch(void **state)
{
    struct fixture *fixture = *state;
    uint64_t present = clef_device_get_info(fixture->device)->memory_bytes;
    assert_true(present > 0);
    struct clef_resnet_config config = fixture_config();
    config.input_height = config.input_width = 1024;
    config.head = CLEF_HEAD_AVGPOOL;
    struct clef_model *model;
    EXPECT_OK(clef_model_create_resnet(fixture->device, &config, 0, &model));
    struct clef_memory_plan plan;
    EXPECT_OK(clef_model_plan_memory(model, 65536, true, &plan));
    assert_true(plan.total > present);
    EXPECT_FAILS(clef_model_prepare(model, 65536, true), CLEF_OUT_OF_MEMORY, "batch size of ");
    int named = atoi(strstr(clef_last_error(), "batch size of ") + strlen("batch size of "));
    assert_true(named >= 1 && named < 65536);
    EXPECT_OK(clef_model_plan_memory(model, named, true, &plan));
    assert_true(plan.total <= present);
    EXPECT_OK(clef_model_plan_memory(model, 2 * named, true, &plan));
    assert_true(plan.total > present);
    clef_model_destroy(model);
}

// What the device says of itself, for a test to change.
static struct clef_device_info *info_of(struct clef_device *device)
{
    return (struct clef_device_info *)(uintptr_t)clef_device_get_info(device);
}

// A device that has the memory, but not in one piece.
static void test_too_large_buffer(void **state)
{
    struct fixture *fixture = *state;
    struct clef_device_info *info = info_of(fixture->device);
    struct clef_memory_plan plan;
    uint64_t most = info->max_buffer_bytes;
    EXPECT_OK(clef_model_plan_memory(fixture->model, 64, true, &plan));
    info->max_buffer_bytes = plan.activations / 4;
    clef_status status = clef_model_prepare(fixture->model, 64, true);
    char error[512];
    snprintf(error, sizeof error, "%s", clef_last_error());
    const char *named = strstr(error, "batch size of ");
    int batch = named ? atoi(named + strlen("batch size of ")) : 0;
    clef_status smaller = batch > 0 ? clef_model_prepare(fixture->model, batch, true) : CLEF_OK;
    info->max_buffer_bytes = most;
    assert_int_equal(CLEF_OUT_OF_MEMORY, status);
    if (!strstr(error, " GiB in one buffer, but the device "))
        fail_msg("%s", error);
    assert_true(batch >= 1 && batch < 64);
    assert_int_equal(CLEF_OK, smaller);
}

// No batch size helps against a network that is too large itself.
static void test_too_large_parameters(void **state)
{
    struct fixture *fixture = *state;
    struct clef_device_info *info = info_of(fixture->device);
    struct clef_resnet_config config = fixture_config();
    struct clef_model *model;
    uint64_t most = info->max_buffer_bytes;
    info->max_buffer_bytes = 64;
    clef_status status = clef_model_create_resnet(fixture->device, &config, 0, &model);
    info->max_buffer_bytes = most;
    assert_int_equal(CLEF_OUT_OF_MEMORY, status);
    assert_non_null(strstr(clef_last_error(), " GiB in one buffer; use a smaller network"));
}

struct visits {
    int count;
    char first[64], last[64];
};

static clef_status visit(void *user, const char *layer, const char *op, struct clef_plan *plan)
{
    struct visits *visits = user;
    assert_non_null(plan);
    assert_non_null(clef_plan_get_info(plan)->algorithm);
    if (visits->count++ == 0)
        strncpy(visits->first, op, sizeof visits->first - 1);
    strncpy(visits->last, layer, sizeof visits->last - 1);
    return CLEF_OK;
}

static clef_status refuse_visit(void *user, const char *layer, const char *op,
                                struct clef_plan *plan)
{
    (void)user, (void)layer, (void)op, (void)plan;
    return CLEF_INTERRUPTED;
}

static void test_visit_plans(void **state)
{
    struct fixture *fixture = *state;
    struct visits visits = {0};
    EXPECT_OK(clef_model_visit_plans(fixture->model, FIXTURE_BATCH, true, visit, &visits));
    assert_string_equal(visits.first, "copy");
    assert_string_equal(visits.last, "optimizer");
    memset(&visits, 0, sizeof visits);
    EXPECT_OK(clef_model_visit_plans(fixture->model, FIXTURE_BATCH, false, visit, &visits));
    assert_string_equal(visits.first, "cast");
    assert_string_equal(visits.last, "loss");
    // Cast, 8 convolutions, 7 normalisations, pool, two dense layers, loss.
    assert_int_equal(visits.count, 20);
    assert_int_equal(
        clef_model_visit_plans(fixture->model, FIXTURE_BATCH, false, refuse_visit, NULL),
        CLEF_INTERRUPTED);
}

// The ops of a step with the work of each, by plan or as its arguments say.
struct work {
    struct clef_device *device;
    int count;
    char layers[128][64], ops[128][32];
    double flops[128];
};

static clef_status add_work(struct work *work, const char *layer, const char *op, double flops)
{
    assert_true(work->count < 128);
    snprintf(work->layers[work->count], sizeof work->layers[0], "%s", layer);
    snprintf(work->ops[work->count], sizeof work->ops[0], "%s", op);
    work->flops[work->count++] = flops;
    return CLEF_OK;
}

static clef_status visit_work(void *user, const char *layer, const char *op, struct clef_plan *plan)
{
    return add_work(user, layer, op, clef_plan_get_info(plan)->flops);
}

static clef_status visit_arguments(void *user, const char *layer, const char *op, const void *args)
{
    struct work *work = user;
    struct clef_plan_info info = {0};
#define PLAN_BY_NAME(name)      \
    if (strcmp(op, #name) == 0) \
        EXPECT_OK(clef_plan_##name(work->device, args, NULL, &info, NULL));
    CLEF_OP_LIST(PLAN_BY_NAME)
#undef PLAN_BY_NAME
    return add_work(work, layer, op, info.flops);
}

static clef_status refuse_arguments(void *user, const char *layer, const char *op, const void *args)
{
    (void)user, (void)layer, (void)op, (void)args;
    return CLEF_INTERRUPTED;
}

static void test_visit_ops(void **state)
{
    struct fixture *fixture = *state;
    struct clef_model *model = fixture->model;
    for (int training = 0; training < 2; training++) {
        static struct work by_plan, by_arguments;
        by_plan.device = by_arguments.device = fixture->device;
        by_plan.count = by_arguments.count = 0;
        EXPECT_OK(
            clef_model_visit_ops(model, FIXTURE_BATCH, training, visit_arguments, &by_arguments));
        EXPECT_OK(clef_model_visit_plans(model, FIXTURE_BATCH, training, visit_work, &by_plan));
        assert_int_equal(by_arguments.count, by_plan.count);
        for (int i = 0; i < by_plan.count; i++) {
            assert_string_equal(by_arguments.layers[i], by_plan.layers[i]);
            assert_string_equal(by_arguments.ops[i], by_plan.ops[i]);
            assert_true(by_arguments.flops[i] == by_plan.flops[i]);
        }
    }
    assert_int_equal(clef_model_visit_ops(model, 1, false, refuse_arguments, NULL),
                     CLEF_INTERRUPTED);
    EXPECT_FAILS(clef_model_visit_ops(model, 0, false, visit_arguments, NULL),
                 CLEF_INVALID_ARGUMENT, "batch size is 0");
}

static void test_layers(void **state)
{
    struct fixture *fixture = *state;
    size_t parameters = 0, counted = 0;
    int count = clef_model_layer_count(fixture->model);
    for (int i = 0; i < count; i++)
        parameters += clef_model_get_layer(fixture->model, i).parameters;
    for (int i = 0; i < clef_model_parameter_count(fixture->model); i++)
        counted += clef_model_get_parameter(fixture->model, i).count;
    assert_int_equal(parameters, counted);
    struct clef_layer stem = clef_model_get_layer(fixture->model, 1);
    assert_string_equal(stem.name, "stem.conv");
    assert_string_equal(stem.type, "Conv2D");
    assert_true(stem.height == 8 && stem.width == 8 && stem.channels == 8 && stem.inputs == 1 &&
                stem.input[0] == 0);
    assert_true(stem.relu && stem.window.kernel_h == 7 && stem.window.stride_w == 2 &&
                stem.window.pad_top == 2 && stem.first_parameter == 0 && stem.parameter_count == 2);
    struct clef_layer batchnorm = clef_model_get_layer(fixture->model, 4);
    assert_string_equal(batchnorm.name, "stage1.block1.bn1");
    assert_true(batchnorm.epsilon == 1e-3f && batchnorm.parameter_count == 4);
    assert_string_equal(
        clef_model_get_parameter(fixture->model, batchnorm.first_parameter + 3).name,
        "stage1.block1.bn1.running_var");
    struct clef_layer flatten = clef_model_get_layer(fixture->model, count - 3);
    assert_string_equal(flatten.type, "Flatten");
    assert_true(flatten.height == 0 && flatten.channels == 2 * 2 * 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_memory_plan),
        FIXTURE_TEST(test_too_large_batch),
        FIXTURE_TEST(test_memory_plan),
        FIXTURE_TEST(test_too_large_buffer),
        FIXTURE_TEST(test_memory_plan),
        FIXTURE_TEST(test_too_large_parameters),
        FIXTURE_TEST(test_visit_plans),
        FIXTURE_TEST(test_visit_ops),
        FIXTURE_TEST(test_layers),
        FIXTURE_TEST(test_too_large_buffer),
        FIXTURE_TEST(test_too_large_parameters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
