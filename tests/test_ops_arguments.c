// SPDX-License-Identifier: Apache-2.0
// What planning refuses, op by op, and with which words.
#include "support/plan_world.h"

#include <limits.h>
#include <math.h>

static void test_conv2d(void **state)
{
    struct world *world = *state;
    struct clef_tensor src = world_image(world, 2, 8, 6, 3), dst = world_image(world, 2, 4, 3, 20);
    struct clef_tensor kernel = world_weights(world, 3, 3, 3, 20), bias = world_vector(world, 20);
    struct clef_conv2d_forward_args args = {
        .src = &src, .weights = &kernel, .bias = &bias, .dst = &dst, .window = {3, 3, 2, 2, 0, 0}};
    EXPECT_PLANS(conv2d_forward);
    SPOIL(conv2d_forward, dst.n, 1, "src has 2 images, but dst has 1");
    SPOIL(conv2d_forward, kernel.c, kernel.c - 1, "a 3x3 kernel from 3 to 20 channels in panels");
    SPOIL(conv2d_forward, bias.c, 19, "bias is [1, 1, 1, 19]: it must be a vector of 20");
    SPOIL(conv2d_forward, args.window.kernel_h, 0, "kernel 0 and stride 2 in height");
    SPOIL(conv2d_forward, args.window.stride_w, 0, "kernel 3 and stride 0 in width");
    SPOIL(conv2d_forward, args.window.pad_top, 3, "padding 3 in height");
    SPOIL(conv2d_forward, args.window.pad_left, -1, "padding -1 in width");
    SPOIL(conv2d_forward, args.window.stride_w, 3, "begins at 6, beyond the image of 6");
    SPOIL(conv2d_forward, args.window.stride_h, INT_MAX, "4 outputs in height");
    SPOIL(conv2d_forward, args.window.kernel_w, INT_MAX, "too large");
    SPOIL(conv2d_forward, args.weights, NULL, "weights is missing");
    args.bias = NULL;
    EXPECT_PLANS(conv2d_forward);
}

static void test_conv2d_backward_data(void **state)
{
    struct world *world = *state;
    struct clef_tensor diff_src = world_image(world, 2, 8, 6, 3),
                       diff_dst = world_image(world, 2, 4, 3, 20);
    struct clef_tensor kernel = world_weights(world, 3, 3, 3, 20),
                       addend = world_image(world, 2, 8, 6, 3);
    struct clef_conv2d_backward_data_args args = {.diff_dst = &diff_dst,
                                                  .weights = &kernel,
                                                  .addend = &addend,
                                                  .diff_src = &diff_src,
                                                  .window = {3, 3, 2, 2, 0, 0}};
    EXPECT_PLANS(conv2d_backward_data);
    SPOIL(conv2d_backward_data, addend.c, 2, "addend is [2, 8, 6, 2]");
    SPOIL(conv2d_backward_data, diff_dst.n, 1, "diff_dst has 1");
    SPOIL(conv2d_backward_data, kernel.c, 5, "weights is [1, 1, 1, 5]");
    SPOIL(conv2d_backward_data, diff_src.offset, diff_dst.offset, "overlap");
    args.addend = &diff_src;
    EXPECT_PLANS(conv2d_backward_data);
}

static void test_conv2d_backward_weights(void **state)
{
    struct world *world = *state;
    struct clef_tensor src = world_image(world, 2, 8, 6, 3),
                       diff_dst = world_image(world, 2, 4, 3, 20);
    struct clef_tensor kernel = world_weights(world, 3, 3, 3, 20), bias = world_vector(world, 20);
    struct clef_conv2d_backward_weights_args args = {.src = &src,
                                                     .diff_dst = &diff_dst,
                                                     .diff_weights = &kernel,
                                                     .diff_bias = &bias,
                                                     .window = {3, 3, 2, 2, 0, 0}};
    EXPECT_PLANS(conv2d_backward_weights);
    SPOIL(conv2d_backward_weights, bias.c, 3, "diff_bias is [1, 1, 1, 3]");
    SPOIL(conv2d_backward_weights, kernel.c, 1, "diff_weights is [1, 1, 1, 1]");
    SPOIL(conv2d_backward_weights, args.window.pad_top, 3, "padding 3");
    SPOIL(conv2d_backward_weights, args.diff_dst, NULL, "diff_dst is missing");
    SPOIL(conv2d_backward_weights, args.diff_weights, NULL, "diff_weights is missing");
}

