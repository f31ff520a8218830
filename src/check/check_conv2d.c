// SPDX-License-Identifier: Apache-2.0
// Convolution: forward, backward_data and backward_weights over one table of shapes.
#include "check/check_layouts.h"
#include "check/check_session.h"
#include "check/check_update.h"
#include "check/oracle.h"

#include <math.h>

// Sums of float32 products stray from the exact ones by a few units in the last place (6e-8) per
// root of the number of terms; 1e-5 of the largest leaves room for a few thousand terms, and for
// the transforms of a Winograd algorithm, which lose about one more decimal digit.
#define TOLERANCE 1e-5

enum flags {
    BIAS = 1,
    RELU = 2,
    ADDEND = 4,   // Of backward_data.
    IN_PLACE = 8, // The addend is diff_src.
    REAL = 16,    // Real numbers instead of small integers, whose sums are exact.
    NOT_FINITE = 32,
    UPDATE = 64, // Of the weights, by backward_weights,
    KEPT = 128,  // whose gradient is written as well,
    FAULT = 256, // or which do not move.
};

struct row {
    int n, h, w, in, out;
    int kernel_h, kernel_w, stride_h, stride_w;
    int padding, src_layout, dst_layout, flags;
};

static const struct row rows[] = {
    // One pixel: of nine taps one meets the image.
    {1, 1, 1, 1, 1, 3, 3, 1, 1, SAME, NHWC, NHWC, UPDATE},
    {7, 1, 1, 17, 33, 3, 3, 1, 1, SAME, HWNC, HWNC, BIAS | RELU},
    {64, 1, 1, 33, 100, 3, 3, 1, 1, SAME, HWNC, HWNC, BIAS | ADDEND | UPDATE},
    {64, 1, 1, 64, 64, 1, 1, 1, 1, VALID, NHWC, NHWC,
     BIAS | RELU | ADDEND | IN_PLACE | UPDATE | KEPT},
    {13, 1, 1, 5, 3, 5, 5, 2, 2, SAME, HWNC, NHWC, 0},
    // The default network's kinds of layer, with fewer channels.
    {7, 32, 32, 1, 17, 7, 7, 2, 2, SAME, NHWC, HWNC, BIAS | RELU | UPDATE},
    {2, 32, 32, 1, 64, 7, 7, 2, 2, SAME, NHWC, NHWC, BIAS | RELU | REAL | UPDATE},
    {64, 4, 4, 33, 17, 3, 3, 1, 1, SAME, HWNC, HWNC, BIAS | ADDEND},
    {7, 8, 8, 33, 64, 3, 3, 1, 1, SAME, HWNC, HWNC, BIAS | ADDEND | IN_PLACE | UPDATE},
    {7, 8, 8, 33, 64, 3, 3, 1, 1, SAME, NHWC, NHWC, BIAS | REAL | UPDATE | KEPT},
    {64, 4, 4, 17, 33, 3, 3, 2, 2, SAME, HWNC, HWNC, BIAS},
    {64, 4, 4, 17, 33, 1, 1, 2, 2, SAME, HWNC, HWNC, BIAS | ADDEND | UPDATE},
    {7, 2, 2, 64, 100, 3, 3, 1, 1, SAME, HWNC, HWNC, BIAS | RELU | UPDATE},
    {64, 2, 2, 33, 65, 3, 3, 2, 2, SAME, HWNC, HWNC, REAL},
    // Images larger than batches.
    {2, 20, 18, 3, 17, 3, 3, 1, 1, SAME, NHWC, NHWC, BIAS | UPDATE},
    {1, 32, 33, 1, 5, 1, 1, 1, 1, VALID, NHWC, NHWC,
     BIAS | UPDATE | KEPT}, // Rows enough to be summed in parts.
    {2, 20, 18, 17, 33, 3, 3, 2, 2, SAME, NHWC, NHWC, BIAS | RELU | ADDEND},
    {2, 20, 18, 17, 5, 3, 3, 1, 1, SAME, HWNC, HWNC, ADDEND | UPDATE},
    {1, 31, 29, 3, 5, 5, 5, 2, 2, VALID, NHWC, NHWC, BIAS | UPDATE},
    {1, 16, 19, 33, 33, 3, 3, 1, 1, SAME, NHWC, NHWC, ADDEND | IN_PLACE | REAL},
    // Odd kernels, strides and paddings.
    {1, 5, 7, 3, 5, 3, 5, 1, 2, SAME, NHWC, NHWC, BIAS | UPDATE},
    {7, 5, 6, 5, 17, 5, 3, 2, 1, VALID, NHWC, HWNC, UPDATE | KEPT},
    {7, 9, 8, 3, 33, 3, 3, 3, 3, SAME, HWNC, HWNC, RELU},
    {2, 9, 11, 17, 3, 2, 2, 3, 3, VALID, NHWC, NHWC, BIAS | ADDEND | UPDATE},
    {2, 10, 10, 5, 5, 1, 1, 3, 3, VALID, NHWC, NHWC, UPDATE},
    {2, 10, 7, 5, 33, 1, 1, 1, 2, SAME, HWNC, NHWC, BIAS},
    {1, 7, 7, 5, 17, 7, 7, 1, 1, SAME, NHWC, NHWC, UPDATE},
    {3, 7, 7, 3, 17, 7, 7, 1, 1, VALID, NHWC, NHWC, BIAS | UPDATE | KEPT},
    {2, 8, 6, 17, 16, 3, 3, 2, 2, SYMMETRIC, NHWC, NHWC, 0},
    {5, 6, 6, 16, 32, 3, 3, 1, 1, SYMMETRIC, HWNC, HWNC, REAL | UPDATE},
    {2, 3, 2, 9, 15, 5, 5, 1, 1, SYMMETRIC, NHWC, HWNC, ADDEND | UPDATE},
    // Symmetric padding with stride 2: of even sizes the last row or column of it is not reached.
    {2, 20, 18, 3, 33, 7, 7, 2, 2, SYMMETRIC, NHWC, NHWC, REAL},
    {7, 13, 14, 3, 16, 7, 7, 2, 2, SYMMETRIC, NHWC, HWNC, RELU | UPDATE},
    {1, 2, 3, 5, 17, 7, 7, 2, 2, SYMMETRIC, NHWC, NHWC, UPDATE | KEPT},
    {7, 8, 8, 33, 17, 3, 3, 2, 2, SYMMETRIC, HWNC, HWNC, ADDEND | IN_PLACE},
    {2, 14, 14, 16, 32, 3, 3, 2, 2, SYMMETRIC, NHWC, NHWC, ADDEND | REAL | UPDATE},
    {5, 7, 2, 17, 16, 3, 3, 2, 2, SYMMETRIC, HWNC, NHWC, BIAS | UPDATE},
    {2, 6, 7, 5, 33, 1, 1, 2, 2, SYMMETRIC, NHWC, NHWC, ADDEND},
    {2, 6, 6, 8, 16, 4, 4, 1, 1, SAME, NHWC, NHWC, BIAS | UPDATE},
    {1, 1, 9, 5, 3, 1, 3, 1, 1, SAME, NHWC, NHWC, UPDATE | KEPT},
    {1, 9, 1, 5, 3, 3, 1, 2, 1, SAME, NHWC, NHWC, 0},
    // Rows in different orders, and with gaps.
    {13, 5, 5, 17, 33, 3, 3, 1, 1, SAME, NHWC, HWNC, BIAS | ADDEND | UPDATE},
    {13, 5, 5, 17, 33, 3, 3, 1, 1, SAME, HWNC, NHWC, BIAS | ADDEND | UPDATE},
    {3, 6, 5, 5, 17, 3, 3, 1, 1, SAME, NHWC_GAPS, NHWC_GAPS, BIAS | ADDEND},
    {3, 6, 5, 5, 17, 3, 3, 2, 2, VALID, HWNC_GAPS, NHWC_GAPS, RELU | ADDEND | IN_PLACE | UPDATE},
    {14, 3, 3, 16, 32, 3, 3, 1, 1, SAME, HWNC_GAPS, HWNC_GAPS, BIAS | UPDATE | KEPT},
    // Images of whole tiles of Winograd's algorithms, and with a part of one at the end; their
    // paddings.
    {5, 2, 2, 17, 33, 3, 3, 1, 1, SAME, HWNC, HWNC, BIAS | RELU | ADDEND},
    {3, 2, 2, 33, 12, 3, 3, 1, 1, SAME, NHWC_GAPS, HWNC, BIAS | ADDEND | IN_PLACE | REAL | UPDATE},
    {2, 8, 8, 9, 7, 3, 3, 1, 1, SAME, NHWC, NHWC, BIAS | RELU | REAL | UPDATE},
    {3, 2, 7, 12, 5, 3, 3, 1, 1, SAME, HWNC, NHWC, BIAS | ADDEND | REAL},
    {2, 9, 4, 20, 24, 3, 3, 1, 1, VALID, HWNC, HWNC_GAPS, BIAS | REAL | UPDATE},
    {130, 4, 4, 6, 40, 3, 3, 1, 1, SAME, HWNC, HWNC, ADDEND | REAL | UPDATE | KEPT},
    // Many channels, few of the other side.
    {3, 3, 3, 1, 100, 3, 3, 1, 1, SAME, NHWC, NHWC, BIAS},
    {3, 3, 3, 100, 1, 3, 3, 1, 1, SAME, HWNC, HWNC, BIAS | REAL | UPDATE},
    {2, 2, 3, 300, 70, 3, 3, 1, 1, SAME, HWNC, HWNC, BIAS | RELU | UPDATE},
    // Images of one tile, with partial tiles, with channels in whole vectors and without.
    {1, 3, 2, 16, 16, 3, 3, 1, 1, SAME, HWNC, HWNC, BIAS | RELU | ADDEND},
    {2, 2, 2, 16, 16, 3, 3, 1, 1, SAME, HWNC, HWNC, BIAS | RELU | ADDEND | IN_PLACE | UPDATE},
    {3, 2, 2, 33, 17, 3, 3, 1, 1, SAME, NHWC_GAPS, NHWC, BIAS | ADDEND | REAL | UPDATE | KEPT},
    // NaN and infinity reach all that depends on them, and nothing else but what shares a tile.
    {3, 6, 6, 5, 17, 3, 3, 1, 1, SAME, NHWC, NHWC, BIAS | RELU | REAL | NOT_FINITE},
    {5, 8, 8, 17, 9, 3, 3, 1, 1, SAME, HWNC, HWNC, BIAS | REAL | NOT_FINITE | UPDATE},
    {7, 2, 2, 9, 33, 3, 3, 1, 1, SAME, HWNC, HWNC, BIAS | RELU | REAL | NOT_FINITE | UPDATE},
    {7, 4, 4, 33, 16, 3, 3, 2, 2, SAME, HWNC, HWNC, REAL | NOT_FINITE},
    {5, 2, 2, 17, 5, 3, 3, 1, 1, SAME, HWNC, HWNC, BIAS | RELU | REAL | NOT_FINITE | UPDATE},
    {16, 2, 2, 16, 32, 1, 1, 1, 1, VALID, HWNC, HWNC,
     BIAS | RELU | REAL | NOT_FINITE | UPDATE | KEPT},
    // Small enough for a simulated device by each algorithm: several tiles, and one.
    {1, 5, 3, 5, 7, 3, 3, 1, 1, SAME, HWNC, NHWC, BIAS | RELU | ADDEND},
    {2, 2, 2, 3, 9, 3, 3, 1, 1, SAME, HWNC, HWNC, BIAS | RELU | ADDEND | IN_PLACE | UPDATE},
    // Results of a few rows in all, and of one image.
    {1, 3, 5, 12, 37, 3, 3, 1, 1, SAME, NHWC, HWNC, ADDEND | REAL},
    {1, 4, 4, 35, 20, 3, 3, 2, 2, SYMMETRIC, HWNC, NHWC, ADDEND | IN_PLACE},
    {1, 3, 3, 9, 40, 3, 3, 1, 1, SAME, HWNC, HWNC, BIAS | REAL | NOT_FINITE | UPDATE},
    {1, 2, 2, 67, 40, 3, 3, 1, 1, SAME, HWNC, HWNC, BIAS | ADDEND | REAL | UPDATE},
    {1, 2, 2, 33, 17, 3, 3, 2, 2, SYMMETRIC, NHWC, NHWC, ADDEND | IN_PLACE},
    {3, 1, 1, 20, 70, 3, 3, 1, 1, SAME, HWNC, NHWC, REAL},
    {2, 1, 2, 6, 5, 3, 2, 1, 1, SAME, NHWC_GAPS, HWNC_GAPS, ADDEND | UPDATE},
    {1, 2, 2, 9, 33, 3, 3, 1, 1, SAME, HWNC, HWNC, REAL | NOT_FINITE},
    // Weights that a fault keeps.
    {4, 4, 4, 9, 17, 3, 3, 1, 1, SAME, HWNC, HWNC, BIAS | UPDATE | KEPT | FAULT},
    {3, 6, 6, 5, 17, 3, 3, 2, 2, SAME, NHWC, NHWC, UPDATE | FAULT},
    {2, 24, 24, 1, 17, 7, 7, 2, 2, SAME, NHWC, NHWC, UPDATE | KEPT | FAULT},
    // More weights than a cache holds at the points of Winograd's algorithms, and more rows than go
    // through them at a time.
    {80, 2, 2, 260, 100, 3, 3, 1, 1, SAME, HWNC, HWNC, BIAS | RELU | REAL | UPDATE},
    {80, 2, 2, 100, 260, 3, 3, 1, 1, SAME, HWNC, HWNC, ADDEND},
};

