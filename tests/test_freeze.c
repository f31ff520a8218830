// SPDX-License-Identifier: Apache-2.0
// Frozen layers keep every bit, the others are trained; what cannot be frozen is refused.
#include "support/model_fixture.h"

#include <stdlib.h>
#include <string.h>

static bool begins(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

// Trains from first weights, whose moving statistics no batch has.
static void test_frozen_layers_stay(void **state)
{
    struct fixture *fixture = *state;
    size_t count, at = 0;
    EXPECT_OK(clef_model_freeze(fixture->model, "stem,stage1"));
    float *before = fixture_read_all(fixture->model, &count);
    fixture_train(fixture, 1e-2f);
    fixture_train(fixture, 1e-2f);
    float *after = fixture_read_all(fixture->model, &count);
    for (int i = 0; i < clef_model_parameter_count(fixture->model); i++) {
        struct clef_parameter parameter = clef_model_get_parameter(fixture->model, i);
        bool same = memcmp(before + at, after + at, parameter.count * sizeof *before) == 0;
        bool frozen = begins(parameter.name, "stem.") || begins(parameter.name, "stage1.");
        bool moves = parameter.trainable || begins(strrchr(parameter.name, '.'), ".running_");
        if (frozen && (!same || parameter.trainable))
            fail_msg("%s is frozen, but was changed", parameter.name);
        // The bias of a convolution before a batch norm has no gradient.
        if (!frozen && same && moves && !strstr(parameter.name, "conv"))
            fail_msg("%s is not frozen, but was not changed", parameter.name);
        at += parameter.count;
    }
    assert_int_equal(at, count);
    float *gradient = malloc(count * sizeof *gradient);
    EXPECT_FAILS(clef_model_read_gradient(fixture->model, 0, gradient), CLEF_INVALID_ARGUMENT,
                 "\"stem.conv.weight\" is not trained");
    EXPECT_FAILS(clef_model_freeze(fixture->model, "stem"), CLEF_INVALID_ARGUMENT,
                 "before the first step");
    free(gradient);
    free(before);
    free(after);
}

// Less is computed and less is kept.
static void test_frozen_layers_cost_less(void **state)
{
    struct fixture *fixture = *state;
    struct clef_memory_plan all, rest;
    EXPECT_OK(clef_model_plan_memory(fixture->model, FIXTURE_BATCH, true, &all));
    EXPECT_OK(clef_model_freeze(fixture->model, "stem,stage1"));
    EXPECT_OK(clef_model_plan_memory(fixture->model, FIXTURE_BATCH, true, &rest));
    assert_true(rest.activations < all.activations);
    EXPECT_OK(clef_model_freeze(fixture->model, NULL));
    EXPECT_OK(clef_model_plan_memory(fixture->model, FIXTURE_BATCH, true, &rest));
    assert_memory_equal(&rest, &all, sizeof all);
}

static void test_refused(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *layers, *words;
    } cases[] = {
        {"", "cannot freeze \"\""},
        {"stem,,stage1", "cannot freeze \"\""},
        {"stem,stage7", "cannot freeze \"stage7\""},
        {"ste", "cannot freeze \"ste\""},
        {"flatten", "cannot freeze \"flatten\""},
        {"stage1", "cannot freeze \"stage1.block1.bn1\" while \"stem.conv\" before it is trained"},
        {"stem,stage1,stage2,fc1,fc2", "nothing is left to train"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        EXPECT_FAILS(clef_model_freeze(fixture->model, cases[i].layers), CLEF_INVALID_ARGUMENT,
                     cases[i].words);
        assert_true(clef_model_get_parameter(fixture->model, 0).trainable);
    }
    EXPECT_OK(clef_model_freeze(fixture->model, "fc1"));
    fixture_train(fixture, 1e-2f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_frozen_layers_stay),
        FIXTURE_TEST(test_frozen_layers_cost_less),
        FIXTURE_TEST(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