static void test_weights_update(void **state)
{
    struct world *world = *state;
    struct clef_tensor src = world_image(world, 2, 8, 6, 3),
                       diff_dst = world_image(world, 2, 4, 3, 20);
    struct clef_tensor weights = world_weights(world, 3, 3, 3, 20),
                       m = world_weights(world, 3, 3, 3, 20), v = world_weights(world, 3, 3, 3, 20),
                       fault = world_vector(world, 1);
    struct clef_weights_update update = {&weights, &m, &v, &fault, 0.9f, 0.999f, 1e-7f};
    struct clef_conv2d_backward_weights_args args = {
        .src = &src, .diff_dst = &diff_dst, .window = {3, 3, 2, 2, 0, 0}, .update = &update};
    EXPECT_PLANS(conv2d_backward_weights);
    SPOIL(conv2d_backward_weights, weights.c, 1, "update.weights is [1, 1, 1, 1]");
    SPOIL(conv2d_backward_weights, m.c, 1, "update.m is [1, 1, 1, 1]");
    SPOIL(conv2d_backward_weights, v.c, 1, "update.v is [1, 1, 1, 1]");
    SPOIL(conv2d_backward_weights, fault.c, 2, "update.fault is [1, 1, 1, 2]");
    SPOIL(conv2d_backward_weights, update.m, NULL, "update.m is missing");
    SPOIL(conv2d_backward_weights, update.beta2, 1.0f, "beta2 is 1");
    SPOIL(conv2d_backward_weights, update.epsilon, 0.0f, "epsilon is 0");
    SPOIL(conv2d_backward_weights, weights.offset, v.offset, "overlap");
    struct clef_plan *plan;
    EXPECT_OK(clef_plan_conv2d_backward_weights(world->device, &args, NULL, NULL, &plan));
    EXPECT_FAILS(clef_plan_run(plan, NULL), CLEF_INVALID_ARGUMENT,
                 "conv2d_backward_weights: a run needs");
    clef_plan_destroy(plan);
}

static void test_dense(void **state)
{
    struct world *world = *state;
    struct clef_tensor src = world_image(world, 4, 2, 3, 5), dst = world_image(world, 4, 1, 1, 10);
    struct clef_tensor kernel = world_weights(world, 2, 3, 5, 10), bias = world_vector(world, 10);
    struct clef_dense_forward_args args = {
        .src = &src, .weights = &kernel, .bias = &bias, .dst = &dst};
    EXPECT_PLANS(dense_forward);
    SPOIL(dense_forward, dst.n, 3, "dst is [3, 1, 1, 10]: it must be [4, 1, 1, units]");
    SPOIL(dense_forward, dst, clef_tensor_nhwc(world->buffer, dst.offset, 4, 1, 2, 5),
          "dst is [4, 1, 2, 5]: it must be [4, 1, 1, units]");
    SPOIL(dense_forward, kernel.c, kernel.c - 1, "a 2x3 kernel from 5 to 10 channels");
    SPOIL(dense_forward, bias.c, 9, "a vector of 10");
}

static void test_dense_backward(void **state)
{
    struct world *world = *state;
    struct clef_tensor x = world_image(world, 4, 2, 3, 5), y = world_image(world, 4, 1, 1, 10);
    struct clef_tensor kernel = world_weights(world, 2, 3, 5, 10), bias = world_vector(world, 10);
    {
        struct clef_dense_backward_data_args args = {&y, &kernel, &x};
        EXPECT_PLANS(dense_backward_data);
        SPOIL(dense_backward_data, y.h, 2, "diff_dst is [4, 2, 1, 10]");
        SPOIL(dense_backward_data, kernel.c, 4, "weights is [1, 1, 1, 4]");
    }
    struct clef_dense_backward_weights_args args = {&x, &y, &kernel, &bias, NULL};
    EXPECT_PLANS(dense_backward_weights);
    SPOIL(dense_backward_weights, y.n, 2, "diff_dst is [2, 1, 1, 10]");
    SPOIL(dense_backward_weights, kernel.c, 4, "diff_weights is [1, 1, 1, 4]");
    SPOIL(dense_backward_weights, bias.c, 4, "diff_bias is [1, 1, 1, 4]");
}

