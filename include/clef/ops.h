// SPDX-License-Identifier: Apache-2.0
/// @file ops.h
/// The operations a device can execute. Each is planned once and run many times.
///
/// A `clef_plan_OP` function checks the arguments, lets the device choose an algorithm, and returns
/// a plan that has its tensors bound. `clef_plan_run` enqueues it. Called with `plan == NULL`, it
/// fills in only `info`; buffers may then be NULL, so that memory can be planned before it is
/// allocated.
///
/// Common to all ops:
/// - Tensors are float32. Those said to have the same layout must agree in extents and strides.
/// Element-wise ops, batch
///   normalisation and the loss need dense tensors, in either order of rows.
/// - An op overwrites its outputs. Outputs must not overlap inputs, unless an op says "may be in
/// place".
/// - Pointers to tensors marked optional may be NULL. Tensors are copied into the plan; buffers
/// must outlive it.
/// - Results have the same bits for any number of threads.
/// - `diff_x` is the gradient of the loss with respect to x.
#ifndef CLEF_OPS_H
#define CLEF_OPS_H

#include "clef/device.h"
#include "clef/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

// ---------------------------------------------------------------- plans

struct clef_plan;

/// What a plan needs and does.
struct clef_plan_info {
    size_t scratch_floats; ///< Disposable memory while the plan runs, in floats.
    double flops; ///< Executed floating-point operations; a fused multiply-add counts as two.
    double bytes; ///< Bytes of the tensors read and written, each counted once.
    const char *algorithm; ///< A short constant name of the chosen algorithm.
};

/// Values that change from run to run. Ops that do not name them ignore them.
struct clef_run_values {
    float learning_rate;
    uint64_t step; ///< Number of the optimiser step, from 1.
};

/// Enqueues a plan. @param values needed by `adam` and by ops with a `clef_weights_update`; may be
/// NULL for all others.
clef_status clef_plan_run(struct clef_plan *plan, const struct clef_run_values *values);

/// Runs a plan, waits for it and tells the seconds that the device spent on it.
clef_status clef_plan_run_timed(struct clef_plan *plan, const struct clef_run_values *values,
                                double *seconds);

/// @return what the plan needs and does, valid as long as the plan.
const struct clef_plan_info *clef_plan_get_info(const struct clef_plan *plan);

/// Names the layer that a plan belongs to, for profiles and for messages about errors.
/// @param layer must outlive the plan.
void clef_plan_set_layer(struct clef_plan *plan, const char *layer);

/// Releases a plan; enqueued runs of it are finished first. NULL is accepted.
void clef_plan_destroy(struct clef_plan *plan);

// ---------------------------------------------------------------- windows and weights

/// How a window slides over an image: `dst(oy, ox)` sees `src(oy*stride_h - pad_top + ky,
/// ox*stride_w - pad_left + kx)`. Positions outside of the image count as zero (convolution), or do
/// not take part (pooling).
struct clef_window {
    int kernel_h, kernel_w; ///< At least 1.
    int stride_h, stride_w; ///< At least 1.
    int pad_top, pad_left;  ///< Rows and columns of zeros before the image; those after it follow
                            ///< from dst's extents.
};

/// Keras's and TensorFlow's `same` padding: out = ceil(in / stride); an odd row or column of
/// padding goes to the end.
/// @param kernel @param stride (height, width) @param in (height, width) of src @param[out] out
/// (height, width) of dst.
struct clef_window clef_window_same(const int kernel[2], const int stride[2], const int in[2],
                                    int out[2]);

/// Half a kernel of padding on each side, as PyTorch's networks have it: pad = kernel / 2, out =
/// (in + 2 pad - kernel) / stride + 1. With an odd kernel, the image of stride 1 keeps its size.
struct clef_window clef_window_symmetric(const int kernel[2], const int stride[2], const int in[2],
                                         int out[2]);

