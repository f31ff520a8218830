// SPDX-License-Identifier: Apache-2.0
#include "check/check_session_internal.h"

#include <math.h>
#include <string.h>

void check_guards(struct session *s, const struct check_tensor *t)
{
    const char *name = t->name ? t->name : "scratch";
    for (size_t k = 0; k < t->total; k++) {
        size_t at = k * t->element_bytes;
        if (memcmp(t->before + at, t->after + at, t->element_bytes) == 0)
            continue;
        if (!t->element[k])
            session_fail(s, "wrote outside of %s, %lld elements after its first", name,
                         (long long)k - (long long)t->view.offset);
        if (!t->output)
            session_fail(s, "changed its input %s, element %zu", name, k - t->view.offset);
    }
}

// The largest finite magnitude.
static double largest_of(const double *values, size_t count)
{
    double largest = 0;
    for (size_t k = 0; k < count; k++)
        if (isfinite(values[k]) && fabs(values[k]) > largest)
            largest = fabs(values[k]);
    return largest;
}

// Whether a value is right. Where the expected one is NaN or infinite it must be the same; but if
// `may_spread`, of an algorithm that mixes neighbouring positions, it must only not be finite, and
// neighbours need not be finite either.
static bool is_right(double got, double expected, double allowed, bool may_spread)
{
    if (may_spread && !isfinite(got))
        return true;
    if (may_spread && !isfinite(expected))
        return false;
    if (isnan(expected))
        return isnan(got);
    if (isinf(expected))
        return got == expected;
    return fabs(got - expected) <= allowed;
}

static bool all_finite(const double *values, size_t count)
{
    for (size_t k = 0; k < count; k++)
        if (!isfinite(values[k]))
            return false;
    return true;
}

// Compares all elements, with errors relative to `scale`.
static void compare(struct session *s, const struct check_tensor *t, const double *expected,
                    double tolerance, double scale, bool may_spread)
{
    double allowed = tolerance * scale, worst = 0;
    FOR_EACH_ELEMENT(t, n, h, w, c)
    {
        double got = (double)*tensor_after(t, n, h, w, c);
        if (!is_right(got, *expected, allowed, may_spread))
            session_fail(s,
                         "%s(%d,%d,%d,%d) of [%d,%d,%d,%d] is %.9g, expected %.9g, allowed "
                         "error %.3g",
                         t->name, n, h, w, c, t->view.n, t->view.h, t->view.w, t->view.c, got,
                         *expected, allowed);
        if (fabs(got - *expected) > worst)
            worst = fabs(got - *expected);
        expected++;
    }
    session_record(s, scale > 0 ? worst / scale : 0, tolerance);
}

void check_exact(struct session *s, const struct check_tensor *t, const double *expected)
{
    compare(s, t, expected, 0, 0, false);
}

void check_exact_ints(struct session *s, const struct check_tensor *t, const double *expected)
{
    FOR_EACH_ELEMENT(t, n, h, w, c)
    {
        int32_t got;
        memcpy(&got, tensor_after(t, n, h, w, c), sizeof got);
        if (!((double)got == *expected))
            session_fail(s, "%s(%d,%d,%d,%d) is %d, expected %.0f", t->name, n, h, w, c, got,
                         *expected);
        expected++;
    }
}

void check_close(struct session *s, const struct check_tensor *t, const double *expected,
                 double tolerance, double scale)
{
    double largest = largest_of(expected, clef_tensor_count(&t->view));
    compare(s, t, expected, tolerance, fmax(largest, scale), false);
}

void check_sums(struct session *s, const struct check_tensor *t, const double *expected,
                double tolerance)
{
    bool direct = session_algorithm_is_direct(s);
    size_t count = clef_tensor_count(&t->view);
    compare(s, t, expected, direct ? 0 : tolerance, largest_of(expected, count),
            !direct && !all_finite(expected, count));
}

// HWIO.
static double weight_at(const struct weights_shape *l, const double *values, int ky, int kx, int i,
                        int o)
{
    size_t row = (size_t)(ky * l->kernel_w + kx) * (size_t)l->in + (size_t)i;
    return values[row * (size_t)l->out + (size_t)o];
}

void check_weights(struct session *s, const struct check_tensor *t, const struct weights_shape *l,
                   const double *expected, const bool *reached, bool exact, double tolerance)
{
    size_t count = (size_t)l->kernel_h * l->kernel_w * (size_t)l->in * (size_t)l->out;
    double scale = largest_of(expected, count), allowed = exact ? 0 : tolerance * scale;
    bool may_spread = !session_algorithm_is_direct(s) && !all_finite(expected, count);
    double worst = 0;
    const float *before = tensor_at(t, 0, 0, 0, 0), *after = tensor_after(t, 0, 0, 0, 0);
    struct weights_shape lanes = *l; // Also visits the unused lanes of the last panel.
    lanes.out = (l->out + l->panel - 1) / l->panel * l->panel;
    FOR_EACH_WEIGHT(&lanes, ky, kx, i, o)
    {
        size_t k = weight_place(&lanes, ky, kx, i, o);
        if (reached && !reached[ky * l->kernel_w + kx]) {
            if (memcmp(before + k, after + k, sizeof(float)) != 0)
                session_fail(s, "%s(%d,%d,%d,%d) of a tap that is never reached was written",
                             t->name, ky, kx, i, o);
            continue;
        }
        bool used = o < l->out;
        double want = used ? weight_at(l, expected, ky, kx, i, o) : 0;
        double error = used ? allowed : 0;
        if (!is_right((double)after[k], want, error, used && may_spread))
            session_fail(s, "%s(%d,%d,%d,%d) is %.9g, expected %.9g, allowed error %.3g%s", t->name,
                         ky, kx, i, o, (double)after[k], want, error, used ? "" : " (unused lane)");
        if (fabs((double)after[k] - want) > worst)
            worst = fabs((double)after[k] - want);
    }
    session_record(s, scale > 0 ? worst / scale : 0, exact ? 0 : tolerance);
}

void check_number(struct session *s, const char *name, double got, double expected,
                  double tolerance, double scale)
{
    double allowed = tolerance * fmax(fabs(expected), scale);
    if (!(fabs(got - expected) <= allowed))
        session_fail(s, "%s is %.9g, expected %.9g, allowed error %.3g", name, got, expected,
                     allowed);
    session_record(s, allowed > 0 ? fabs(got - expected) / allowed * tolerance : 0, tolerance);
}

void check_unchanged(struct session *s, const struct check_tensor *t)
{
    if (memcmp(t->before, t->after, t->total * t->element_bytes) != 0)
        session_fail(s, "%s was changed", t->name);
}
