// SPDX-License-Identifier: Apache-2.0
// Fill, copy and cast, exact.
#include "check/check_layouts.h"
#include "check/check_session.h"

#include <math.h>
#include <string.h>

struct row {
    int n, h, w, c, src_layout, dst_layout;
};

static const struct row rows[] = {
    {1, 1, 1, 1, NHWC, NHWC},
    {7, 1, 1, 17, NHWC, HWNC},
    {64, 32, 32, 1, NHWC, HWNC},
    {64, 4, 4, 33, HWNC, NHWC},
    {7, 8, 8, 64, HWNC, HWNC},
    {2, 20, 18, 3, NHWC, NHWC},
    {1, 31, 29, 5, NHWC, HWNC},
    {3, 5, 4, 5, NHWC_GAPS, HWNC},
    {3, 5, 4, 100, NHWC, NHWC_GAPS},
    {13, 3, 5, 17, HWNC_GAPS, NHWC_GAPS},
    {13, 3, 5, 1, NHWC_GAPS, HWNC_GAPS},
};

static void describe(struct session *s, const struct row *r)
{
    session_describe(s, "%dx%dx%dx%d, layouts %d %d", r->n, r->h, r->w, r->c, r->src_layout,
                     r->dst_layout);
}

static bool take(const struct clef_tensor *src, const struct clef_tensor *dst, struct row *r)
{
    r->n = dst->n, r->h = dst->h, r->w = dst->w, r->c = dst->c;
    r->src_layout = layout_of(src), r->dst_layout = layout_of(dst);
    return true;
}

// ---------------------------------------------------------------- fill

static const float fill_constants[] = {0, -1.5f, 0x1p-140f, INFINITY};

static void run_fill(struct session *s, const void *row)
{
    const struct row *r = row;
    describe(s, r);
    // Fill takes dense tensors.
    int layout = session_row(s) % 2 ? LAYOUT_HWNC : LAYOUT_NHWC;
    struct check_tensor *dst = session_output(s, "dst", layout, r->n, r->h, r->w, r->c);
    struct clef_fill_args args = {
        .dst = &dst->view, .value = fill_constants[session_row(s) % ARRAY_LENGTH(fill_constants)]};
    if (!RUN_OP(s, fill, &args, NULL))
        return;
    size_t count = clef_tensor_count(&dst->view);
    double *expected = session_doubles(s, count);
    for (size_t k = 0; k < count; k++)
        expected[k] = (double)args.value;
    check_exact(s, dst, expected);
}

static bool take_fill(const void *arguments, void *row)
{
    const struct clef_fill_args *args = arguments;
    return take(args->dst, args->dst, row);
}

CHECK_CASE(fill, rows, run_fill, take_fill);

// ---------------------------------------------------------------- copy

static void run_copy(struct session *s, const void *row)
{
    const struct row *r = row;
    describe(s, r);
    struct check_tensor *src = session_input(s, "src", r->src_layout, r->n, r->h, r->w, r->c);
    struct check_tensor *dst = session_output(s, "dst", r->dst_layout, r->n, r->h, r->w, r->c);
    fill_uniform(s, src, -1, 1);
    *tensor_at(src, 0, 0, 0, 0) = -0.0f;
    *tensor_at(src, r->n - 1, r->h - 1, r->w - 1, r->c - 1) = -0x1p-149f;
    *tensor_at(src, r->n / 2, r->h / 2, r->w / 2, r->c / 2) = NAN;
    struct clef_copy_args args = {.src = &src->view, .dst = &dst->view};
    if (!RUN_OP(s, copy, &args, NULL))
        return;
    for (int n = 0; n < r->n; n++)
        for (int h = 0; h < r->h; h++)
            for (int w = 0; w < r->w; w++)
                if (memcmp(tensor_at(src, n, h, w, 0), tensor_after(dst, n, h, w, 0),
                           (size_t)r->c * sizeof(float)) != 0)
                    session_fail(s, "row (%d,%d,%d) has other bits", n, h, w);
}

static bool take_copy(const void *arguments, void *row)
{
    const struct clef_copy_args *args = arguments;
    return take(args->src, args->dst, row);
}

CHECK_CASE(copy, rows, run_copy, take_copy);

// ---------------------------------------------------------------- cast

static const float divisors[] = {255, 1, 127.5f};

static void run_cast(struct session *s, const void *row)
{
    const struct row *r = row;
    describe(s, r);
    struct check_tensor *src = session_byte_input(s, "src", r->src_layout, r->n, r->h, r->w, r->c);
    struct check_tensor *dst = session_output(s, "dst", r->dst_layout, r->n, r->h, r->w, r->c);
    fill_bytes(s, src);
    struct clef_cast_args args = {.src = &src->view,
                                  .dst = &dst->view,
                                  .divisor = divisors[session_row(s) % ARRAY_LENGTH(divisors)]};
    if (!RUN_OP(s, cast, &args, NULL))
        return;
    double *expected = tensor_values(s, src);
    for (size_t k = 0; k < clef_tensor_count(&src->view); k++)
        expected[k] = (double)(float)(expected[k] / (double)args.divisor);
    check_exact(s, dst, expected);
}

static bool take_cast(const void *arguments, void *row)
{
    const struct clef_cast_args *args = arguments;
    return take(args->src, args->dst, row);
}

CHECK_CASE(cast, rows, run_cast, take_cast);
