// SPDX-License-Identifier: Apache-2.0
// What planning refuses, whatever the op, and with which words.
#include "support/plan_world.h"

#include <math.h>

// ---------------------------------------------------------------- common to all ops

static void test_tensors_are_checked(void **state)
{
    struct world *world = *state;
    struct clef_tensor src = world_image(world, 2, 3, 4, 5), dst = world_image(world, 2, 3, 4, 5);
    struct clef_relu_forward_args args = {&src, &dst};
    EXPECT_PLANS(relu_forward);
    SPOIL(relu_forward, args.src, NULL, "src is missing");
    SPOIL(relu_forward, src.n, 0, "src is [0, 3, 4, 5]: each extent must be at least 1");
    SPOIL(relu_forward, dst.c, -1, "dst is [2, 3, 4, -1]");
    SPOIL(relu_forward, src.buffer, NULL, "src has no buffer");
    SPOIL(relu_forward, dst.offset, WORLD_FLOATS - 119, "dst [2, 3, 4, 5] at element 199881");
    SPOIL(relu_forward, src.offset, SIZE_MAX - 60, "larger than any memory");
    SPOIL(relu_forward, src.stride_n, SIZE_MAX / 2, "src [2, 3, 4, 5]");
    SPOIL(relu_forward, dst.stride_n, 59, "rows overlap");
    SPOIL(relu_forward, src.stride_h, 21, "it must be dense");
    SPOIL(relu_forward, dst.h, 2, "dst is [2, 2, 4, 5], but src is [2, 3, 4, 5]");
    SPOIL(relu_forward, dst, clef_tensor_hwnc(world->buffer, 120, 2, 3, 4, 5), "strides");
    EXPECT_PLANS(relu_forward);
}

static void test_buffers_belong_to_the_device(void **state)
{
    struct world *world = *state;
    struct clef_device *other;
    struct clef_buffer *buffer;
    EXPECT_OK(clef_device_open("cpu", NULL, &other));
    EXPECT_OK(clef_buffer_create(other, 4096, &buffer));
    struct clef_tensor dst = clef_tensor_vector(buffer, 0, 8);
    struct clef_fill_args args = {&dst, 1.0f};
    EXPECT_REFUSES(fill, "the buffer of dst belongs to another device");
    clef_buffer_destroy(buffer);
    clef_device_close(other);
}

static void test_overlap_is_refused(void **state)
{
    struct world *world = *state;
    struct clef_tensor a = world_image(world, 1, 2, 2, 4), b = world_image(world, 1, 2, 2, 4),
                       dst = world_image(world, 1, 2, 2, 4);
    struct clef_add_args args = {&a, &b, &dst};
    EXPECT_PLANS(add);
    SPOIL(add, dst.offset, b.offset + 4, "b [1, 2, 2, 4] at element 16 and dst");
    SPOIL(add, dst.offset, b.offset - 1, "overlap");
    size_t apart = dst.offset;
    dst.offset = a.offset;
    EXPECT_PLANS(add); // In place.
    dst.offset = b.offset;
    EXPECT_PLANS(add);
    dst.offset = apart;
    b.offset = a.offset;
    EXPECT_PLANS(add); // Inputs may be the same.
    struct clef_copy_args copy = {&a, &a};
    struct clef_plan *plan;
    EXPECT_FAILS(clef_plan_copy(world->device, &copy, NULL, NULL, &plan), CLEF_INVALID_ARGUMENT,
                 "overlap");
}

static void test_information_needs_no_buffers(void **state)
{
    struct world *world = *state;
    struct clef_tensor src = clef_tensor_nhwc(NULL, 0, 4, 8, 8, 16), dst = src;
    struct clef_relu_forward_args args = {&src, &dst};
    struct clef_plan_info info = {0};
    EXPECT_OK(clef_plan_relu_forward(world->device, &args, NULL, &info, NULL));
    assert_non_null(info.algorithm);
    assert_true(info.bytes == 2.0 * 4 * 4096);
    EXPECT_REFUSES(relu_forward, "has no buffer");
    dst.c = 3;
    EXPECT_FAILS(clef_plan_relu_forward(world->device, &args, NULL, &info, NULL),
                 CLEF_INVALID_ARGUMENT, "must be alike");
    struct clef_plan *plan;
    EXPECT_FAILS(clef_plan_add(world->device, NULL, NULL, NULL, &plan), CLEF_INVALID_ARGUMENT,
                 "add: a plan needs a device and arguments");
    EXPECT_FAILS(clef_plan_relu_forward(NULL, &args, NULL, NULL, &plan), CLEF_INVALID_ARGUMENT,
                 "a plan needs a device");
}

