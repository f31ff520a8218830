// SPDX-License-Identifier: Apache-2.0
// Batch normalisation: train, infer and backward, each with residual and ReLU.
#include "check/check_layouts.h"
#include "check/check_session.h"
#include "check/oracle.h"

#include <math.h>

// A result takes about ten roundings of 6e-8 each, and sums over a few thousand rows, which stray
// by a few roundings more.
#define TOLERANCE 1e-5
// Where the mean is 100 times the deviation, rounding it to float32 alone moves the result by 1e-5
// of a deviation. The difference of two mean squares would be wrong by 1e-3.
#define OFFSET_TOLERANCE 1e-4

#define EPSILON 1e-3f

enum flags {
    RELU = 1,
    RESIDUAL = 2,
    IN_PLACE = 4, // What that means stands at each op.
    OFFSET = 8,   // Values around 100 instead of 0.5.
    CONSTANT = 16,
    NOT_A_NUMBER = 32,
    UNBIASED = 64, // The moving variance.
};

struct row {
    int n, h, w, c, layout, flags;
};

static const struct row rows[] = {
    {1, 1, 1, 1, NHWC, 0},
    {1, 1, 1, 17, NHWC, RELU},
    {7, 1, 1, 100, HWNC, RESIDUAL},
    {64, 1, 1, 64, HWNC, RELU | RESIDUAL},
    {64, 4, 4, 33, HWNC, RELU},
    {64, 4, 4, 17, HWNC, RELU | RESIDUAL | IN_PLACE},
    {7, 8, 8, 64, NHWC, RELU | RESIDUAL},
    {2, 20, 18, 5, NHWC, IN_PLACE},
    {1, 31, 29, 3, NHWC, RELU | IN_PLACE},
    {3, 5, 7, 1, HWNC, RESIDUAL | IN_PLACE},
    {64, 9, 9, 16, NHWC, 0},
    {2, 65, 64, 3, NHWC, RELU | RESIDUAL}, // Of many chunks, where a backend cuts the rows.
    {9, 8, 8, 100, NHWC, RELU | RESIDUAL | IN_PLACE}, // The same for many channels,
    {3, 14, 14, 272, HWNC, RELU},                     // and for more than it takes at a time.
    {5, 3, 3, 257, HWNC, RELU},
    {7, 8, 8, 33, HWNC, OFFSET},
    {2, 20, 18, 17, NHWC, OFFSET | RELU | RESIDUAL},
    {7, 3, 3, 17, HWNC, CONSTANT},
    {1, 1, 1, 17, NHWC, UNBIASED}, // One row, which has no unbiased variance.
    {2, 1, 1, 33, HWNC, UNBIASED | RELU},
    {3, 2, 2, 64, NHWC, UNBIASED | RELU | RESIDUAL},
    {64, 9, 9, 17, HWNC, UNBIASED | RELU},
    {7, 3, 3, 17, NHWC, NOT_A_NUMBER | RELU},
    {7, 3, 3, 32, HWNC, NOT_A_NUMBER | RESIDUAL | RELU},
};

static struct oracle_batchnorm describe(struct session *s, const struct row *r)
{
    session_describe(s, "%dx%dx%dx%d, layout %d, flags %d", r->n, r->h, r->w, r->c, r->layout,
                     r->flags);
    return (struct oracle_batchnorm){.rows = r->n * r->h * r->w,
                                     .channels = r->c,
                                     .epsilon = (double)EPSILON,
                                     .relu = r->flags & RELU};
}

static double tolerance(const struct row *r)
{
    return r->flags & OFFSET ? OFFSET_TOLERANCE : TOLERANCE;
}

static struct check_tensor *filled_src(struct session *s, const struct row *r)
{
    struct check_tensor *src = session_input(s, "src", r->layout, r->n, r->h, r->w, r->c);
    double centre = r->flags & OFFSET ? 100 : 0.5;
    fill_uniform(s, src, centre - 1, centre + 1);
    if (r->flags & CONSTANT)
        fill_integers(s, src, 3, 3);
    if (r->flags & NOT_A_NUMBER)
        *tensor_at(src, r->n - 1, 0, r->w - 1, r->c - 1) = NAN;
    return src;
}

