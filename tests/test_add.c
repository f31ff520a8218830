// SPDX-License-Identifier: Apache-2.0
// Addition: one rounding, so exact on any data.
#include "support/harness.h"
#include "support/test_layouts.h"

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

static void run_add(struct session *s, int index)
{
    const struct row *r = &rows[index];
    session_describe(s, "%dx%dx%dx%d, layout %d, place %d", r->n, r->h, r->w, r->c, r->layout,
                     r->place);
    struct test_tensor *a = test_input(s, "a", r->layout, r->n, r->h, r->w, r->c);
    struct test_tensor *b = test_input(s, "b", r->layout, r->n, r->h, r->w, r->c);
    fill_uniform(s, a, -1, 1);
    fill_uniform(s, b, -1000, 1000);
    *test_at(a, r->n - 1, r->h - 1, r->w - 1, r->c - 1) = NAN;
    *test_at(b, 0, 0, 0, 0) = INFINITY;
    struct test_tensor *dst = r->place == OVER_A ? a : b;
    if (r->place == SEPARATE)
        dst = test_output(s, "dst", r->layout, r->n, r->h, r->w, r->c);
    dst->output = true;
    struct clef_add_args args = {.a = &a->view, .b = &b->view, .dst = &dst->view};
    if (!RUN_OP(s, add, &args, NULL))
        return;
    double *expected = test_values(s, a);
    const double *other = test_values(s, b);
    for (size_t k = 0; k < clef_tensor_count(&dst->view); k++)
        expected[k] = (double)(float)(expected[k] + other[k]);
    check_exact(s, dst, expected);
}

void test_op_add(void **state)
{
    (void)state;
    run_rows("add", ARRAY_LENGTH(rows), run_add);
}