struct shapes {
    struct oracle_conv2d conv;
    struct weights_shape weights;
    struct clef_window window;
};

static struct shapes describe(struct session *s, const struct row *r)
{
    struct shapes shapes = {
        .conv = {.window = oracle_window((enum oracle_padding)r->padding, r->h, r->w, r->kernel_h,
                                         r->kernel_w, r->stride_h, r->stride_w),
                 .n = r->n,
                 .in = r->in,
                 .out = r->out},
        .weights = {.kernel_h = r->kernel_h, .kernel_w = r->kernel_w, .in = r->in, .out = r->out},
    };
    const struct oracle_window *w = &shapes.conv.window;
    shapes.window = check_window(w);
    session_describe(s,
                     "n %d, %dx%dx%d to %dx%dx%d, kernel %dx%d, stride %dx%d, pad %d %d, layouts "
                     "%d %d, flags %d",
                     r->n, r->h, r->w, r->in, w->out_h, w->out_w, r->out, r->kernel_h, r->kernel_w,
                     r->stride_h, r->stride_w, w->pad_top, w->pad_left, r->src_layout,
                     r->dst_layout, r->flags);
    return shapes;
}

static void fill(struct session *s, const struct row *r, struct check_tensor *t)
{
    if (r->flags & REAL)
        fill_uniform(s, t, -1, 1);
    else
        fill_integers(s, t, -3, 3);
    if (r->flags & NOT_FINITE) {
        *tensor_at(t, 0, 0, t->view.w - 1, t->view.c - 1) = NAN;
        *tensor_at(t, t->view.n - 1, t->view.h - 1, 0, 0) = INFINITY;
    }
}