/// `valid` padding, that is none: out = (in - kernel) / stride + 1. The kernel must not be larger
/// than the image.
struct clef_window clef_window_valid(const int kernel[2], const int stride[2], const int in[2],
                                     int out[2]);

/// Weights live on a device in panels of `panel` filters:
///
///     element(ky, kx, i, o) = data[(((o / panel) * kernel_h*kernel_w + ky*kernel_w + kx) * in + i)
///     * panel + o % panel]
///
/// The lanes of the last panel beyond `out` are zero and stay zero. `panel` is the device's
/// `filter_panel`.
struct clef_weights_layout {
    int kernel_h, kernel_w, in, out, panel;
};

/// @return the number of floats that the panels take, the unused lanes included.
size_t clef_weights_count(const struct clef_weights_layout *layout);

/// Order of weights outside of a device.
enum clef_weights_order {
    CLEF_HWIO, ///< [kernel_h][kernel_w][in][out]: Keras, TensorFlow. A dense layer is [in][out].
    CLEF_OIHW  ///< [out][in][kernel_h][kernel_w]: PyTorch, ONNX. A dense layer is [out][in].
};

/// Converts weights from `order` into panels. `panels` has `clef_weights_count` floats.
void clef_weights_pack(const struct clef_weights_layout *layout, enum clef_weights_order order,
                       const float *src, float *panels);

/// Converts weights from panels into `order`. `dst` has kernel_h*kernel_w*in*out floats.
void clef_weights_unpack(const struct clef_weights_layout *layout, enum clef_weights_order order,
                         const float *panels, float *dst);

/// A run of consecutive elements.
struct clef_extent {
    size_t offset, count;
};

/// Lists the parts of a weights tensor that a convolution can reach at all. A tap that falls on
/// padding at every position is never read, and its gradient is exactly zero.
/// @param src (height, width) of the image @param dst (height, width) of the result
/// @param[out] extents may be NULL to count; ascending, offsets relative to the weights @return
/// their number.
size_t clef_weights_reached(const struct clef_weights_layout *layout,
                            const struct clef_window *window, const int src[2], const int dst[2],
                            struct clef_extent *extents);

// ---------------------------------------------------------------- convolution

/// dst(n, oy, ox, o) = act(bias(o) + sum over ky, kx, i of src(n, iy, ix, i) * weights(ky, kx, i,
/// o)), with act the identity or max(0, x), and iy, ix as `window` says.
struct clef_conv2d_forward_args {
    const struct clef_tensor *src;     ///< [n, h, w, in]
    const struct clef_tensor *weights; ///< Vector in panels.
    const struct clef_tensor *bias;    ///< Vector of `out`; optional.
    const struct clef_tensor *dst;     ///< [n, oh, ow, out]
    struct clef_window window;
    bool relu; ///< Fuses max(0, x).
};

/// diff_src(n, iy, ix, i) = sum over ky, kx, o of diff_dst(n, oy, ox, o) * weights(ky, kx, i, o) [+
/// addend(n, iy, ix, i)]
struct clef_conv2d_backward_data_args {
    const struct clef_tensor *diff_dst; ///< [n, oh, ow, out]
    const struct clef_tensor *weights;  ///< Vector in panels.
    const struct clef_tensor *addend;   ///< Same layout as diff_src; optional; may be in place.
    const struct clef_tensor *diff_src; ///< [n, h, w, in]
    struct clef_window window;
};

/// Adam's step on weights, taken where their gradient is made and while it is still in a cache. The
/// result has the bits of the op `adam` after the same gradient.
struct clef_weights_update {
    const struct clef_tensor *weights, *m, *v; ///< Vectors in panels, as diff_weights; updated.
    const struct clef_tensor *fault;           ///< Vector of 1, as int32; optional.
    float beta1, beta2, epsilon;               ///< Keras: 0.9, 0.999, 1e-7.
};

