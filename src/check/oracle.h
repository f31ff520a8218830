// SPDX-License-Identifier: Apache-2.0
// The formulas of clef/ops.h, as plain loops in double precision. They share nothing with the
// library: images are [n][h][w][c] without gaps, weights are HWIO.
#ifndef CLEF_CHECK_ORACLE_H
#define CLEF_CHECK_ORACLE_H

#include <stdbool.h>
#include <stddef.h>

// An image of in_h x in_w, a window that slides over it, and the result of out_h x out_w.
struct oracle_window {
    int in_h, in_w, out_h, out_w;
    int kernel_h, kernel_w, stride_h, stride_w, pad_top, pad_left;
};

enum oracle_padding {
    ORACLE_SAME,     // Keras: the odd row goes to the end.
    ORACLE_VALID,    // None.
    ORACLE_SYMMETRIC // PyTorch: half of the kernel on each side.
};
struct oracle_window oracle_window(enum oracle_padding padding, int in_h, int in_w, int kernel_h,
                                   int kernel_w, int stride_h, int stride_w);

// Whether a tap of the window at (oy, ox) lies inside of the image, and where.
bool oracle_tap(const struct oracle_window *window, int oy, int ox, int ky, int kx, int *iy,
                int *ix);

// [kernel_h][kernel_w]: whether a tap lies inside of the image for any result.
void oracle_reached(const struct oracle_window *window, bool *reached);
// Pairs of a result and a tap of it inside of the image.
double oracle_executed_taps(const struct oracle_window *window);

double oracle_relu(double x); // Keeps NaN.

struct oracle_conv2d {
    struct oracle_window window;
    int n, in, out;
};
// `bias` may be NULL.
void oracle_conv2d_forward(const struct oracle_conv2d *conv, const double *src,
                           const double *weights, const double *bias, bool relu, double *dst);
// `addend` may be NULL.
void oracle_conv2d_backward_data(const struct oracle_conv2d *conv, const double *diff_dst,
                                 const double *weights, const double *addend, double *diff_src);
void oracle_conv2d_backward_weights(const struct oracle_conv2d *conv, const double *src,
                                    const double *diff_dst, double *diff_weights,
                                    double *diff_bias);

struct oracle_dense {
    int n, in, out; // weights [in][out]
};
void oracle_dense_forward(const struct oracle_dense *dense, const double *src,
                          const double *weights, const double *bias, bool relu, double *dst);
void oracle_dense_backward_data(const struct oracle_dense *dense, const double *diff_dst,
                                const double *weights, double *diff_src);
void oracle_dense_backward_weights(const struct oracle_dense *dense, const double *src,
                                   const double *diff_dst, double *diff_weights, double *diff_bias);

// Batch normalisation of [rows][channels]; all other arrays are [channels].
struct oracle_batchnorm {
    int rows, channels;
    double epsilon;
    bool relu;
};
void oracle_batchnorm_moments(const struct oracle_batchnorm *bn, const double *src, double *mean,
                              double *variance);
// `residual` may be NULL.
void oracle_batchnorm_apply(const struct oracle_batchnorm *bn, const double *src,
                            const double *mean, const double *variance, const double *gamma,
                            const double *beta, const double *residual, double *dst);
// `dst` is read only with relu; diff_residual receives the masked gradient.
void oracle_batchnorm_backward(const struct oracle_batchnorm *bn, const double *src,
                               const double *dst, const double *mean, const double *inv_std,
                               const double *gamma, const double *diff_dst, double *diff_src,
                               double *diff_residual, double *diff_gamma, double *diff_beta);

// Pooling of n images of c channels.
struct oracle_pool {
    struct oracle_window window;
    int n, c;
};
void oracle_maxpool_forward(const struct oracle_pool *pool, const double *src, double *dst,
                            double *argmax);
// `relu_dst` may be NULL.
void oracle_maxpool_backward(const struct oracle_pool *pool, const double *diff_dst,
                             const double *argmax, const double *relu_dst, double *diff_src);
void oracle_avgpool_forward(const struct oracle_pool *pool, const double *src, double *dst);
void oracle_avgpool_backward(const struct oracle_pool *pool, const double *diff_dst,
                             double *diff_src);

void oracle_softmax_cross_entropy(int rows, int classes, const double *logits, const double *labels,
                                  double *diff_logits, double metrics[2]);

struct oracle_adam {
    double learning_rate, beta1, beta2, epsilon;
    double step;
};
void oracle_adam(const struct oracle_adam *adam, size_t first, size_t count, const double *grad,
                 double *param, double *m, double *v);

#endif