static struct check_tensor *filled_vector(struct session *s, const char *name, size_t count,
                                          double low, double high)
{
    struct check_tensor *t = session_input_vector(s, name, count);
    fill_uniform(s, t, low, high);
    return t;
}

static struct check_tensor *filled_output_vector(struct session *s, const char *name, size_t count,
                                                 double low, double high)
{
    struct check_tensor *t = session_output_vector(s, name, count);
    fill_uniform(s, t, low, high);
    return t;
}

static struct check_tensor *filled_image(struct session *s, const struct row *r, const char *name)
{
    struct check_tensor *t = session_input(s, name, r->layout, r->n, r->h, r->w, r->c);
    fill_uniform(s, t, -1, 1);
    return t;
}

static const struct clef_tensor *view_or_null(const struct check_tensor *t)
{
    return t ? &t->view : NULL;
}

static bool take(const struct clef_tensor *src, bool relu, const struct clef_tensor *residual,
                 bool in_place, struct row *r)
{
    r->n = src->n, r->h = src->h, r->w = src->w, r->c = src->c;
    r->layout = layout_of(src);
    r->flags = (relu ? RELU : 0) | (residual ? RESIDUAL : 0) | (in_place ? IN_PLACE : 0);
    return true;
}

// ---------------------------------------------------------------- train

static void check_statistics(struct session *s, const struct row *r, const double *mean,
                             const double *variance, const struct check_tensor *moving[2],
                             const struct check_tensor *saved[2], double momentum)
{
    size_t c = (size_t)r->c;
    int values = r->n * r->h * r->w; // Of each channel.
    double correction = r->flags & UNBIASED && values > 1 ? values / (values - 1.0) : 1;
    double *expected[4];
    for (int i = 0; i < 4; i++)
        expected[i] = session_doubles(s, c);
    const double *old_mean = tensor_values(s, moving[0]),
                 *old_variance = tensor_values(s, moving[1]);
    for (size_t k = 0; k < c; k++) {
        expected[0][k] = momentum * old_mean[k] + (1 - momentum) * mean[k];
        expected[1][k] = momentum * old_variance[k] + (1 - momentum) * variance[k] * correction;
        expected[2][k] = mean[k];
        expected[3][k] = 1 / sqrt(variance[k] + (double)EPSILON);
    }
    check_close(s, moving[0], expected[0], TOLERANCE, 0);
    check_close(s, moving[1], expected[1], TOLERANCE, 0);
    check_close(s, saved[0], expected[2], TOLERANCE, 0);
    check_close(s, saved[1], expected[3], TOLERANCE, 0);
}

static void run_train(struct session *s, const void *row)
{
    const struct row *r = row;
    struct oracle_batchnorm bn = describe(s, r);
    size_t c = (size_t)r->c;
    struct check_tensor *src = filled_src(s, r);
    struct check_tensor *gamma = filled_vector(s, "gamma", c, -1.5, 1.5);
    struct check_tensor *beta = filled_vector(s, "beta", c, -1, 1);
    struct check_tensor *residual = r->flags & RESIDUAL ? filled_image(s, r, "residual") : NULL;
    struct check_tensor *dst = session_output(s, "dst", r->layout, r->n, r->h, r->w, r->c);
    struct check_tensor *moving_mean = filled_output_vector(s, "moving_mean", c, -1, 1);
    struct check_tensor *moving_variance = filled_output_vector(s, "moving_variance", c, 0, 2);
    struct check_tensor *saved_mean = session_output_vector(s, "saved_mean", c);
    struct check_tensor *saved_inv_std = session_output_vector(s, "saved_inv_std", c);
    struct clef_batchnorm_train_args args = {.src = &src->view,
                                             .gamma = &gamma->view,
                                             .beta = &beta->view,
                                             .residual = view_or_null(residual),
                                             .dst = &dst->view,
                                             .moving_mean = &moving_mean->view,
                                             .moving_variance = &moving_variance->view,
                                             .saved_mean = &saved_mean->view,
                                             .saved_inv_std = &saved_inv_std->view,
                                             .momentum = 0.9f,
                                             .epsilon = EPSILON,
                                             .unbiased = r->flags & UNBIASED,
                                             .relu = bn.relu};
    if (!RUN_OP(s, batchnorm_train, &args, NULL))
        return;
    double *mean = session_doubles(s, c), *variance = session_doubles(s, c);
    double *expected = session_doubles(s, clef_tensor_count(&dst->view));
    oracle_batchnorm_moments(&bn, tensor_values(s, src), mean, variance);
    oracle_batchnorm_apply(&bn, tensor_values(s, src), mean, variance, tensor_values(s, gamma),
                           tensor_values(s, beta), residual ? tensor_values(s, residual) : NULL,
                           expected);
    check_close(s, dst, expected, tolerance(r), 0);
    const struct check_tensor *moving[2] = {moving_mean, moving_variance};
    const struct check_tensor *saved[2] = {saved_mean, saved_inv_std};
    check_statistics(s, r, mean, variance, moving, saved, (double)args.momentum);
}