/// diff_weights(ky, kx, i, o) = sum over n, oy, ox of src(n, iy, ix, i) * diff_dst(n, oy, ox, o)
/// diff_bias(o) = sum over n, oy, ox of diff_dst(n, oy, ox, o)
/// Only the parts that `clef_weights_reached` lists are written or updated; the others are left
/// alone.
struct clef_conv2d_backward_weights_args {
    const struct clef_tensor *src;          ///< [n, h, w, in]
    const struct clef_tensor *diff_dst;     ///< [n, oh, ow, out]
    const struct clef_tensor *diff_weights; ///< Vector in panels; optional with `update`.
    const struct clef_tensor *diff_bias;    ///< Vector of `out`; optional.
    struct clef_window window;
    const struct clef_weights_update *update; ///< Optional.
};

// ---------------------------------------------------------------- dense

/// dst(n, o) = act(bias(o) + sum over k of src(n, k) * weights(k, o)), k running over (h, w, c) of
/// src in this order: a `flatten` and a dense layer in one. Weights are panels of a kernel as large
/// as the image (kernel_h = h, kernel_w = w).
struct clef_dense_forward_args {
    const struct clef_tensor *src;     ///< [n, h, w, c]
    const struct clef_tensor *weights; ///< Vector in panels.
    const struct clef_tensor *bias;    ///< Vector of `out`; optional.
    const struct clef_tensor *dst;     ///< [n, 1, 1, out]
    bool relu;                         ///< Fuses max(0, x).
};

/// diff_src(n, k) = sum over o of diff_dst(n, o) * weights(k, o)
struct clef_dense_backward_data_args {
    const struct clef_tensor *diff_dst; ///< [n, 1, 1, out]
    const struct clef_tensor *weights;  ///< Vector in panels.
    const struct clef_tensor *diff_src; ///< [n, h, w, c]
};

/// diff_weights(k, o) = sum over n of src(n, k) * diff_dst(n, o);  diff_bias(o) = sum over n of
/// diff_dst(n, o)
struct clef_dense_backward_weights_args {
    const struct clef_tensor *src;            ///< [n, h, w, c]
    const struct clef_tensor *diff_dst;       ///< [n, 1, 1, out]
    const struct clef_tensor *diff_weights;   ///< Vector in panels; optional with `update`.
    const struct clef_tensor *diff_bias;      ///< Vector of `out`; optional.
    const struct clef_weights_update *update; ///< Optional.
};

// ---------------------------------------------------------------- batch normalisation

/// With mean and the biased variance over the rows (n, h, w) of each channel:
///
///     saved_inv_std = 1 / sqrt(variance + epsilon)
///     dst = act(gamma * (src - mean) * saved_inv_std + beta [+ residual])
///     moving_mean     = momentum * moving_mean     + (1 - momentum) * mean
///     moving_variance = momentum * moving_variance + (1 - momentum) * variance [* m / (m - 1)]
///
/// The factor, of m rows, is that of the unbiased variance; with a single row there is none.
/// All per-channel tensors are vectors of c.
struct clef_batchnorm_train_args {
    const struct clef_tensor *src;
    const struct clef_tensor *gamma, *beta;
    const struct clef_tensor *residual;                      ///< Same layout as src; optional.
    const struct clef_tensor *dst;                           ///< Same layout as src.
    const struct clef_tensor *moving_mean, *moving_variance; ///< Updated.
    const struct clef_tensor *saved_mean, *saved_inv_std;    ///< For the backward pass.
    float momentum;                                          ///< Keras: 0.99.
    float epsilon;                                           ///< Keras: 1e-3.
    bool unbiased; ///< Of the moving variance. Keras: no; PyTorch: yes.
    bool relu;     ///< Fuses max(0, x).
};

/// dst = act(gamma * (src - moving_mean) / sqrt(moving_variance + epsilon) + beta [+ residual])
struct clef_batchnorm_infer_args {
    const struct clef_tensor *src;
    const struct clef_tensor *gamma, *beta;
    const struct clef_tensor *residual; ///< Same layout as src; optional.
    const struct clef_tensor *dst;      ///< Same layout as src; may be in place.
    const struct clef_tensor *moving_mean, *moving_variance;
    float epsilon;
    bool relu;
};

