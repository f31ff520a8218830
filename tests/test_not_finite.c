// SPDX-License-Identifier: Apache-2.0
// What happens when numbers are no longer finite.
#include "support/model_fixture.h"

#include <math.h>
#include <stdlib.h>

static void test_diverges(void **state)
{
    struct fixture *fixture = *state;
    clef_status status = CLEF_OK;
    size_t count;
    float *before = NULL;
    for (int step = 0; step < 5 && status == CLEF_OK; step++) {
        free(before);
        before = fixture_read_all(fixture->model, &count);
        int ticket;
        struct clef_metrics metrics;
        EXPECT_OK(clef_model_train_step(fixture->model, &fixture->batch, 1e30f, &ticket));
        status = clef_model_wait(fixture->model, ticket, &metrics);
    }
    assert_int_equal(status, CLEF_NOT_FINITE);
    if (!strstr(clef_last_error(), "layer \"") || !strstr(clef_last_error(), "at step 2") ||
        !strstr(clef_last_error(), "in its output; this step changed no parameter"))
        fail_msg("%s", clef_last_error());
    float *after = fixture_read_all(fixture->model, &count);
    assert_memory_equal(before, after, count * sizeof *before);
    assert_int_equal(clef_model_get_step(fixture->model), 1);
    free(before);
    free(after);
}

static void poison(struct fixture *fixture, const char *name, float *kept)
{
    int index = fixture_find_parameter(fixture->model, name);
    size_t count = clef_model_get_parameter(fixture->model, index).count;
    float *values = malloc(count * sizeof *values);
    EXPECT_OK(clef_model_read_parameter(fixture->model, index, values));
    *kept = values[count / 2];
    values[count / 2] = NAN;
    EXPECT_OK(clef_model_write_parameter(fixture->model, index, values));
    free(values);
}

static void heal(struct fixture *fixture, const char *name, float kept)
{
    int index = fixture_find_parameter(fixture->model, name);
    size_t count = clef_model_get_parameter(fixture->model, index).count;
    float *values = malloc(count * sizeof *values);
    EXPECT_OK(clef_model_read_parameter(fixture->model, index, values));
    values[count / 2] = kept;
    EXPECT_OK(clef_model_write_parameter(fixture->model, index, values));
    free(values);
}

// Two steps are under way when the first fails: neither changes anything, and training can go on
// once the cause is gone, as if nothing had happened.
static void test_nan_parameter(void **state)
{
    struct fixture *fixture = *state, *apart = calloc(1, sizeof *apart);
    static const char name[] = "stage2.block1.conv1.weight";
    fixture_open(apart, 2, 1);
    assert_true(fixture_train(fixture, 1e-3f).loss == fixture_train(apart, 1e-3f).loss);
    float kept;
    poison(fixture, name, &kept);
    size_t count;
    float *before = fixture_read_all(fixture->model, &count);
    int tickets[2], third;
    struct clef_metrics metrics;
    for (int i = 0; i < 2; i++)
        EXPECT_OK(clef_model_train_step(fixture->model, &fixture->batch, 1e-3f, &tickets[i]));
    EXPECT_FAILS(clef_model_wait(fixture->model, tickets[0], &metrics), CLEF_NOT_FINITE,
                 "layer \"stage2.block1.conv1\" is the first");
    assert_non_null(strstr(clef_last_error(), "became NaN at step 2"));
    assert_non_null(strstr(clef_last_error(), name));
    EXPECT_FAILS(clef_model_train_step(fixture->model, &fixture->batch, 1e-3f, &third),
                 CLEF_NOT_FINITE, "wait for the steps under way");
    EXPECT_FAILS(clef_model_wait(fixture->model, tickets[1], &metrics), CLEF_NOT_FINITE,
                 "step 3 changed nothing");
    float *after = fixture_read_all(fixture->model, &count);
    assert_memory_equal(before, after, count * sizeof *before);
    heal(fixture, name, kept);
    assert_true(fixture_train(fixture, 1e-3f).loss == fixture_train(apart, 1e-3f).loss);
    assert_int_equal(clef_model_get_step(fixture->model), 2);
    free(before);
    free(after);
    fixture_close(apart);
    free(apart);
}

// Sets the first values of a parameter, and the rest to one number.
static void set_parameter(struct fixture *fixture, const char *name, float first, float second,
                          float rest)
{
    int index = fixture_find_parameter(fixture->model, name);
    size_t count = clef_model_get_parameter(fixture->model, index).count;
    float *values = malloc(count * sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < count; i++)
        values[i] = i == 0 ? first : i == 1 ? second : rest;
    EXPECT_OK(clef_model_write_parameter(fixture->model, index, values));
    free(values);
}

// The last layer's weights are so large, and what it reads is so small, that the logits are
// moderate and the gradient of what it reads overflows. The loss of the step is finite, and the
// step is taken; the next one must say that the parameters had been spoiled before it, and change
// nothing more.
static void test_gradient_overflows(void **state)
{
    struct fixture *fixture = *state;
    int ticket;
    struct clef_metrics metrics;
    size_t count;
    for (int i = 0; i < FIXTURE_BATCH; i++)
        fixture->labels[i] = 1;
    set_parameter(fixture, "fc1.weight", 0, 0, 0);
    set_parameter(fixture, "fc1.bias", 1.5e-38f, 0, 0);
    set_parameter(fixture, "fc2.weight", 3e38f, -3e38f, 0);
    EXPECT_OK(clef_model_train_step(fixture->model, &fixture->batch, 1e-3f, &ticket));
    EXPECT_OK(clef_model_wait(fixture->model, ticket, &metrics));
    assert_true(isfinite(metrics.loss));
    assert_int_equal(1, clef_model_get_step(fixture->model));
    float *before = fixture_read_all(fixture->model, &count);
    EXPECT_OK(clef_model_train_step(fixture->model, &fixture->batch, 1e-3f, &ticket));
    EXPECT_FAILS(clef_model_wait(fixture->model, ticket, &metrics), CLEF_NOT_FINITE,
                 "at step 2: layer \"");
    assert_non_null(strstr(clef_last_error(), "in its parameter \""));
    assert_non_null(strstr(clef_last_error(), "an earlier step left it so"));
    assert_null(strstr(clef_last_error(), "changed no parameter"));
    float *after = fixture_read_all(fixture->model, &count);
    assert_memory_equal(before, after, count * sizeof *before);
    free(before);
    free(after);
}

static void test_nan_in_evaluation(void **state)
{
    struct fixture *fixture = *state;
    int ticket;
    struct clef_metrics metrics;
    float kept;
    poison(fixture, "stage1.block1.bn2.running_var", &kept);
    EXPECT_OK(clef_model_evaluate_step(fixture->model, &fixture->batch, &ticket));
    EXPECT_FAILS(clef_model_wait(fixture->model, ticket, &metrics), CLEF_NOT_FINITE,
                 "layer \"stage1.block1.bn2\"");
    heal(fixture, "stage1.block1.bn2.running_var", kept);
    assert_true(isfinite(fixture_evaluate(fixture).loss));
    assert_true(isfinite(fixture_train(fixture, 1e-3f).loss));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_diverges),
        FIXTURE_TEST(test_nan_parameter),
        FIXTURE_TEST(test_gradient_overflows),
        FIXTURE_TEST(test_nan_in_evaluation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
