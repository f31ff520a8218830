// SPDX-License-Identifier: Apache-2.0
#include "check/check_session_internal.h"

#include <math.h>
#include <string.h>

void check_guards(struct session *s, const struct check_tensor *t)
{
    const char *name = t->name ? t->name : "scratch";
    if (!t->output && memcmp(t->before, t->after, t->total * t->element_bytes) == 0)
        return;
    for (size_t k = 0; k < t->total; k++) {
        size_t at = k * t->element_bytes;
        if (t->output && t->element[k])
            continue;
        if (memcmp(t->before + at, t->after + at, t->element_bytes) == 0)
            continue;
        if (!t->element[k])
            session_fail(s, "wrote outside of %s, %lld elements after its first", name,
                         (long long)k - (long long)t->view.offset);
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

// Whether a value is right. Where NaN or infinity is expected it must be the same. An algorithm
// that computes tiles of neighbouring positions together, if `spreads`, may turn one into the
// other, and spread them over what shares a tile.
static bool is_right(double got, double expected, double allowed, bool spreads)
{
    if (spreads && !isfinite(got))
        return true;
    if (isnan(expected))
        return isnan(got);
    if (isinf(expected))
        return got == expected;
    return fabs(got - expected) <= allowed;
}

// How far a value is off: 0 where two that are not finite belong together, infinite or NaN where
// only one is.
static double error_of(double got, double expected, bool spreads)
{
    return !isfinite(expected) || !isfinite(got)
               ? is_right(got, expected, 0, spreads) ? 0 : fabs(got - expected)
               : fabs(got - expected);
}

// The larger of two errors, of which NaN is the largest.
static double larger_error(double a, double b)
{
    return isnan(a) || a > b ? a : b;
}

static bool all_finite(const double *values, size_t count)
{
    for (size_t k = 0; k < count; k++)
        if (!isfinite(values[k]))
            return false;
    return true;
}

static double relative(double error, double scale)
{
    return scale > 0 ? error / scale : error;
}

// Whether NaN or infinity may be anywhere in the image that begins at `expected`: tiles are of one
// image.
static bool spreads_over_image(bool has_tiles, const double *expected, size_t count)
{
    return has_tiles && !all_finite(expected, count);
}

// Compares all elements, with errors relative to `scale`.
static void compare(struct session *s, const struct check_tensor *t, const double *expected,
                    double tolerance, double scale, bool has_tiles)
{
    double allowed = tolerance * scale, worst = 0;
    size_t image = clef_tensor_count(&t->view) / (size_t)t->view.n, k = 0;
    bool spreads = false;
    // A failure ends the comparison, so that the worst error is found before.
    FOR_EACH_ELEMENT(t, n, h, w, c)
    {
        double got = (double)*tensor_after(t, n, h, w, c);
        if (k % image == 0)
            spreads = spreads_over_image(has_tiles, expected + k, image);
        worst = larger_error(error_of(got, expected[k++], spreads), worst);
    }
    session_record(s, relative(worst, scale), tolerance);
    k = 0;
    FOR_EACH_ELEMENT(t, n, h, w, c)
    {
        double got = (double)*tensor_after(t, n, h, w, c);
        if (k % image == 0)
            spreads = spreads_over_image(has_tiles, expected + k, image);
        if (!is_right(got, expected[k], allowed, spreads))
            session_fail(s,
                         "%s(%d,%d,%d,%d) of [%d,%d,%d,%d] is %.9g, expected %.9g, allowed "
                         "error %.3g",
                         t->name, n, h, w, c, t->view.n, t->view.h, t->view.w, t->view.c, got,
                         expected[k], allowed);
        k++;
    }
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
    compare(s, t, expected, direct ? 0 : tolerance, largest_of(expected, count), !direct);
}

// HWIO.
static double weight_at(const struct weights_shape *l, const double *values, int ky, int kx, int i,
                        int o)
{
    size_t row = (size_t)(ky * l->kernel_w + kx) * (size_t)l->in + (size_t)i;
    return values[row * (size_t)l->out + (size_t)o];
}

// Whether a weight that is not finite is expected for these channels. A tile has all taps.
static bool spreads_over_taps(const struct weights_shape *l, const double *expected, int i, int o)
{
    for (int tap = 0; tap < l->kernel_h * l->kernel_w; tap++)
        if (!isfinite(weight_at(l, expected, 0, tap, i, o)))
            return true;
    return false;
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
    FOR_EACH_WEIGHT(l, ky, kx, i, o)
    {
        if (reached && !reached[ky * l->kernel_w + kx])
            continue;
        double got = (double)after[weight_place(&lanes, ky, kx, i, o)];
        bool spreads = may_spread && spreads_over_taps(l, expected, i, o);
        worst = larger_error(error_of(got, weight_at(l, expected, ky, kx, i, o), spreads), worst);
    }
    session_record(s, relative(worst, scale), exact ? 0 : tolerance);
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
        bool spreads = used && may_spread && spreads_over_taps(l, expected, i, o);
        if (!is_right((double)after[k], want, error, spreads))
            session_fail(s, "%s(%d,%d,%d,%d) is %.9g, expected %.9g, allowed error %.3g%s", t->name,
                         ky, kx, i, o, (double)after[k], want, error, used ? "" : " (unused lane)");
    }
}

void check_number(struct session *s, const char *name, double got, double expected,
                  double tolerance, double scale)
{
    double allowed = tolerance * fmax(fabs(expected), scale), error = fabs(got - expected);
    session_record(s, allowed > 0 ? error / allowed * tolerance : error, tolerance);
    if (!(fabs(got - expected) <= allowed))
        session_fail(s, "%s is %.9g, expected %.9g, allowed error %.3g", name, got, expected,
                     allowed);
}

void check_unchanged(struct session *s, const struct check_tensor *t)
{
    if (memcmp(t->before, t->after, t->total * t->element_bytes) != 0)
        session_fail(s, "%s was changed", t->name);
}
