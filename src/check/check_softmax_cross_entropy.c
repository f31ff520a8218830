// SPDX-License-Identifier: Apache-2.0
// The loss, its gradient, the count of correct rows and the fault flag.
#include "check/check_layouts.h"
#include "check/check_session.h"
#include "check/oracle.h"

#include <math.h>

// exp and log to a few units in the last place, and sums of up to a thousand terms.
#define TOLERANCE 1e-5

enum data {
    REAL,
    TIES,         // Few different logits, so that the first of several largest counts.
    LARGE,        // exp would overflow without subtracting the largest.
    NOT_A_NUMBER, // The fault must be raised...
    INFINITE,     // ...as for a label whose probability is zero.
};

struct row {
    int n, classes;
    enum data data;
    bool gradient;
    int fault; // Its value before; ABSENT: the op is not given one.
};

#define ABSENT (-1)

static const struct row rows[] = {
    {1, 1, REAL, true, 0},          {1, 10, REAL, true, 0},     {7, 10, TIES, true, 7},
    {64, 10, REAL, true, ABSENT},   {64, 10, LARGE, true, 0},   {64, 10, TIES, false, 0},
    {7, 3, REAL, true, 0},          {7, 17, LARGE, false, 1},   {64, 100, REAL, true, 0},
    {5, 1000, REAL, true, ABSENT},  {1, 2, TIES, true, 0},      {300, 10, REAL, true, 0},
    {7, 10, NOT_A_NUMBER, true, 0}, {7, 10, INFINITE, true, 0}, {64, 17, NOT_A_NUMBER, false, 0},
    {64, 17, INFINITE, false, 1},   {70, 2, TIES, true, 0},     {2, 100, REAL, true, 0},
};

static void fill_logits(struct session *s, const struct row *r, struct check_tensor *logits,
                        const double *labels)
{
    if (r->data == TIES)
        fill_integers(s, logits, 0, 2);
    else if (r->data == LARGE)
        fill_uniform(s, logits, -1000, 1000);
    else
        fill_uniform(s, logits, -4, 4);
    if (r->data == NOT_A_NUMBER)
        *tensor_at(logits, r->n / 2, 0, 0, r->classes - 1) = NAN;
    if (r->data == INFINITE)
        *tensor_at(logits, r->n - 1, 0, 0, (int)labels[r->n - 1]) = -INFINITY;
}

static void check_results(struct session *s, const struct row *r, const struct check_tensor *logits,
                          const double *labels, const struct check_tensor *diff_logits,
                          const struct check_tensor *metrics)
{
    double expected[2];
    double *gradient = session_doubles(s, (size_t)r->n * (size_t)r->classes);
    oracle_softmax_cross_entropy(r->n, r->classes, tensor_values(s, logits), labels, gradient,
                                 expected);
    double got_loss = (double)*tensor_after(metrics, 0, 0, 0, 0);
    double got_correct = (double)*tensor_after(metrics, 0, 0, 0, 1);
    if (r->data == NOT_A_NUMBER || r->data == INFINITE) {
        if (isfinite(got_loss))
            session_fail(s, "the loss is %.9g, expected NaN or infinity", got_loss);
    } else {
        check_number(s, "the loss", got_loss, expected[0], TOLERANCE, 1);
    }
    // Which logit is the largest beside a NaN is left open.
    if (r->data != NOT_A_NUMBER && !(got_correct == expected[1]))
        session_fail(s, "%.0f rows are correct, expected %.0f", got_correct, expected[1]);
    if (diff_logits)
        check_close(s, diff_logits, gradient, TOLERANCE, 1.0 / r->n);
}

static void run_loss(struct session *s, const void *row)
{
    const struct row *r = row;
    session_describe(s, "n %d, classes %d, data %d, fault %d", r->n, r->classes, r->data, r->fault);
    struct check_tensor *logits = session_input(s, "logits", LAYOUT_NHWC, r->n, 1, 1, r->classes);
    struct check_tensor *labels = session_input_vector(s, "labels", (size_t)r->n);
    double *label_values = session_doubles(s, (size_t)r->n);
    for (int n = 0; n < r->n; n++)
        label_values[n] = session_random(s, 77, (uint64_t)n) % (uint32_t)r->classes;
    fill_int_values(labels, label_values);
    fill_logits(s, r, logits, label_values);
    struct check_tensor *diff_logits =
        r->gradient ? session_output(s, "diff_logits", LAYOUT_NHWC, r->n, 1, 1, r->classes) : NULL;
    struct check_tensor *metrics = session_output_vector(s, "metrics", 2);
    struct check_tensor *fault = NULL;
    double fault_value = r->fault;
    if (r->fault != ABSENT) {
        fault = session_output_vector(s, "fault", 1);
        fill_int_values(fault, &fault_value);
    }
    struct clef_softmax_cross_entropy_args args = {.logits = &logits->view,
                                                   .labels = &labels->view,
                                                   .diff_logits =
                                                       diff_logits ? &diff_logits->view : NULL,
                                                   .metrics = &metrics->view,
                                                   .fault = fault ? &fault->view : NULL};
    if (!RUN_OP(s, softmax_cross_entropy, &args, NULL))
        return;
    check_results(s, r, logits, label_values, diff_logits, metrics);
    bool broken = r->data == NOT_A_NUMBER || r->data == INFINITE;
    double expected_fault = broken ? 1 : r->fault;
    if (fault)
        check_exact_ints(s, fault, &expected_fault);
}

static bool take_loss(const void *arguments, void *row)
{
    const struct clef_softmax_cross_entropy_args *args = arguments;
    struct row *r = row;
    r->n = args->logits->n;
    r->classes = args->logits->c;
    r->gradient = args->diff_logits != NULL;
    r->fault = args->fault ? 0 : ABSENT;
    return true;
}

CHECK_CASE(softmax_cross_entropy, rows, run_loss, take_loss);
