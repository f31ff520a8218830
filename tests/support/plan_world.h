// SPDX-License-Identifier: Apache-2.0
// For tests of what planning refuses: a device with one buffer in which tensors are made, and
// macros that plan an op with arguments that are right, then spoil one thing at a time. They expect
// the variables `world` and `args`.
#ifndef CLEF_TESTS_PLAN_WORLD_H
#define CLEF_TESTS_PLAN_WORLD_H

#include "clef/ops.h"
#include "support/expect.h"

#define WORLD_FLOATS 200000 // In the one buffer that holds all tensors of a test.

struct world {
    struct clef_device *device;
    struct clef_buffer *buffer;
    size_t used;
    int panel;
};

// cmocka's set-up and tear-down.
int world_set_up(void **state);
int world_tear_down(void **state);

// Make a tensor that shares memory with no other.
struct clef_tensor world_image(struct world *world, int n, int h, int w, int c);
struct clef_tensor world_vector(struct world *world, size_t count);
struct clef_tensor world_weights(struct world *world, int kernel_h, int kernel_w, int in, int out);

// A batch normalisation of many rows, whose sums need scratch.
struct clef_batchnorm_train_args world_batchnorm(struct world *world, struct clef_tensor t[8]);

// The plan that is right, for the tests that spoil it.
#define EXPECT_PLANS(op)                                                    \
    do {                                                                    \
        struct clef_plan *plan;                                             \
        EXPECT_OK(clef_plan_##op(world->device, &args, NULL, NULL, &plan)); \
        clef_plan_destroy(plan);                                            \
    } while (0)

#define EXPECT_REFUSES(op, words)                                                   \
    do {                                                                            \
        struct clef_plan *plan = (struct clef_plan *)world;                         \
        EXPECT_FAILS(clef_plan_##op(world->device, &args, NULL, NULL, &plan),       \
                     CLEF_INVALID_ARGUMENT, words);                                 \
        assert_null(plan);                                                          \
        if (strncmp(clef_last_error(), #op ": ", sizeof #op ": " - 1) != 0)         \
            fail_msg("\"%s\" does not begin with the op, " #op, clef_last_error()); \
    } while (0)

// Sets something to a wrong value for one attempt.
#define SPOIL(op, lvalue, value, words)   \
    do {                                  \
        __typeof__(lvalue) kept = lvalue; \
        lvalue = value;                   \
        EXPECT_REFUSES(op, words);        \
        lvalue = kept;                    \
    } while (0)

#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)

#endif
