// SPDX-License-Identifier: Apache-2.0
// The dense layer, with the flattening of its input.
#include "check/check_layouts.h"
#include "check/check_session.h"
#include "check/check_update.h"
#include "check/oracle.h"

#include <math.h>

// See check_conv2d.c: the same sums, of up to a few thousand terms.
#define TOLERANCE 1e-5

enum flags {
    BIAS = 1,
    RELU = 2,
    REAL = 4,
    UPDATE = 8, // Of the weights, by backward_weights,
    KEPT = 16,  // whose gradient is written as well.
};

struct row {
    int n, h, w, c, out;
    int src_layout, dst_layout, flags;
};

static const struct row rows[] = {
    {1, 1, 1, 1, 1, NHWC, NHWC, 0},
    {1, 1, 1, 512, 10, NHWC, NHWC, BIAS | REAL | UPDATE},
    {7, 1, 1, 100, 33, NHWC, NHWC, BIAS | RELU},
    {64, 1, 1, 64, 100, HWNC, HWNC, BIAS | RELU | REAL | UPDATE | KEPT},
    {64, 1, 1, 100, 10, NHWC, NHWC, BIAS | UPDATE},
    {64, 1, 1, 33, 17, HWNC, NHWC, 0},
    {7, 3, 5, 17, 3, NHWC, NHWC, BIAS},
    {7, 3, 5, 17, 33, HWNC, HWNC, BIAS | RELU | UPDATE},
    {13, 2, 2, 5, 100, HWNC, NHWC, 0},
    {1, 4, 3, 33, 5, NHWC, HWNC, BIAS | REAL},
    {3, 2, 3, 5, 17, NHWC_GAPS, NHWC_GAPS, BIAS | RELU},
    {3, 2, 3, 5, 33, HWNC_GAPS, NHWC, BIAS | UPDATE | KEPT},
    {5, 1, 1, 1, 64, NHWC, NHWC, BIAS},
    {5, 1, 1, 1000, 1, NHWC, NHWC, BIAS | REAL},
    {2, 7, 7, 16, 32, NHWC, NHWC, BIAS},
};

struct shapes {
    struct oracle_dense dense;
    struct weights_shape weights;
};

static struct shapes describe(struct session *s, const struct row *r)
{
    session_describe(s, "n %d, %dx%dx%d to %d, layouts %d %d, flags %d", r->n, r->h, r->w, r->c,
                     r->out, r->src_layout, r->dst_layout, r->flags);
    return (struct shapes){
        .dense = {.n = r->n, .in = r->h * r->w * r->c, .out = r->out},
        .weights = {.kernel_h = r->h, .kernel_w = r->w, .in = r->c, .out = r->out},
    };
}