static void test_batchnorm_train(void **state)
{
    struct world *world = *state;
    struct clef_tensor t[8], residual = world_image(world, 64, 8, 8, 16);
    struct clef_batchnorm_train_args args = world_batchnorm(world, t);
    args.residual = &residual;
    EXPECT_PLANS(batchnorm_train);
    SPOIL(batchnorm_train, residual.w, 7, "residual is [64, 8, 7, 16]");
    SPOIL(batchnorm_train, t[2].c, 15, "gamma is [1, 1, 1, 15]: it must be a vector of 16");
    SPOIL(batchnorm_train, args.saved_inv_std, NULL, "saved_inv_std is missing");
    SPOIL(batchnorm_train, t[5].offset, t[4].offset, "moving_mean");
    SPOIL(batchnorm_train, t[1].offset, t[0].offset, "overlap"); // The backward pass needs src.
    SPOIL(batchnorm_train, args.momentum, 1.5f, "momentum is 1.5");
    SPOIL(batchnorm_train, args.momentum, NAN, "momentum is");
    SPOIL(batchnorm_train, args.epsilon, 0.0f, "epsilon is 0");
}

static void test_batchnorm_infer(void **state)
{
    struct world *world = *state;
    struct clef_tensor src = world_image(world, 2, 3, 3, 4), dst = world_image(world, 2, 3, 3, 4);
    struct clef_tensor c[4];
    for (int i = 0; i < 4; i++)
        c[i] = world_vector(world, 4);
    struct clef_batchnorm_infer_args args = {.src = &src,
                                             .dst = &dst,
                                             .gamma = &c[0],
                                             .beta = &c[1],
                                             .moving_mean = &c[2],
                                             .moving_variance = &c[3],
                                             .epsilon = 1e-3f};
    EXPECT_PLANS(batchnorm_infer);
    SPOIL(batchnorm_infer, c[3].c, 5, "moving_variance is [1, 1, 1, 5]");
    SPOIL(batchnorm_infer, args.epsilon, -1.0f, "epsilon is -1");
    SPOIL(batchnorm_infer, dst.stride_n, 40, "strides");
    args.dst = &src;
    EXPECT_PLANS(batchnorm_infer);
}

static void test_batchnorm_backward(void **state)
{
    struct world *world = *state;
    struct clef_tensor src = world_image(world, 2, 3, 3, 4), dst = world_image(world, 2, 3, 3, 4);
    struct clef_tensor diff_dst = world_image(world, 2, 3, 3, 4),
                       diff_src = world_image(world, 2, 3, 3, 4);
    struct clef_tensor diff_residual = world_image(world, 2, 3, 3, 4), c[5];
    for (int i = 0; i < 5; i++)
        c[i] = world_vector(world, 4);
    struct clef_batchnorm_backward_args args = {.src = &src,
                                                .dst = &dst,
                                                .gamma = &c[0],
                                                .saved_mean = &c[1],
                                                .saved_inv_std = &c[2],
                                                .diff_dst = &diff_dst,
                                                .diff_src = &diff_src,
                                                .diff_residual = &diff_residual,
                                                .diff_gamma = &c[3],
                                                .diff_beta = &c[4],
                                                .relu = true};
    EXPECT_PLANS(batchnorm_backward);
    SPOIL(batchnorm_backward, args.dst, NULL, "dst is missing: the ReLU's backward pass needs it");
    SPOIL(batchnorm_backward, c[4].c, 1, "diff_beta is [1, 1, 1, 1]");
    SPOIL(batchnorm_backward, diff_residual.n, 1, "diff_residual is [1, 3, 3, 4]");
    size_t apart = diff_src.offset;
    diff_src.offset = diff_dst.offset;
    EXPECT_PLANS(batchnorm_backward);
    SPOIL(batchnorm_backward, diff_residual.offset, diff_dst.offset, "overlap"); // Not both.
    diff_src.offset = apart;
    diff_residual.offset = diff_dst.offset;
    EXPECT_PLANS(batchnorm_backward);
    args.relu = false;
    args.dst = NULL;
    args.diff_residual = NULL;
    EXPECT_PLANS(batchnorm_backward);
}