static void test_runs_are_checked(void **state)
{
    (void)state;
    double seconds;
    EXPECT_FAILS(clef_plan_run(NULL, NULL), CLEF_INVALID_ARGUMENT, "no plan");
    EXPECT_FAILS(clef_plan_run_timed(NULL, NULL, &seconds), CLEF_INVALID_ARGUMENT, "no plan");
    clef_plan_destroy(NULL);
}

// ---------------------------------------------------------------- scratch

static void test_scratch_is_checked(void **state)
{
    struct world *world = *state;
    struct clef_tensor t[8];
    struct clef_batchnorm_train_args args = world_batchnorm(world, t);
    struct clef_plan_info info;
    EXPECT_OK(clef_plan_batchnorm_train(world->device, &args, NULL, &info, NULL));
    size_t needed = info.scratch_floats;
    assert_true(needed > 0);
    struct clef_tensor scratch = world_vector(world, needed);
    struct clef_plan *plan;
    EXPECT_OK(clef_plan_batchnorm_train(world->device, &args, &scratch, NULL, &plan));
    clef_plan_destroy(plan);
    scratch.c--;
    EXPECT_FAILS(clef_plan_batchnorm_train(world->device, &args, &scratch, NULL, &plan),
                 CLEF_INVALID_ARGUMENT, "scratch is [1, 1, 1, ");
    assert_null(plan);
    scratch = clef_tensor_vector(world->buffer, t[0].offset + 10, needed);
    EXPECT_FAILS(clef_plan_batchnorm_train(world->device, &args, &scratch, NULL, &plan),
                 CLEF_INVALID_ARGUMENT, "overlap");
    scratch.buffer = NULL;
    EXPECT_FAILS(clef_plan_batchnorm_train(world->device, &args, &scratch, NULL, &plan),
                 CLEF_INVALID_ARGUMENT, "scratch has no buffer");
}

static void test_plan_has_scratch_of_its_own(void **state)
{
    struct world *world = *state;
    struct clef_tensor t[8];
    struct clef_batchnorm_train_args args = world_batchnorm(world, t);
    struct clef_plan *plan;
    struct clef_plan_info info;
    EXPECT_OK(clef_plan_batchnorm_train(world->device, &args, NULL, &info, &plan));
    assert_int_equal(info.scratch_floats, clef_plan_get_info(plan)->scratch_floats);
    float gamma[16];
    for (int i = 0; i < 16; i++)
        gamma[i] = 1.0f;
    EXPECT_OK(
        clef_buffer_upload(world->buffer, t[2].offset * sizeof(float), gamma, sizeof gamma, NULL));
    double seconds = -1.0;
    EXPECT_OK(clef_plan_run_timed(plan, NULL, &seconds));
    assert_true(seconds >= 0.0);
    // The images are zero, so that the standard deviation is the square root of epsilon.
    float inv_std;
    EXPECT_OK(clef_buffer_download(world->buffer, t[7].offset * sizeof(float), &inv_std,
                                   sizeof inv_std, NULL));
    assert_true(fabs(inv_std - 1.0 / sqrt(1e-3)) < 1e-4);
    clef_plan_destroy(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_tensors_are_checked),
        WORLD_TEST(test_buffers_belong_to_the_device),
        WORLD_TEST(test_overlap_is_refused),
        WORLD_TEST(test_information_needs_no_buffers),
        WORLD_TEST(test_runs_are_checked),
        WORLD_TEST(test_scratch_is_checked),
        WORLD_TEST(test_plan_has_scratch_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