static void fill(struct session *s, const struct row *r, struct check_tensor *t)
{
    if (r->flags & REAL)
        fill_uniform(s, t, -1, 1);
    else
        fill_integers(s, t, -3, 3);
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

static void check(struct session *s, const struct row *r, const struct check_tensor *t,
                  const double *expected)
{
    if (r->flags & REAL)
        check_close(s, t, expected, TOLERANCE, 0);
    else
        check_exact(s, t, expected);
}

static void check_flops(struct session *s, const struct oracle_dense *d, double flops_of_update)
{
    double flops = 2.0 * d->n * d->in * d->out + flops_of_update;
    if (session_info(s)->flops != flops)
        session_fail(s, "info tells %.0f flops, executed are %.0f", session_info(s)->flops, flops);
}

// A row of real numbers, as a network has them.
static bool take(const struct clef_tensor *src, const struct clef_tensor *dst, int flags,
                 struct row *r)
{
    r->n = src->n, r->h = src->h, r->w = src->w, r->c = src->c;
    r->out = dst->c;
    r->src_layout = layout_of(src), r->dst_layout = layout_of(dst);
    r->flags = REAL | flags;
    return true;
}

static void run_forward(struct session *s, const void *row)
{
    const struct row *r = row;
    struct shapes shapes = describe(s, r);
    struct check_tensor *src = session_input(s, "src", r->src_layout, r->n, r->h, r->w, r->c);
    fill(s, r, src);
    struct check_tensor *weights = filled_weights(s, r, &shapes.weights);
    struct check_tensor *bias =
        r->flags & BIAS ? session_input_vector(s, "bias", (size_t)r->out) : NULL;
    if (bias)
        fill(s, r, bias);
    struct check_tensor *dst = session_output(s, "dst", r->dst_layout, r->n, 1, 1, r->out);
    struct clef_dense_forward_args args = {.src = &src->view,
                                           .weights = &weights->view,
                                           .bias = bias ? &bias->view : NULL,
                                           .dst = &dst->view,
                                           .relu = r->flags & RELU};
    if (!RUN_OP(s, dense_forward, &args, NULL))
        return;
    double *expected = session_doubles(s, clef_tensor_count(&dst->view));
    oracle_dense_forward(&shapes.dense, tensor_values(s, src),
                         weights_values(s, weights, &shapes.weights),
                         bias ? tensor_values(s, bias) : NULL, args.relu, expected);
    check(s, r, dst, expected);
    check_flops(s, &shapes.dense, 0);
}

static bool take_forward(const void *arguments, void *row)
{
    const struct clef_dense_forward_args *args = arguments;
    int flags = (args->bias ? BIAS : 0) | (args->relu ? RELU : 0);
    return take(args->src, args->dst, flags, row);
}

CHECK_CASE(dense_forward, rows, run_forward, take_forward);

static void run_backward_data(struct session *s, const void *row)
{
    const struct row *r = row;
    struct shapes shapes = describe(s, r);
    struct check_tensor *diff_dst = session_input(s, "diff_dst", r->dst_layout, r->n, 1, 1, r->out);
    fill(s, r, diff_dst);
    struct check_tensor *weights = filled_weights(s, r, &shapes.weights);
    struct check_tensor *diff_src =
        session_output(s, "diff_src", r->src_layout, r->n, r->h, r->w, r->c);
    struct clef_dense_backward_data_args args = {
        .diff_dst = &diff_dst->view, .weights = &weights->view, .diff_src = &diff_src->view};
    if (!RUN_OP(s, dense_backward_data, &args, NULL))
        return;
    double *expected = session_doubles(s, clef_tensor_count(&diff_src->view));
    oracle_dense_backward_data(&shapes.dense, tensor_values(s, diff_dst),
                               weights_values(s, weights, &shapes.weights), expected);
    check(s, r, diff_src, expected);
    check_flops(s, &shapes.dense, 0);
}

static bool take_backward_data(const void *arguments, void *row)
{
    const struct clef_dense_backward_data_args *args = arguments;
    return take(args->diff_src, args->diff_dst, 0, row);
}

CHECK_CASE(dense_backward_data, rows, run_backward_data, take_backward_data);

static void run_backward_weights(struct session *s, const void *row)
{
    const struct row *r = row;
    struct shapes shapes = describe(s, r);
    struct check_tensor *src = session_input(s, "src", r->src_layout, r->n, r->h, r->w, r->c);
    struct check_tensor *diff_dst = session_input(s, "diff_dst", r->dst_layout, r->n, 1, 1, r->out);
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
        update = session_update(s, &shapes.weights, sqrt(r->n), false);
    struct clef_dense_backward_weights_args args = {
        .src = &src->view,
        .diff_dst = &diff_dst->view,
        .diff_weights = diff_weights ? &diff_weights->view : NULL,
        .diff_bias = diff_bias ? &diff_bias->view : NULL,
        .update = updates ? &update.args : NULL};
    if (!RUN_OP(s, dense_backward_weights, &args, updates ? &update.values : NULL))
        return;
    double *expected = session_doubles(s, (size_t)shapes.dense.in * (size_t)r->out);
    double *expected_bias = session_doubles(s, (size_t)r->out);
    oracle_dense_backward_weights(&shapes.dense, tensor_values(s, src), tensor_values(s, diff_dst),
                                  expected, expected_bias);
    if (diff_weights)
        check_weights(s, diff_weights, &shapes.weights, expected, NULL, !(r->flags & REAL),
                      TOLERANCE);
    if (updates)
        check_updated(s, &update, expected, NULL);
    if (diff_bias)
        check(s, r, diff_bias, expected_bias);
    double weights = (double)shapes.dense.in * r->out;
    check_flops(s, &shapes.dense, updates ? check_update_flops(weights) : 0);
}

static bool take_backward_weights(const void *arguments, void *row)
{
    const struct clef_dense_backward_weights_args *args = arguments;
    int flags = (args->diff_bias ? BIAS : 0) | (args->update ? UPDATE : 0) |
                (args->update && args->diff_weights ? KEPT : 0);
    return take(args->src, args->diff_dst, flags, row);
}

CHECK_CASE(dense_backward_weights, rows, run_backward_weights, take_backward_weights);
