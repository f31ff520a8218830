// SPDX-License-Identifier: Apache-2.0
// ReLU, exact on any data.
#include "check/check_layouts.h"
#include "check/check_session.h"
#include "check/oracle.h"

#include <math.h>

struct row {
    int n, h, w, c, layout;
    bool in_place;
};

static const struct row rows[] = {
    {1, 1, 1, 1, NHWC, false},   {7, 1, 1, 17, HWNC, false},  {64, 1, 1, 100, NHWC, true},
    {3, 5, 7, 5, NHWC, false},   {64, 4, 4, 33, HWNC, true},  {2, 20, 18, 3, NHWC, false},
    {7, 16, 16, 64, HWNC, true}, {1, 33, 31, 1, NHWC, false}, {9, 32, 32, 8, HWNC, false},
};

static void describe(struct session *s, const struct row *r)
{
    session_describe(s, "%dx%dx%dx%d, layout %d%s", r->n, r->h, r->w, r->c, r->layout,
                     r->in_place ? ", in place" : "");
}

static bool take(const struct clef_tensor *src, bool in_place, struct row *r)
{
    r->n = src->n, r->h = src->h, r->w = src->w, r->c = src->c;
    r->layout = layout_of(src);
    r->in_place = in_place;
    return true;
}

static void run_forward(struct session *s, const void *row)
{
    const struct row *r = row;
    describe(s, r);
    struct check_tensor *src = session_input(s, "src", r->layout, r->n, r->h, r->w, r->c);
    fill_uniform(s, src, -1, 1);
    // NaN and infinity pass; a network must not hide them.
    *tensor_at(src, r->n - 1, r->h - 1, r->w - 1, r->c - 1) = NAN;
    *tensor_at(src, 0, 0, r->w - 1, 0) = session_row(s) % 2 ? INFINITY : -INFINITY;
    *tensor_at(src, 0, r->h / 2, 0, 0) = NAN;
    struct check_tensor *dst = src;
    if (r->in_place)
        src->output = true;
    else
        dst = session_output(s, "dst", r->layout, r->n, r->h, r->w, r->c);
    struct clef_relu_forward_args args = {.src = &src->view, .dst = &dst->view};
    if (!RUN_OP(s, relu_forward, &args, NULL))
        return;
    double *expected = tensor_values(s, src);
    for (size_t k = 0; k < clef_tensor_count(&src->view); k++)
        expected[k] = oracle_relu(expected[k]);
    check_exact(s, dst, expected);
}

static bool take_forward(const void *arguments, void *row)
{
    const struct clef_relu_forward_args *args = arguments;
    return take(args->src, is_same_place(args->dst, args->src), row);
}

CHECK_CASE(relu_forward, rows, run_forward, take_forward);

static void run_backward(struct session *s, const void *row)
{
    const struct row *r = row;
    describe(s, r);
    struct check_tensor *dst = session_input(s, "dst", r->layout, r->n, r->h, r->w, r->c);
    struct check_tensor *diff_dst = session_input(s, "diff_dst", r->layout, r->n, r->h, r->w, r->c);
    fill_integers(s, dst, -2, 3); // Many zeros, where the gradient is zero.
    fill_uniform(s, diff_dst, -1, 1);
    *tensor_at(dst, 0, 0, 0, 0) = 1;
    *tensor_at(diff_dst, 0, 0, 0, 0) = NAN;
    struct check_tensor *diff_src = diff_dst;
    if (r->in_place)
        diff_dst->output = true;
    else
        diff_src = session_output(s, "diff_src", r->layout, r->n, r->h, r->w, r->c);
    struct clef_relu_backward_args args = {
        .dst = &dst->view, .diff_dst = &diff_dst->view, .diff_src = &diff_src->view};
    if (!RUN_OP(s, relu_backward, &args, NULL))
        return;
    const double *forward = tensor_values(s, dst);
    double *expected = tensor_values(s, diff_dst);
    for (size_t k = 0; k < clef_tensor_count(&dst->view); k++)
        if (!(forward[k] > 0))
            expected[k] = 0;
    check_exact(s, diff_src, expected);
}

static bool take_backward(const void *arguments, void *row)
{
    const struct clef_relu_backward_args *args = arguments;
    return take(args->dst, is_same_place(args->diff_src, args->diff_dst), row);
}

CHECK_CASE(relu_backward, rows, run_backward, take_backward);
