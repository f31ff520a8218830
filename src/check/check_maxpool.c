// SPDX-License-Identifier: Apache-2.0
// Max pooling, exact; the backward pass on integers, whose sums are exact.
#include "check/check_layouts.h"
#include "check/check_session.h"
#include "check/oracle.h"

#include <math.h>

enum flags {
    ARGMAX = 1, // Asked for, in the forward pass.
    RELU = 2,   // The backward pass of a ReLU, fused.
    LOWEST = 4, // Minus infinity and the most negative numbers only.
    NOT_A_NUMBER = 8,
};

struct row {
    int n, h, w, c, kernel_h, kernel_w, stride_h, stride_w, padding;
    int src_layout, dst_layout, flags;
};

static const struct row rows[] = {
    {1, 1, 1, 1, 3, 3, 2, 2, SAME, NHWC, NHWC, ARGMAX},
    {7, 1, 1, 17, 1, 1, 1, 1, VALID, HWNC, HWNC, ARGMAX | RELU},
    {7, 16, 16, 17, 3, 3, 2, 2, SAME, NHWC, HWNC, ARGMAX | RELU},
    {64, 8, 8, 33, 3, 3, 2, 2, SAME, HWNC, HWNC, ARGMAX | RELU},
    {64, 4, 4, 64, 2, 2, 2, 2, VALID, NHWC, NHWC, 0},
    {2, 20, 18, 3, 3, 3, 1, 1, SAME, NHWC, NHWC, ARGMAX},
    {3, 9, 7, 5, 3, 5, 2, 1, SAME, HWNC, NHWC, ARGMAX | RELU},
    {3, 9, 7, 100, 2, 2, 3, 3, VALID, NHWC, NHWC, ARGMAX},
    {2, 7, 7, 33, 7, 7, 1, 1, VALID, HWNC, HWNC, ARGMAX},
    {2, 8, 6, 16, 3, 3, 2, 2, SYMMETRIC, NHWC, NHWC, ARGMAX | RELU},
    {7, 7, 6, 33, 3, 3, 2, 2, SYMMETRIC, HWNC, HWNC, ARGMAX | RELU},
    {1, 2, 1, 5, 3, 3, 2, 2, SYMMETRIC, NHWC, HWNC, ARGMAX},
    {3, 6, 5, 5, 3, 3, 1, 2, SAME, NHWC_GAPS, HWNC_GAPS, ARGMAX | RELU},
    {3, 6, 5, 17, 3, 3, 2, 2, VALID, HWNC_GAPS, NHWC_GAPS, 0},
    {3, 5, 5, 17, 3, 3, 2, 2, SAME, NHWC, NHWC, ARGMAX | LOWEST},
    {7, 5, 5, 17, 3, 3, 2, 2, SAME, NHWC, NHWC, NOT_A_NUMBER},
    {7, 5, 5, 64, 3, 3, 1, 1, SAME, HWNC, HWNC, NOT_A_NUMBER},
};

static struct oracle_pool describe(struct session *s, const struct row *r)
{
    struct oracle_pool pool = {
        .window = oracle_window((enum oracle_padding)r->padding, r->h, r->w, r->kernel_h,
                                r->kernel_w, r->stride_h, r->stride_w),
        .n = r->n,
        .c = r->c,
    };
    session_describe(s, "%dx%dx%dx%d to %dx%d, kernel %dx%d, stride %dx%d, layouts %d %d, flags %d",
                     r->n, r->h, r->w, r->c, pool.window.out_h, pool.window.out_w, r->kernel_h,
                     r->kernel_w, r->stride_h, r->stride_w, r->src_layout, r->dst_layout, r->flags);
    return pool;
}

static struct check_tensor *filled_src(struct session *s, const struct row *r)
{
    struct check_tensor *src = session_input(s, "src", r->src_layout, r->n, r->h, r->w, r->c);
    // All negative, so that a zero of the padding would win; few values, so that there are ties.
    fill_integers(s, src, -5, -1);
    if (r->flags & LOWEST)
        for (int n = 0; n < r->n; n++)
            for (int y = 0; y < r->h; y++)
                for (int x = 0; x < r->w; x++)
                    for (int c = 0; c < r->c; c++)
                        *tensor_at(src, n, y, x, c) =
                            (x + c) % 3 == 0 ? -0x1.fffffep127f : -INFINITY;
    if (r->flags & NOT_A_NUMBER) {
        *tensor_at(src, 0, 0, 0, 0) = NAN;
        *tensor_at(src, r->n - 1, r->h - 1, r->w / 2, r->c - 1) = NAN;
        *tensor_at(src, r->n - 1, r->h / 2, r->w / 2, r->c / 2) = NAN;
    }
    return src;
}