// A vector of real numbers or integers, without NaN.
static struct check_tensor *filled_vector(struct session *s, const struct row *r, const char *name)
{
    struct check_tensor *t = session_input_vector(s, name, (size_t)r->out);
    if (r->flags & REAL)
        fill_uniform(s, t, -1, 1);
    else
        fill_integers(s, t, -20, 20);
    return t;
}

static struct check_tensor *filled_weights(struct session *s, const struct row *r,
                                           struct weights_shape *shape)
{
    struct check_tensor *t = session_input_weights(s, "weights", shape);
    if (r->flags & REAL)
        fill_weights_uniform(s, t, shape, -1, 1);
    else
        fill_weights_integers(s, t, shape, -3, 3);
    return t;
}

// The executed operations, counted by looking at every tap.
static void check_flops(struct session *s, const struct shapes *shapes, double flops_of_update)
{
    const struct oracle_conv2d *conv = &shapes->conv;
    double flops = 2.0 * conv->n * conv->in * conv->out * oracle_executed_taps(&conv->window) +
                   flops_of_update;
    if (session_algorithm_is_direct(s) && session_info(s)->flops != flops)
        session_fail(s, "info tells %.0f flops, executed are %.0f", session_info(s)->flops, flops);
}

static void check(struct session *s, const struct row *r, const struct check_tensor *t,
                  const double *expected)
{
    if (r->flags & REAL && session_algorithm_is_direct(s))
        check_close(s, t, expected, TOLERANCE, 0);
    else
        check_sums(s, t, expected, TOLERANCE);
}