static bool take_train(const void *arguments, void *row)
{
    const struct clef_batchnorm_train_args *args = arguments;
    struct row *r = row;
    take(args->src, args->relu, args->residual, false, r);
    r->flags |= args->unbiased ? UNBIASED : 0;
    return true;
}

CHECK_CASE(batchnorm_train, rows, run_train, take_train);

// ---------------------------------------------------------------- infer

// In place: dst is src.
static void run_infer(struct session *s, const void *row)
{
    const struct row *r = row;
    struct oracle_batchnorm bn = describe(s, r);
    size_t c = (size_t)r->c;
    struct check_tensor *src = filled_src(s, r);
    struct check_tensor *gamma = filled_vector(s, "gamma", c, -1.5, 1.5);
    struct check_tensor *beta = filled_vector(s, "beta", c, -1, 1);
    double centre = r->flags & OFFSET ? 100 : 0.5;
    struct check_tensor *mean = filled_vector(s, "moving_mean", c, centre - 1, centre + 1);
    struct check_tensor *variance = filled_vector(s, "moving_variance", c, 0.1, 2);
    struct check_tensor *residual = r->flags & RESIDUAL ? filled_image(s, r, "residual") : NULL;
    struct check_tensor *dst = src;
    if (r->flags & IN_PLACE)
        src->output = true;
    else
        dst = session_output(s, "dst", r->layout, r->n, r->h, r->w, r->c);
    struct clef_batchnorm_infer_args args = {.src = &src->view,
                                             .gamma = &gamma->view,
                                             .beta = &beta->view,
                                             .residual = view_or_null(residual),
                                             .dst = &dst->view,
                                             .moving_mean = &mean->view,
                                             .moving_variance = &variance->view,
                                             .epsilon = EPSILON,
                                             .relu = bn.relu};
    if (!RUN_OP(s, batchnorm_infer, &args, NULL))
        return;
    double *expected = session_doubles(s, clef_tensor_count(&dst->view));
    oracle_batchnorm_apply(&bn, tensor_values(s, src), tensor_values(s, mean),
                           tensor_values(s, variance), tensor_values(s, gamma),
                           tensor_values(s, beta), residual ? tensor_values(s, residual) : NULL,
                           expected);
    check_close(s, dst, expected, tolerance(r), 0);
}

static bool take_infer(const void *arguments, void *row)
{
    const struct clef_batchnorm_infer_args *args = arguments;
    return take(args->src, args->relu, args->residual, is_same_place(args->dst, args->src), row);
}

CHECK_CASE(batchnorm_infer, rows, run_infer, take_infer);

// ---------------------------------------------------------------- backward

// The statistics that a forward pass would have saved.
static void fill_saved(struct session *s, const struct oracle_batchnorm *bn,
                       const struct check_tensor *src, struct check_tensor *saved_mean,
                       struct check_tensor *saved_inv_std)
{
    double *mean = session_doubles(s, (size_t)bn->channels);
    double *inv_std = session_doubles(s, (size_t)bn->channels);
    oracle_batchnorm_moments(bn, tensor_values(s, src), mean, inv_std);
    for (int c = 0; c < bn->channels; c++)
        inv_std[c] = 1 / sqrt(inv_std[c] + bn->epsilon);
    fill_values(saved_mean, mean);
    fill_values(saved_inv_std, inv_std);
}