static bool take(const struct clef_tensor *src, const struct clef_tensor *dst,
                 const struct clef_window *window, int flags, struct row *r)
{
    r->n = src->n, r->h = src->h, r->w = src->w, r->c = src->c;
    r->kernel_h = window->kernel_h, r->kernel_w = window->kernel_w;
    r->stride_h = window->stride_h, r->stride_w = window->stride_w;
    r->src_layout = layout_of(src), r->dst_layout = layout_of(dst);
    r->flags = flags;
    return find_padding(window, src, dst, &r->padding);
}

static void run_forward(struct session *s, const void *row)
{
    const struct row *r = row;
    struct oracle_pool pool = describe(s, r);
    int out_h = pool.window.out_h, out_w = pool.window.out_w;
    struct check_tensor *src = filled_src(s, r);
    struct check_tensor *dst = session_output(s, "dst", r->dst_layout, r->n, out_h, out_w, r->c);
    struct check_tensor *argmax =
        r->flags & ARGMAX ? session_output(s, "argmax", r->dst_layout, r->n, out_h, out_w, r->c)
                          : NULL;
    struct clef_maxpool_forward_args args = {.src = &src->view,
                                             .dst = &dst->view,
                                             .argmax = argmax ? &argmax->view : NULL,
                                             .window = check_window(&pool.window)};
    if (!RUN_OP(s, maxpool_forward, &args, NULL))
        return;
    double *expected = session_doubles(s, clef_tensor_count(&dst->view));
    double *expected_argmax = session_doubles(s, clef_tensor_count(&dst->view));
    oracle_maxpool_forward(&pool, tensor_values(s, src), expected, expected_argmax);
    check_exact(s, dst, expected);
    if (argmax)
        check_exact_ints(s, argmax, expected_argmax);
}

static bool take_forward(const void *arguments, void *row)
{
    const struct clef_maxpool_forward_args *args = arguments;
    return take(args->src, args->dst, &args->window, args->argmax ? ARGMAX : 0, row);
}

CHECK_CASE(maxpool_forward, rows, run_forward, take_forward);

static void run_backward(struct session *s, const void *row)
{
    const struct row *r = row;
    struct oracle_pool pool = describe(s, r);
    int out_h = pool.window.out_h, out_w = pool.window.out_w;
    struct check_tensor *diff_dst =
        session_input(s, "diff_dst", r->dst_layout, r->n, out_h, out_w, r->c);
    struct check_tensor *argmax =
        session_input(s, "argmax", r->dst_layout, r->n, out_h, out_w, r->c);
    struct check_tensor *diff_src =
        session_output(s, "diff_src", r->src_layout, r->n, r->h, r->w, r->c);
    struct check_tensor *relu_dst =
        r->flags & RELU ? session_input(s, "relu_dst", r->src_layout, r->n, r->h, r->w, r->c)
                        : NULL;
    size_t dst_count = clef_tensor_count(&diff_dst->view);
    size_t src_count = clef_tensor_count(&diff_src->view);
    fill_integers(s, diff_dst, -50, 50);
    if (r->flags & NOT_A_NUMBER)
        *tensor_at(diff_dst, r->n - 1, 0, 0, r->c - 1) = NAN;
    if (relu_dst)
        fill_integers(s, relu_dst, -1, 2);
    // The positions of the maxima of an image of few values.
    double *image = session_doubles(s, src_count), *unused = session_doubles(s, dst_count);
    double *where = session_doubles(s, dst_count);
    for (size_t k = 0; k < src_count; k++)
        image[k] = session_random(s, 99, k) % 5;
    oracle_maxpool_forward(&pool, image, unused, where);
    fill_int_values(argmax, where);
    struct clef_maxpool_backward_args args = {.diff_dst = &diff_dst->view,
                                              .argmax = &argmax->view,
                                              .relu_dst = relu_dst ? &relu_dst->view : NULL,
                                              .diff_src = &diff_src->view,
                                              .window = check_window(&pool.window)};
    if (!RUN_OP(s, maxpool_backward, &args, NULL))
        return;
    double *expected = session_doubles(s, src_count);
    oracle_maxpool_backward(&pool, tensor_values(s, diff_dst), tensor_int_values(s, argmax),
                            relu_dst ? tensor_values(s, relu_dst) : NULL, expected);
    check_exact(s, diff_src, expected);
}

static bool take_backward(const void *arguments, void *row)
{
    const struct clef_maxpool_backward_args *args = arguments;
    return take(args->diff_src, args->diff_dst, &args->window, args->relu_dst ? RELU : 0, row);
}

CHECK_CASE(maxpool_backward, rows, run_backward, take_backward);