// Whatever the algorithm, a bias's gradient is a sum over positions and nothing else.
static void check_bias(struct session *s, const struct row *r, const struct check_tensor *t,
                       const double *expected)
{
    if (r->flags & REAL)
        check_close(s, t, expected, TOLERANCE, 0);
    else
        check_exact(s, t, expected);
}

// A row of real numbers, as a network has them.
static bool take(const struct clef_tensor *src, const struct clef_tensor *dst,
                 const struct clef_window *window, int flags, struct row *r)
{
    r->n = src->n, r->h = src->h, r->w = src->w;
    r->in = src->c, r->out = dst->c;
    r->kernel_h = window->kernel_h, r->kernel_w = window->kernel_w;
    r->stride_h = window->stride_h, r->stride_w = window->stride_w;
    r->src_layout = layout_of(src), r->dst_layout = layout_of(dst);
    r->flags = REAL | flags;
    return find_padding(window, src, dst, &r->padding);
}

// ---------------------------------------------------------------- forward

static void run_forward(struct session *s, const void *row)
{
    const struct row *r = row;
    struct shapes shapes = describe(s, r);
    const struct oracle_window *w = &shapes.conv.window;
    struct check_tensor *src = session_input(s, "src", r->src_layout, r->n, r->h, r->w, r->in);
    fill(s, r, src);
    struct check_tensor *weights = filled_weights(s, r, &shapes.weights);
    struct check_tensor *bias = r->flags & BIAS ? filled_vector(s, r, "bias") : NULL;
    struct check_tensor *dst =
        session_output(s, "dst", r->dst_layout, r->n, w->out_h, w->out_w, r->out);
    struct clef_conv2d_forward_args args = {.src = &src->view,
                                            .weights = &weights->view,
                                            .bias = bias ? &bias->view : NULL,
                                            .dst = &dst->view,
                                            .window = shapes.window,
                                            .relu = r->flags & RELU};
    if (!RUN_OP(s, conv2d_forward, &args, NULL))
        return;
    double *expected;
    if (session_expected(s, clef_tensor_count(&dst->view), &expected))
        oracle_conv2d_forward(&shapes.conv, tensor_values(s, src),
                              weights_values(s, weights, &shapes.weights),
                              bias ? tensor_values(s, bias) : NULL, args.relu, expected);
    check(s, r, dst, expected);
    check_flops(s, &shapes, 0);
}