struct gradients {
    double *src, *residual, *gamma, *beta;
};

// In place, diff_dst is written over: by diff_residual if there is one, else by diff_src.
static void run_backward(struct session *s, const void *row)
{
    const struct row *r = row;
    struct oracle_batchnorm bn = describe(s, r);
    size_t c = (size_t)r->c;
    struct check_tensor *src = filled_src(s, r);
    struct check_tensor *dst = r->flags & RELU ? filled_image(s, r, "dst") : NULL;
    struct check_tensor *gamma = filled_vector(s, "gamma", c, -1.5, 1.5);
    struct check_tensor *saved_mean = session_input_vector(s, "saved_mean", c);
    struct check_tensor *saved_inv_std = session_input_vector(s, "saved_inv_std", c);
    fill_saved(s, &bn, src, saved_mean, saved_inv_std);
    struct check_tensor *diff_dst = filled_image(s, r, "diff_dst");
    struct check_tensor *diff_src = NULL, *diff_residual = NULL;
    diff_dst->output = r->flags & IN_PLACE;
    if (r->flags & RESIDUAL)
        diff_residual = r->flags & IN_PLACE
                            ? diff_dst
                            : session_output(s, "diff_residual", r->layout, r->n, r->h, r->w, r->c);
    if (r->flags & IN_PLACE && !diff_residual)
        diff_src = diff_dst;
    else
        diff_src = session_output(s, "diff_src", r->layout, r->n, r->h, r->w, r->c);
    struct check_tensor *diff_gamma = session_output_vector(s, "diff_gamma", c);
    struct check_tensor *diff_beta = session_output_vector(s, "diff_beta", c);
    struct clef_batchnorm_backward_args args = {.src = &src->view,
                                                .dst = view_or_null(dst),
                                                .gamma = &gamma->view,
                                                .saved_mean = &saved_mean->view,
                                                .saved_inv_std = &saved_inv_std->view,
                                                .diff_dst = &diff_dst->view,
                                                .diff_src = &diff_src->view,
                                                .diff_residual = view_or_null(diff_residual),
                                                .diff_gamma = &diff_gamma->view,
                                                .diff_beta = &diff_beta->view,
                                                .relu = bn.relu};
    if (!RUN_OP(s, batchnorm_backward, &args, NULL))
        return;
    size_t count = clef_tensor_count(&src->view);
    struct gradients expected = {session_doubles(s, count), session_doubles(s, count),
                                 session_doubles(s, c), session_doubles(s, c)};
    oracle_batchnorm_backward(&bn, tensor_values(s, src), dst ? tensor_values(s, dst) : NULL,
                              tensor_values(s, saved_mean), tensor_values(s, saved_inv_std),
                              tensor_values(s, gamma), tensor_values(s, diff_dst), expected.src,
                              expected.residual, expected.gamma, expected.beta);
    // With one row, diff_src is a difference of equal numbers: its error is relative to these,
    // which are at most gamma * inv_std = 1.5 / sqrt(EPSILON).
    check_close(s, diff_src, expected.src, TOLERANCE, bn.rows == 1 ? 1.5 / sqrt(1e-3) : 0);
    if (diff_residual)
        check_exact(s, diff_residual, expected.residual);
    check_close(s, diff_gamma, expected.gamma, TOLERANCE, 1);
    check_close(s, diff_beta, expected.beta, TOLERANCE, 1);
}

static bool take_backward(const void *arguments, void *row)
{
    const struct clef_batchnorm_backward_args *args = arguments;
    const struct clef_tensor *over = args->diff_residual ? args->diff_residual : args->diff_src;
    return take(args->src, args->relu, args->diff_residual, is_same_place(over, args->diff_dst),
                row);
}

CHECK_CASE(batchnorm_backward, rows, run_backward, take_backward);