static void test_relu_backward(void **state)
{
    struct world *world = *state;
    struct clef_tensor dst = world_image(world, 2, 3, 3, 4),
                       diff_dst = world_image(world, 2, 3, 3, 4);
    struct clef_tensor diff_src = world_image(world, 2, 3, 3, 4);
    struct clef_relu_backward_args args = {&dst, &diff_dst, &diff_src};
    EXPECT_PLANS(relu_backward);
    SPOIL(relu_backward, diff_dst.c, 3, "diff_dst is [2, 3, 3, 3]");
    SPOIL(relu_backward, diff_src.c, 3, "diff_src is [2, 3, 3, 3]");
    SPOIL(relu_backward, diff_src.offset, dst.offset, "overlap");
    args.diff_src = &diff_dst;
    EXPECT_PLANS(relu_backward);
}

static void test_maxpool(void **state)
{
    struct world *world = *state;
    struct clef_tensor src = world_image(world, 2, 8, 8, 4), dst = world_image(world, 2, 4, 4, 4);
    struct clef_tensor argmax = world_image(world, 2, 4, 4, 4),
                       relu_dst = world_image(world, 2, 8, 8, 4);
    const struct clef_window window = {3, 3, 2, 2, 0, 0};
    {
        struct clef_maxpool_forward_args args = {&src, &dst, &argmax, window};
        EXPECT_PLANS(maxpool_forward);
        SPOIL(maxpool_forward, dst.c, 3, "src has 4 channels, but dst has 3");
        SPOIL(maxpool_forward, argmax.w, 3, "argmax is [2, 4, 3, 4]");
        SPOIL(maxpool_forward, args.window.pad_left, 3, "padding 3 in width");
        args.argmax = NULL;
        EXPECT_PLANS(maxpool_forward);
    }
    struct clef_maxpool_backward_args args = {&dst, &argmax, &relu_dst, &src, window};
    EXPECT_PLANS(maxpool_backward);
    SPOIL(maxpool_backward, args.argmax, NULL, "argmax is missing");
    SPOIL(maxpool_backward, argmax.w, 3, "argmax is [2, 4, 3, 4]");
    SPOIL(maxpool_backward, relu_dst.n, 3, "relu_dst is [3, 8, 8, 4]");
    SPOIL(maxpool_backward, src.c, 3, "diff_src has 3 channels");
}

static void test_avgpool(void **state)
{
    struct world *world = *state;
    struct clef_tensor src = world_image(world, 2, 4, 4, 8), dst = world_image(world, 2, 1, 1, 8);
    const struct clef_window window = {4, 4, 1, 1, 0, 0};
    {
        struct clef_avgpool_forward_args args = {&src, &dst, window};
        EXPECT_PLANS(avgpool_forward);
        SPOIL(avgpool_forward, dst.c, 7, "dst has 7");
        SPOIL(avgpool_forward, args.window.stride_h, -2, "stride -2");
    }
    struct clef_avgpool_backward_args args = {&dst, &src, window};
    EXPECT_PLANS(avgpool_backward);
    SPOIL(avgpool_backward, src.n, 1, "diff_src has 1 images");
    SPOIL(avgpool_backward, args.window.kernel_w, 0, "kernel 0");
}

static void test_softmax_cross_entropy(void **state)
{
    struct world *world = *state;
    struct clef_tensor logits = world_image(world, 4, 1, 1, 10),
                       diff = world_image(world, 4, 1, 1, 10);
    struct clef_tensor labels = world_vector(world, 4), metrics = world_vector(world, 2);
    struct clef_tensor fault = world_vector(world, 1);
    struct clef_softmax_cross_entropy_args args = {&logits, &labels, &diff, &metrics, &fault};
    EXPECT_PLANS(softmax_cross_entropy);
    SPOIL(softmax_cross_entropy, labels.c, 3, "labels is [1, 1, 1, 3]: it must be a vector of 4");
    SPOIL(softmax_cross_entropy, metrics.c, 1, "a vector of 2");
    SPOIL(softmax_cross_entropy, fault.c, 2, "a vector of 1");
    SPOIL(softmax_cross_entropy, diff.c, 9, "diff_logits is [4, 1, 1, 9]");
    SPOIL(softmax_cross_entropy, logits, clef_tensor_nhwc(world->buffer, 0, 2, 2, 1, 10),
          "[n, 1, 1, classes]");
    args.diff_logits = args.fault = NULL;
    EXPECT_PLANS(softmax_cross_entropy);
}