/// With g = diff_dst, or 0 where `relu` and dst <= 0; x^ = (src - saved_mean) * saved_inv_std; m
/// rows:
///
///     diff_residual = g
///     diff_beta  = sum of g;   diff_gamma = sum of g * x^
///     diff_src   = gamma * saved_inv_std * (g - diff_beta / m - x^ * diff_gamma / m)
struct clef_batchnorm_backward_args {
    const struct clef_tensor *src;
    const struct clef_tensor
        *dst; ///< Result of the forward pass; needed with `relu`, else optional.
    const struct clef_tensor *gamma;
    const struct clef_tensor *saved_mean, *saved_inv_std;
    const struct clef_tensor *diff_dst;
    const struct clef_tensor
        *diff_src; ///< Same layout as src; may be in place of diff_dst if diff_residual is not.
    const struct clef_tensor
        *diff_residual; ///< Same layout as src; optional; may be in place of diff_dst.
    const struct clef_tensor *diff_gamma, *diff_beta;
    bool relu;
};

// ---------------------------------------------------------------- element-wise

/// dst = max(0, src)
struct clef_relu_forward_args {
    const struct clef_tensor *src;
    const struct clef_tensor *dst; ///< Same layout as src; may be in place.
};

/// diff_src = diff_dst where dst > 0, else 0
struct clef_relu_backward_args {
    const struct clef_tensor *dst;
    const struct clef_tensor *diff_dst; ///< Same layout as dst.
    const struct clef_tensor *diff_src; ///< Same layout as dst; may be in place of diff_dst.
};

/// dst = a + b. Serves as the residual connection, and joins gradients of branches.
struct clef_add_args {
    const struct clef_tensor *a, *b; ///< Same layout.
    const struct clef_tensor *dst;   ///< Same layout; may be in place of either.
};

// ---------------------------------------------------------------- pooling

/// dst = maximum over the window's positions inside the image. `argmax` keeps which one it was (the
/// first in ky, kx order on a tie).
struct clef_maxpool_forward_args {
    const struct clef_tensor *src;    ///< [n, h, w, c]
    const struct clef_tensor *dst;    ///< [n, oh, ow, c]
    const struct clef_tensor *argmax; ///< Same layout as dst, as int32: ky*kernel_w + kx. Optional.
    struct clef_window window;
};

/// diff_src = sum of diff_dst over the windows whose maximum it was.
/// With `relu_dst`, the result of a ReLU that src was, diff_src is 0 where relu_dst <= 0: the
/// ReLU's backward pass, fused.
struct clef_maxpool_backward_args {
    const struct clef_tensor *diff_dst; ///< [n, oh, ow, c]
    const struct clef_tensor *argmax;   ///< From the forward pass.
    const struct clef_tensor *relu_dst; ///< Same layout as diff_src; optional.
    const struct clef_tensor *diff_src; ///< [n, h, w, c]
    struct clef_window window;
};

/// dst = mean over the window's positions inside the image. A window of the image's size is global
/// average pooling.
struct clef_avgpool_forward_args {
    const struct clef_tensor *src; ///< [n, h, w, c]
    const struct clef_tensor *dst; ///< [n, oh, ow, c]
    struct clef_window window;
};

/// diff_src = sum over the windows that see it of diff_dst / (positions of that window inside the
/// image)
struct clef_avgpool_backward_args {
    const struct clef_tensor *diff_dst; ///< [n, oh, ow, c]
    const struct clef_tensor *diff_src; ///< [n, h, w, c]
    struct clef_window window;
};

// ---------------------------------------------------------------- loss and optimiser

