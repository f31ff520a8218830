// SPDX-License-Identifier: Apache-2.0
// The cases of `clef bench ops`. Unless an op needs others, the shapes are those of the first
// stage of ResNet-18 on images of 32x32: 8x8 positions of 64 channels.
#include "cli/bench_cases.h"

#define SIZE 8
#define CHANNELS 64
#define DENSE_IN 512
#define DENSE_OUT 1000
#define CLASSES 10
#define ADAM_PARAMETERS ((size_t)1 << 20)

// Plans the op with the local `args`, unless a tensor could not be made.
#define MAKE_PLAN(op) \
    (c->status != CLEF_OK ? c->status : clef_plan_##op(c->device, &args, NULL, NULL, &c->plan))

static struct clef_window same_window(int kernel, int stride, int size)
{
    const int kernels[2] = {kernel, kernel}, strides[2] = {stride, stride}, in[2] = {size, size};
    int out[2];
    return clef_window_same(kernels, strides, in, out);
}

clef_status bench_case_conv2d_forward(struct bench_case *c)
{
    struct clef_tensor src = bench_activation(c, SIZE, CHANNELS);
    struct clef_tensor weights = bench_weights(c, 3, CHANNELS, CHANNELS);
    struct clef_tensor bias = bench_vector(c, CHANNELS);
    struct clef_tensor dst = bench_activation(c, SIZE, CHANNELS);
    struct clef_conv2d_forward_args args = {.src = &src,
                                            .weights = &weights,
                                            .bias = &bias,
                                            .dst = &dst,
                                            .window = same_window(3, 1, SIZE)};
    return MAKE_PLAN(conv2d_forward);
}

clef_status bench_case_conv2d_backward_data(struct bench_case *c)
{
    struct clef_tensor diff_dst = bench_activation(c, SIZE, CHANNELS);
    struct clef_tensor weights = bench_weights(c, 3, CHANNELS, CHANNELS);
    struct clef_tensor diff_src = bench_activation(c, SIZE, CHANNELS);
    struct clef_conv2d_backward_data_args args = {.diff_dst = &diff_dst,
                                                  .weights = &weights,
                                                  .diff_src = &diff_src,
                                                  .window = same_window(3, 1, SIZE)};
    return MAKE_PLAN(conv2d_backward_data);
}

clef_status bench_case_conv2d_backward_weights(struct bench_case *c)
{
    struct clef_tensor src = bench_activation(c, SIZE, CHANNELS);
    struct clef_tensor diff_dst = bench_activation(c, SIZE, CHANNELS);
    struct clef_tensor diff_weights = bench_weights(c, 3, CHANNELS, CHANNELS);
    struct clef_tensor diff_bias = bench_vector(c, CHANNELS);
    struct clef_conv2d_backward_weights_args args = {.src = &src,
                                                     .diff_dst = &diff_dst,
                                                     .diff_weights = &diff_weights,
                                                     .diff_bias = &diff_bias,
                                                     .window = same_window(3, 1, SIZE)};
    return MAKE_PLAN(conv2d_backward_weights);
}

clef_status bench_case_dense_forward(struct bench_case *c)
{
    struct clef_tensor src = bench_activation(c, 1, DENSE_IN);
    struct clef_tensor weights = bench_weights(c, 1, DENSE_IN, DENSE_OUT);
    struct clef_tensor bias = bench_vector(c, DENSE_OUT);
    struct clef_tensor dst = bench_activation(c, 1, DENSE_OUT);
    struct clef_dense_forward_args args = {
        .src = &src, .weights = &weights, .bias = &bias, .dst = &dst, .relu = true};
    return MAKE_PLAN(dense_forward);
}

clef_status bench_case_dense_backward_data(struct bench_case *c)
{
    struct clef_tensor diff_dst = bench_activation(c, 1, DENSE_OUT);
    struct clef_tensor weights = bench_weights(c, 1, DENSE_IN, DENSE_OUT);
    struct clef_tensor diff_src = bench_activation(c, 1, DENSE_IN);
    struct clef_dense_backward_data_args args = {
        .diff_dst = &diff_dst, .weights = &weights, .diff_src = &diff_src};
    return MAKE_PLAN(dense_backward_data);
}

clef_status bench_case_dense_backward_weights(struct bench_case *c)
{
    struct clef_tensor src = bench_activation(c, 1, DENSE_IN);
    struct clef_tensor diff_dst = bench_activation(c, 1, DENSE_OUT);
    struct clef_tensor diff_weights = bench_weights(c, 1, DENSE_IN, DENSE_OUT);
    struct clef_tensor diff_bias = bench_vector(c, DENSE_OUT);
    struct clef_dense_backward_weights_args args = {
        .src = &src, .diff_dst = &diff_dst, .diff_weights = &diff_weights, .diff_bias = &diff_bias};
    return MAKE_PLAN(dense_backward_weights);
}

clef_status bench_case_batchnorm_train(struct bench_case *c)
{
    struct clef_tensor src = bench_activation(c, SIZE, CHANNELS);
    struct clef_tensor gamma = bench_vector(c, CHANNELS), beta = bench_vector(c, CHANNELS);
    struct clef_tensor dst = bench_activation(c, SIZE, CHANNELS);
    struct clef_tensor moving_mean = bench_vector(c, CHANNELS);
    struct clef_tensor moving_variance = bench_vector(c, CHANNELS);
    struct clef_tensor saved_mean = bench_vector(c, CHANNELS);
    struct clef_tensor saved_inv_std = bench_vector(c, CHANNELS);
    struct clef_batchnorm_train_args args = {.src = &src,
                                             .gamma = &gamma,
                                             .beta = &beta,
                                             .dst = &dst,
                                             .moving_mean = &moving_mean,
                                             .moving_variance = &moving_variance,
                                             .saved_mean = &saved_mean,
                                             .saved_inv_std = &saved_inv_std,
                                             .momentum = 0.99f,
                                             .epsilon = 1e-3f,
                                             .relu = true};
    return MAKE_PLAN(batchnorm_train);
}

clef_status bench_case_batchnorm_infer(struct bench_case *c)
{
    struct clef_tensor src = bench_activation(c, SIZE, CHANNELS);
    struct clef_tensor gamma = bench_vector(c, CHANNELS), beta = bench_vector(c, CHANNELS);
    struct clef_tensor dst = bench_activation(c, SIZE, CHANNELS);
    struct clef_tensor moving_mean = bench_vector(c, CHANNELS);
    struct clef_tensor moving_variance = bench_vector(c, CHANNELS);
    struct clef_batchnorm_infer_args args = {.src = &src,
                                             .gamma = &gamma,
                                             .beta = &beta,
                                             .dst = &dst,
                                             .moving_mean = &moving_mean,
                                             .moving_variance = &moving_variance,
                                             .epsilon = 1e-3f,
                                             .relu = true};
    return MAKE_PLAN(batchnorm_infer);
}

clef_status bench_case_batchnorm_backward(struct bench_case *c)
{
    struct clef_tensor src = bench_activation(c, SIZE, CHANNELS);
    struct clef_tensor dst = bench_activation(c, SIZE, CHANNELS);
    struct clef_tensor gamma = bench_vector(c, CHANNELS);
    struct clef_tensor saved_mean = bench_vector(c, CHANNELS);
    struct clef_tensor saved_inv_std = bench_vector(c, CHANNELS);
    struct clef_tensor diff_dst = bench_activation(c, SIZE, CHANNELS);
    struct clef_tensor diff_src = bench_activation(c, SIZE, CHANNELS);
    struct clef_tensor diff_gamma = bench_vector(c, CHANNELS);
    struct clef_tensor diff_beta = bench_vector(c, CHANNELS);
    struct clef_batchnorm_backward_args args = {.src = &src,
                                                .dst = &dst,
                                                .gamma = &gamma,
                                                .saved_mean = &saved_mean,
                                                .saved_inv_std = &saved_inv_std,
                                                .diff_dst = &diff_dst,
                                                .diff_src = &diff_src,
                                                .diff_gamma = &diff_gamma,
                                                .diff_beta = &diff_beta,
                                                .relu = true};
    return MAKE_PLAN(batchnorm_backward);
}

clef_status bench_case_relu_forward(struct bench_case *c)
{
    struct clef_tensor src = bench_activation(c, SIZE, CHANNELS);
    struct clef_tensor dst = bench_activation(c, SIZE, CHANNELS);
    struct clef_relu_forward_args args = {.src = &src, .dst = &dst};
    return MAKE_PLAN(relu_forward);
}

clef_status bench_case_relu_backward(struct bench_case *c)
{
    struct clef_tensor dst = bench_activation(c, SIZE, CHANNELS);
    struct clef_tensor diff_dst = bench_activation(c, SIZE, CHANNELS);
    struct clef_tensor diff_src = bench_activation(c, SIZE, CHANNELS);
    struct clef_relu_backward_args args = {
        .dst = &dst, .diff_dst = &diff_dst, .diff_src = &diff_src};
    return MAKE_PLAN(relu_backward);
}

clef_status bench_case_add(struct bench_case *c)
{
    struct clef_tensor a = bench_activation(c, SIZE, CHANNELS);
    struct clef_tensor b = bench_activation(c, SIZE, CHANNELS);
    struct clef_tensor dst = bench_activation(c, SIZE, CHANNELS);
    struct clef_add_args args = {.a = &a, .b = &b, .dst = &dst};
    return MAKE_PLAN(add);
}

// The pooling after the stem halves the image.
clef_status bench_case_maxpool_forward(struct bench_case *c)
{
    struct clef_tensor src = bench_activation(c, 2 * SIZE, CHANNELS);
    struct clef_tensor argmax = bench_activation_zero(c, SIZE, CHANNELS);
    struct clef_tensor dst = bench_activation(c, SIZE, CHANNELS);
    struct clef_maxpool_forward_args args = {
        .src = &src, .dst = &dst, .argmax = &argmax, .window = same_window(3, 2, 2 * SIZE)};
    return MAKE_PLAN(maxpool_forward);
}

clef_status bench_case_maxpool_backward(struct bench_case *c)
{
    struct clef_tensor diff_dst = bench_activation(c, SIZE, CHANNELS);
    struct clef_tensor argmax = bench_activation_zero(c, SIZE, CHANNELS);
    struct clef_tensor diff_src = bench_activation(c, 2 * SIZE, CHANNELS);
    struct clef_maxpool_backward_args args = {.diff_dst = &diff_dst,
                                              .argmax = &argmax,
                                              .diff_src = &diff_src,
                                              .window = same_window(3, 2, 2 * SIZE)};
    return MAKE_PLAN(maxpool_backward);
}

// Global average pooling.
clef_status bench_case_avgpool_forward(struct bench_case *c)
{
    struct clef_tensor src = bench_activation(c, SIZE, CHANNELS);
    struct clef_tensor dst = bench_activation(c, 1, CHANNELS);
    struct clef_avgpool_forward_args args = {
        .src = &src, .dst = &dst, .window = {SIZE, SIZE, 1, 1, 0, 0}};
    return MAKE_PLAN(avgpool_forward);
}

clef_status bench_case_avgpool_backward(struct bench_case *c)
{
    struct clef_tensor diff_dst = bench_activation(c, 1, CHANNELS);
    struct clef_tensor diff_src = bench_activation(c, SIZE, CHANNELS);
    struct clef_avgpool_backward_args args = {
        .diff_dst = &diff_dst, .diff_src = &diff_src, .window = {SIZE, SIZE, 1, 1, 0, 0}};
    return MAKE_PLAN(avgpool_backward);
}

clef_status bench_case_softmax_cross_entropy(struct bench_case *c)
{
    struct clef_tensor logits = bench_activation(c, 1, CLASSES);
    struct clef_tensor labels = bench_vector_zero(c, (size_t)c->batch_size);
    struct clef_tensor diff_logits = bench_activation(c, 1, CLASSES);
    struct clef_tensor metrics = bench_vector(c, 2), fault = bench_vector_zero(c, 1);
    struct clef_softmax_cross_entropy_args args = {.logits = &logits,
                                                   .labels = &labels,
                                                   .diff_logits = &diff_logits,
                                                   .metrics = &metrics,
                                                   .fault = &fault};
    return MAKE_PLAN(softmax_cross_entropy);
}

clef_status bench_case_adam(struct bench_case *c)
{
    struct clef_tensor grad = bench_vector(c, ADAM_PARAMETERS);
    struct clef_tensor param = bench_vector(c, ADAM_PARAMETERS);
    struct clef_tensor m = bench_vector(c, ADAM_PARAMETERS), v = bench_vector(c, ADAM_PARAMETERS);
    struct clef_tensor fault = bench_vector_zero(c, 1);
    struct clef_extent all = {.offset = 0, .count = ADAM_PARAMETERS};
    struct clef_adam_args args = {.grad = &grad,
                                  .param = &param,
                                  .m = &m,
                                  .v = &v,
                                  .extents = &all,
                                  .extent_count = 1,
                                  .fault = &fault,
                                  .beta1 = 0.9f,
                                  .beta2 = 0.999f,
                                  .epsilon = 1e-7f};
    return MAKE_PLAN(adam);
}

clef_status bench_case_fill(struct bench_case *c)
{
    struct clef_tensor dst = bench_activation(c, SIZE, CHANNELS);
    struct clef_fill_args args = {.dst = &dst, .value = 1};
    return MAKE_PLAN(fill);
}

// From position-major to image-major.
clef_status bench_case_copy(struct bench_case *c)
{
    struct clef_tensor src = bench_activation(c, SIZE, CHANNELS);
    struct clef_tensor dst = bench_activation(c, SIZE, CHANNELS);
    dst = clef_tensor_nhwc(dst.buffer, 0, dst.n, dst.h, dst.w, dst.c);
    struct clef_copy_args args = {.src = &src, .dst = &dst};
    return MAKE_PLAN(copy);
}

// The network's input. The bytes of any floats are as good as pixels.
clef_status bench_case_cast(struct bench_case *c)
{
    struct clef_tensor src = bench_activation(c, 32, 1), dst = bench_activation(c, 32, 1);
    src = clef_tensor_nhwc(src.buffer, 0, src.n, src.h, src.w, src.c);
    struct clef_cast_args args = {.src = &src, .dst = &dst, .divisor = 255};
    return MAKE_PLAN(cast);
}
