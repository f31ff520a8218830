// SPDX-License-Identifier: Apache-2.0
#include "support/training_state.h"

#include "support/expect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct training_state training_state_read(struct clef_model *model)
{
    struct training_state state = {.step = clef_model_get_step(model)};
    int parameters = clef_model_parameter_count(model);
    for (int i = 0; i < parameters; i++) {
        struct clef_parameter parameter = clef_model_get_parameter(model, i);
        state.count += parameter.count * (parameter.trainable ? 3 : 1);
    }
    float *next = state.values = calloc(state.count, sizeof *state.values);
    assert_non_null(next);
    for (int i = 0; i < parameters; i++) {
        struct clef_parameter parameter = clef_model_get_parameter(model, i);
        EXPECT_OK(clef_model_read_parameter(model, i, next));
        next += parameter.count;
        if (!parameter.trainable)
            continue;
        EXPECT_OK(clef_model_read_moments(model, i, next, next + parameter.count));
        next += 2 * parameter.count;
    }
    return state;
}

void training_state_release(struct training_state *state)
{
    free(state->values);
    *state = (struct training_state){0};
}

void training_state_check_same(const char *when, const struct training_state *expected,
                               const struct training_state *found)
{
    assert_int_equal(expected->count, found->count);
    if (expected->step != found->step)
        fail_msg("%s: step %d instead of %d", when, (int)found->step, (int)expected->step);
    for (size_t i = 0; i < expected->count; i++)
        if (memcmp(&expected->values[i], &found->values[i], sizeof *expected->values) != 0)
            fail_msg("%s: value %zu is %.9g instead of %.9g", when, i, (double)found->values[i],
                     (double)expected->values[i]);
}