/// With p = softmax(logits) and m rows:
///
///     metrics[0] = mean over rows of -log p(label);  metrics[1] = rows whose largest logit (the
///     first on a tie) is at the label diff_logits = (p - onehot(label)) / m fault[0] is set to 1
///     if metrics[0] is not finite, else left alone.
struct clef_softmax_cross_entropy_args {
    const struct clef_tensor *logits;      ///< [n, 1, 1, classes]
    const struct clef_tensor *labels;      ///< Vector of n, as int32, each in 0..classes-1.
    const struct clef_tensor *diff_logits; ///< Same layout as logits; optional.
    const struct clef_tensor *metrics;     ///< Vector of 2.
    const struct clef_tensor *fault;       ///< Vector of 1, as int32; optional.
};

/// Adam in Keras's form, with lr and t from `clef_run_values`:
///
///     m = m + (g - m) * (1 - beta1);  v = v + (g*g - v) * (1 - beta2)
///     param = param - lr * sqrt(1 - beta2^t) / (1 - beta1^t) * m / (sqrt(v) + epsilon)
///
/// Only the elements of the listed extents are touched. If `fault[0]` is not 0, nothing changes.
struct clef_adam_args {
    const struct clef_tensor *grad;          ///< Vector.
    const struct clef_tensor *param, *m, *v; ///< Vectors of the same length; updated.
    const struct clef_extent *extents;       ///< Ascending, disjoint; copied into the plan.
    size_t extent_count;                     ///< At least 1.
    const struct clef_tensor *fault;         ///< Vector of 1, as int32; optional.
    float beta1, beta2, epsilon;             ///< Keras: 0.9, 0.999, 1e-7.
};

// ---------------------------------------------------------------- memory

/// dst = value, everywhere.
struct clef_fill_args {
    const struct clef_tensor *dst;
    float value;
};

/// dst = src, whatever the strides of each: also converts between NHWC and HWNC.
struct clef_copy_args {
    const struct clef_tensor *src;
    const struct clef_tensor *dst; ///< Same extents as src.
};

/// dst = src / divisor, from uint8 to float32, whatever the strides of each.
struct clef_cast_args {
    const struct clef_tensor *src; ///< Elements are uint8; offset and strides count bytes.
    const struct clef_tensor *dst; ///< Same extents as src.
    float divisor;
};

/// Each op's planning function has this form.
/// @param args    shapes and tensors, see the structs above.
/// @param scratch a vector of at least `info->scratch_floats` that plans may share; NULL lets the
/// plan allocate its own.
/// @param[out] info may be NULL.
/// @param[out] plan released with `clef_plan_destroy`; NULL asks for `info` alone.
#define CLEF_DECLARE_PLAN(op)                                                                   \
    clef_status clef_plan_##op(struct clef_device *device, const struct clef_##op##_args *args, \
                               const struct clef_tensor *scratch, struct clef_plan_info *info,  \
                               struct clef_plan **plan)

CLEF_DECLARE_PLAN(conv2d_forward);
CLEF_DECLARE_PLAN(conv2d_backward_data);
CLEF_DECLARE_PLAN(conv2d_backward_weights);
CLEF_DECLARE_PLAN(dense_forward);
CLEF_DECLARE_PLAN(dense_backward_data);
CLEF_DECLARE_PLAN(dense_backward_weights);
CLEF_DECLARE_PLAN(batchnorm_train);
CLEF_DECLARE_PLAN(batchnorm_infer);
CLEF_DECLARE_PLAN(batchnorm_backward);
CLEF_DECLARE_PLAN(relu_forward);
CLEF_DECLARE_PLAN(relu_backward);
CLEF_DECLARE_PLAN(add);
CLEF_DECLARE_PLAN(maxpool_forward);
CLEF_DECLARE_PLAN(maxpool_backward);
CLEF_DECLARE_PLAN(avgpool_forward);
CLEF_DECLARE_PLAN(avgpool_backward);
CLEF_DECLARE_PLAN(softmax_cross_entropy);
CLEF_DECLARE_PLAN(adam);
CLEF_DECLARE_PLAN(fill);
CLEF_DECLARE_PLAN(copy);
CLEF_DECLARE_PLAN(cast);

#ifdef __cplusplus
}
#endif
#endif