static bool take_forward(const void *arguments, void *row)
{
    const struct clef_conv2d_forward_args *args = arguments;
    int flags = (args->bias ? BIAS : 0) | (args->relu ? RELU : 0);
    return take(args->src, args->dst, &args->window, flags, row);
}

CHECK_CASE(conv2d_forward, rows, run_forward, take_forward);

// ---------------------------------------------------------------- backward_data

static void run_backward_data(struct session *s, const void *row)
{
    const struct row *r = row;
    struct shapes shapes = describe(s, r);
    const struct oracle_window *w = &shapes.conv.window;
    struct check_tensor *diff_dst =
        session_input(s, "diff_dst", r->dst_layout, r->n, w->out_h, w->out_w, r->out);
    fill(s, r, diff_dst);
    struct check_tensor *weights = filled_weights(s, r, &shapes.weights);
    struct check_tensor *diff_src =
        session_output(s, "diff_src", r->src_layout, r->n, r->h, r->w, r->in);
    struct check_tensor *addend = NULL;
    if (r->flags & ADDEND) {
        addend = r->flags & IN_PLACE
                     ? diff_src
                     : session_input(s, "addend", r->src_layout, r->n, r->h, r->w, r->in);
        fill(s, r, addend);
    }
    struct clef_conv2d_backward_data_args args = {.diff_dst = &diff_dst->view,
                                                  .weights = &weights->view,
                                                  .addend = addend ? &addend->view : NULL,
                                                  .diff_src = &diff_src->view,
                                                  .window = shapes.window};
    if (!RUN_OP(s, conv2d_backward_data, &args, NULL))
        return;
    double *expected;
    if (session_expected(s, clef_tensor_count(&diff_src->view), &expected))
        oracle_conv2d_backward_data(&shapes.conv, tensor_values(s, diff_dst),
                                    weights_values(s, weights, &shapes.weights),
                                    addend ? tensor_values(s, addend) : NULL, expected);
    check(s, r, diff_src, expected);
    check_flops(s, &shapes, 0);
}

