// SPDX-License-Identifier: Apache-2.0
// Average pooling, over windows and global.
#include "check/check_layouts.h"
#include "check/check_session.h"
#include "check/oracle.h"

#include <math.h>

// Sums of at most a few hundred terms and one division: a few roundings of 6e-8 of the largest.
#define TOLERANCE 2e-6

struct row {
    int n, h, w, c, kernel_h, kernel_w, stride_h, stride_w, padding, src_layout, dst_layout;
    bool not_a_number;
};

static const struct row rows[] = {
    {1, 1, 1, 1, 1, 1, 1, 1, VALID, NHWC, NHWC, false},
    {64, 1, 1, 64, 1, 1, 1, 1, VALID, HWNC, HWNC, false},
    {7, 7, 7, 100, 7, 7, 1, 1, VALID, NHWC, NHWC, false},
    {64, 4, 4, 33, 4, 4, 1, 1, VALID, HWNC, HWNC, false},
    {2, 20, 18, 17, 20, 18, 1, 1, VALID, NHWC, HWNC, false},
    {7, 16, 16, 17, 2, 2, 2, 2, VALID, NHWC, NHWC, false},
    {3, 9, 7, 5, 3, 5, 2, 1, SAME, HWNC, NHWC, false},
    {3, 9, 7, 3, 3, 3, 1, 2, SAME, NHWC, NHWC, false},
    {2, 10, 10, 33, 2, 2, 3, 3, VALID, HWNC, HWNC, false},
    {2, 8, 6, 16, 3, 3, 2, 2, SYMMETRIC, NHWC, NHWC, false},
    {3, 6, 5, 5, 3, 3, 1, 1, SAME, NHWC_GAPS, HWNC_GAPS, false},
    {7, 5, 5, 17, 3, 3, 2, 2, SAME, HWNC, HWNC, true},
};

static struct oracle_pool describe(struct session *s, const struct row *r)
{
    struct oracle_pool pool = {
        .window = oracle_window((enum oracle_padding)r->padding, r->h, r->w, r->kernel_h,
                                r->kernel_w, r->stride_h, r->stride_w),
        .n = r->n,
        .c = r->c,
    };
    session_describe(s, "%dx%dx%dx%d to %dx%d, kernel %dx%d, stride %dx%d, layouts %d %d", r->n,
                     r->h, r->w, r->c, pool.window.out_h, pool.window.out_w, r->kernel_h,
                     r->kernel_w, r->stride_h, r->stride_w, r->src_layout, r->dst_layout);
    return pool;
}

static bool take(const struct clef_tensor *src, const struct clef_tensor *dst,
                 const struct clef_window *window, struct row *r)
{
    r->n = src->n, r->h = src->h, r->w = src->w, r->c = src->c;
    r->kernel_h = window->kernel_h, r->kernel_w = window->kernel_w;
    r->stride_h = window->stride_h, r->stride_w = window->stride_w;
    r->src_layout = layout_of(src), r->dst_layout = layout_of(dst);
    return find_padding(window, src, dst, &r->padding);
}

static void run_forward(struct session *s, const void *row)
{
    const struct row *r = row;
    struct oracle_pool pool = describe(s, r);
    struct check_tensor *src = session_input(s, "src", r->src_layout, r->n, r->h, r->w, r->c);
    struct check_tensor *dst =
        session_output(s, "dst", r->dst_layout, r->n, pool.window.out_h, pool.window.out_w, r->c);
    fill_uniform(s, src, -1, 1);
    if (r->not_a_number)
        *tensor_at(src, r->n - 1, 0, r->w - 1, r->c - 1) = NAN;
    struct clef_avgpool_forward_args args = {
        .src = &src->view, .dst = &dst->view, .window = check_window(&pool.window)};
    if (!RUN_OP(s, avgpool_forward, &args, NULL))
        return;
    double *expected = session_doubles(s, clef_tensor_count(&dst->view));
    oracle_avgpool_forward(&pool, tensor_values(s, src), expected);
    check_close(s, dst, expected, TOLERANCE, 0);
}

static bool take_forward(const void *arguments, void *row)
{
    const struct clef_avgpool_forward_args *args = arguments;
    return take(args->src, args->dst, &args->window, row);
}

CHECK_CASE(avgpool_forward, rows, run_forward, take_forward);

static void run_backward(struct session *s, const void *row)
{
    const struct row *r = row;
    struct oracle_pool pool = describe(s, r);
    struct check_tensor *diff_dst = session_input(s, "diff_dst", r->dst_layout, r->n,
                                                  pool.window.out_h, pool.window.out_w, r->c);
    struct check_tensor *diff_src =
        session_output(s, "diff_src", r->src_layout, r->n, r->h, r->w, r->c);
    fill_uniform(s, diff_dst, -1, 1);
    if (r->not_a_number)
        *tensor_at(diff_dst, r->n - 1, 0, 0, r->c - 1) = NAN;
    struct clef_avgpool_backward_args args = {.diff_dst = &diff_dst->view,
                                              .diff_src = &diff_src->view,
                                              .window = check_window(&pool.window)};
    if (!RUN_OP(s, avgpool_backward, &args, NULL))
        return;
    double *expected = session_doubles(s, clef_tensor_count(&diff_src->view));
    oracle_avgpool_backward(&pool, tensor_values(s, diff_dst), expected);
    check_close(s, diff_src, expected, TOLERANCE, 0);
}

static bool take_backward(const void *arguments, void *row)
{
    const struct clef_avgpool_backward_args *args = arguments;
    return take(args->diff_src, args->diff_dst, &args->window, row);
}

CHECK_CASE(avgpool_backward, rows, run_backward, take_backward);
