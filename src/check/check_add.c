// SPDX-License-Identifier: Apache-2.0
// Addition: one rounding, so exact on any data.
#include "check/check_layouts.h"
#include "check/check_session.h"

#include <math.h>

enum place { SEPARATE, OVER_A, OVER_B };

struct row {
    int n, h, w, c, layout;
    enum place place;
};

static const struct row rows[] = {
    {1, 1, 1, 1, NHWC, SEPARATE},  {7, 1, 1, 17, HWNC, OVER_A},    {64, 1, 1, 100, NHWC, OVER_B},
    {3, 5, 7, 5, NHWC, SEPARATE},  {64, 4, 4, 33, HWNC, SEPARATE}, {2, 20, 18, 3, NHWC, OVER_A},
    {7, 16, 16, 64, HWNC, OVER_B}, {9, 32, 32, 8, NHWC, SEPARATE},
};

static void run_add(struct session *s, const void *row)
{
    const struct row *r = row;
    session_describe(s, "%dx%dx%dx%d, layout %d, place %d", r->n, r->h, r->w, r->c, r->layout,
                     r->place);
    struct check_tensor *a = session_input(s, "a", r->layout, r->n, r->h, r->w, r->c);
    struct check_tensor *b = session_input(s, "b", r->layout, r->n, r->h, r->w, r->c);
    fill_uniform(s, a, -1, 1);
    fill_uniform(s, b, -1000, 1000);
    *tensor_at(a, r->n - 1, r->h - 1, r->w - 1, r->c - 1) = NAN;
    *tensor_at(b, 0, 0, 0, 0) = INFINITY;
    struct check_tensor *dst = r->place == OVER_A ? a : b;
    if (r->place == SEPARATE)
        dst = session_output(s, "dst", r->layout, r->n, r->h, r->w, r->c);
    dst->output = true;
    struct clef_add_args args = {.a = &a->view, .b = &b->view, .dst = &dst->view};
    if (!RUN_OP(s, add, &args, NULL))
        return;
    double *expected = tensor_values(s, a);
    const double *other = tensor_values(s, b);
    for (size_t k = 0; k < clef_tensor_count(&dst->view); k++)
        expected[k] = (double)(float)(expected[k] + other[k]);
    check_exact(s, dst, expected);
}

static bool take_add(const void *arguments, void *row)
{
    const struct clef_add_args *args = arguments;
    struct row *r = row;
    r->n = args->a->n, r->h = args->a->h, r->w = args->a->w, r->c = args->a->c;
    r->layout = layout_of(args->a);
    r->place = is_same_place(args->dst, args->a)   ? OVER_A
               : is_same_place(args->dst, args->b) ? OVER_B
                                                   : SEPARATE;
    return true;
}

CHECK_CASE(add, rows, run_add, take_add);