static bool take_backward_data(const void *arguments, void *row)
{
    const struct clef_conv2d_backward_data_args *args = arguments;
    int flags = 0;
    if (args->addend)
        flags = ADDEND | (is_same_place(args->addend, args->diff_src) ? IN_PLACE : 0);
    return take(args->diff_src, args->diff_dst, &args->window, flags, row);
}

CHECK_CASE(conv2d_backward_data, rows, run_backward_data, take_backward_data);

// ---------------------------------------------------------------- backward_weights

// About: the root of the number of products, and the size of one.
static double size_of_gradient(const struct row *r, const struct oracle_window *w)
{
    return sqrt((double)r->n * w->out_h * w->out_w) * (r->flags & REAL ? 0.3 : 4);
}

static void run_backward_weights(struct session *s, const void *row)
{
    const struct row *r = row;
    struct shapes shapes = describe(s, r);
    const struct oracle_window *w = &shapes.conv.window;
    struct check_tensor *src = session_input(s, "src", r->src_layout, r->n, r->h, r->w, r->in);
    struct check_tensor *diff_dst =
        session_input(s, "diff_dst", r->dst_layout, r->n, w->out_h, w->out_w, r->out);
    fill(s, r, src);
    fill(s, r, diff_dst);
    bool updates = r->flags & UPDATE;
    struct check_tensor *diff_weights =
        updates && !(r->flags & KEPT) ? NULL
                                      : session_output_weights(s, "diff_weights", &shapes.weights);
    struct check_tensor *diff_bias =
        r->flags & BIAS ? session_output_vector(s, "diff_bias", (size_t)r->out) : NULL;
    struct check_update update = {0};
    if (updates)
        update = session_update(s, &shapes.weights, size_of_gradient(r, w), r->flags & FAULT);
    struct clef_conv2d_backward_weights_args args = {
        .src = &src->view,
        .diff_dst = &diff_dst->view,
        .diff_weights = diff_weights ? &diff_weights->view : NULL,
        .diff_bias = diff_bias ? &diff_bias->view : NULL,
        .window = shapes.window,
        .update = updates ? &update.args : NULL};
    if (!RUN_OP(s, conv2d_backward_weights, &args, updates ? &update.values : NULL))
        return;
    size_t taps = (size_t)r->kernel_h * (size_t)r->kernel_w;
    double *expected, *expected_bias;
    bool is_new = session_expected(s, taps * (size_t)r->in * (size_t)r->out, &expected);
    session_expected(s, (size_t)r->out, &expected_bias);
    bool *reached = session_memory(s, taps * sizeof(bool));
    oracle_reached(w, reached);
    if (is_new)
        oracle_conv2d_backward_weights(&shapes.conv, tensor_values(s, src),
                                       tensor_values(s, diff_dst), expected, expected_bias);
    bool exact = !(r->flags & REAL) && session_algorithm_is_direct(s);
    if (diff_weights)
        check_weights(s, diff_weights, &shapes.weights, expected, reached, exact, TOLERANCE);
    double flops_of_update = 0;
    if (updates) {
        check_updated(s, &update, expected, reached);
        for (size_t i = 0; i < taps; i++)
            flops_of_update += check_update_flops(reached[i] * (double)r->in * r->out);
    }
    if (diff_bias)
        check_bias(s, r, diff_bias, expected_bias);
    check_flops(s, &shapes, flops_of_update);
}

static bool take_backward_weights(const void *arguments, void *row)
{
    const struct clef_conv2d_backward_weights_args *args = arguments;
    int flags = (args->diff_bias ? BIAS : 0) | (args->update ? UPDATE : 0) |
                (args->update && args->diff_weights ? KEPT : 0);
    return take(args->src, args->diff_dst, &args->window, flags, row);
}

CHECK_CASE(conv2d_backward_weights, rows, run_backward_weights, take_backward_weights);