static void test_adam(void **state)
{
    struct world *world = *state;
    struct clef_tensor grad = world_vector(world, 100), param = world_vector(world, 100);
    struct clef_tensor m = world_vector(world, 100), v = world_vector(world, 100),
                       fault = world_vector(world, 1);
    struct clef_extent extents[2] = {{0, 10}, {10, 90}};
    struct clef_adam_args args = {&grad, &param, &m, &v, extents, 2, &fault, 0.9f, 0.999f, 1e-7f};
    EXPECT_PLANS(adam);
    SPOIL(adam, grad.c, 99, "grad is [1, 1, 1, 99]: it must be a vector of 100");
    SPOIL(adam, v.c, 99, "v is [1, 1, 1, 99]");
    SPOIL(adam, args.extent_count, 0, "extents is empty");
    SPOIL(adam, extents[1].offset, 9, "extent 1 (offset 9, count 90)");
    SPOIL(adam, extents[1].count, 91, "exceeds the 100 parameters");
    SPOIL(adam, extents[1].count, SIZE_MAX, "exceeds the 100 parameters");
    SPOIL(adam, extents[0].count, 0, "must not be empty");
    SPOIL(adam, args.beta1, 1.0f, "beta1 is 1");
    SPOIL(adam, args.epsilon, 0.0f, "epsilon is 0");
    SPOIL(adam, m.offset, v.offset, "overlap");
    struct clef_plan *plan;
    EXPECT_OK(clef_plan_adam(world->device, &args, NULL, NULL, &plan));
    EXPECT_FAILS(clef_plan_run(plan, NULL), CLEF_INVALID_ARGUMENT, "adam: a run needs");
    struct clef_run_values values = {.learning_rate = 0.1f, .step = 0};
    EXPECT_FAILS(clef_plan_run(plan, &values), CLEF_INVALID_ARGUMENT, "from 1");
    values.step = 1;
    EXPECT_OK(clef_plan_run(plan, &values));
    clef_plan_destroy(plan);
}

static void test_memory_ops(void **state)
{
    struct world *world = *state;
    struct clef_tensor a = world_image(world, 2, 4, 4, 8), b = world_image(world, 2, 4, 4, 8);
    {
        struct clef_fill_args args = {&a, 1.0f};
        EXPECT_PLANS(fill);
        SPOIL(fill, a.stride_n, 200, "it must be dense");
    }
    {
        struct clef_copy_args args = {&a, &b};
        EXPECT_PLANS(copy);
        SPOIL(copy, b.h, 3, "dst is [2, 3, 4, 8], but src is [2, 4, 4, 8]");
    }
    struct clef_cast_args args = {&a, &b, 255.0f};
    EXPECT_PLANS(cast);
    SPOIL(cast, args.divisor, 0.0f, "divisor is 0");
    SPOIL(cast, args.divisor, INFINITY, "divisor is inf");
    SPOIL(cast, b.c, 7, "dst is [2, 4, 4, 7]");
    // Bytes: the last image fits although as floats it would not.
    a.offset = WORLD_FLOATS * 4 - 256;
    EXPECT_PLANS(cast);
    SPOIL(cast, a.offset, WORLD_FLOATS * 4 - 255, "its buffer holds 800000");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_conv2d),
        WORLD_TEST(test_conv2d_backward_data),
        WORLD_TEST(test_conv2d_backward_weights),
        WORLD_TEST(test_dense),
        WORLD_TEST(test_dense_backward),
        WORLD_TEST(test_batchnorm_train),
        WORLD_TEST(test_batchnorm_infer),
        WORLD_TEST(test_batchnorm_backward),
        WORLD_TEST(test_relu_backward),
        WORLD_TEST(test_maxpool),
        WORLD_TEST(test_avgpool),
        WORLD_TEST(test_softmax_cross_entropy),
        WORLD_TEST(test_adam),
        WORLD_TEST(test_weights_update),
        WORLD_TEST(test_memory_ops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
