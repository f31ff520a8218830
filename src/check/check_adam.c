// SPDX-License-Identifier: Apache-2.0
// Adam: the step, the extents that it is limited to, and the fault that stops it.
#include "check/check_layouts.h"
#include "check/check_session.h"
#include "check/oracle.h"

#include <math.h>
#include <string.h>

// About ten roundings, a square root and a division. Parameters are not larger than the step, so
// that this bounds the error of the step itself.
#define TOLERANCE 2e-6
#define LEARNING_RATE 0.125f

#define MOST_EXTENTS 64
// Of a network's parameters, this many make a row: more would only take longer.
#define MOST_ELEMENTS (1 << 19)

struct row {
    size_t count;
    struct clef_extent extents[MOST_EXTENTS];
    size_t extent_count;
    uint64_t step;
    int fault; // ABSENT: the op is not given one.
};

#define ABSENT (-1)

static const struct row rows[] = {
    {1, {{0, 1}}, 1, 1, ABSENT},
    {17, {{0, 17}}, 1, 1, 0},
    {64, {{0, 64}}, 1, 2, ABSENT},
    {1000, {{0, 1000}}, 1, 1000, 0},
    {100, {{3, 5}, {8, 1}, {33, 40}, {99, 1}}, 4, 3, 0},
    {5000, {{1, 1}, {16, 1024}, {1999, 2001}}, 3, 10, ABSENT},
    {100003, {{0, 40000}, {50001, 50002}}, 2, 100000, 0},
    {100, {{10, 80}}, 1, 5, 1},
    {4097, {{0, 4097}}, 1, 1, -2147483647 - 1},
};

static struct check_tensor *updated(struct session *s, const char *name, size_t count, double low,
                                    double high)
{
    struct check_tensor *t = session_output_vector(s, name, count);
    fill_uniform(s, t, low, high);
    return t;
}

static bool is_listed(const struct row *r, size_t k)
{
    for (size_t i = 0; i < r->extent_count; i++)
        if (k >= r->extents[i].offset && k - r->extents[i].offset < r->extents[i].count)
            return true;
    return false;
}

// Outside of the extents every bit is as before, whatever the gradient there.
static void check_untouched(struct session *s, const struct row *r, const struct check_tensor *t)
{
    const float *before = tensor_at(t, 0, 0, 0, 0), *after = tensor_after(t, 0, 0, 0, 0);
    for (size_t k = 0; k < r->count; k++)
        if (!is_listed(r, k) && memcmp(before + k, after + k, sizeof(float)) != 0)
            session_fail(s, "%s element %zu is in no extent and was changed", t->name, k);
}

static void check_step(struct session *s, const struct row *r, const struct check_tensor *grad,
                       struct check_tensor *const state[3], const struct oracle_adam *adam)
{
    double *expected[3];
    for (int i = 0; i < 3; i++)
        expected[i] = tensor_values(s, state[i]);
    const double *gradient = tensor_values(s, grad);
    for (size_t i = 0; i < r->extent_count; i++)
        oracle_adam(adam, r->extents[i].offset, r->extents[i].count, gradient, expected[0],
                    expected[1], expected[2]);
    for (int i = 0; i < 3; i++) {
        check_close(s, state[i], expected[i], TOLERANCE, 0);
        check_untouched(s, r, state[i]);
    }
    // With m, v and the gradient zero the step is zero, so that the parameter keeps its bits.
    const float *before = tensor_at(state[0], 0, 0, 0, 0),
                *after = tensor_after(state[0], 0, 0, 0, 0);
    if (memcmp(before + r->extents[0].offset, after + r->extents[0].offset, sizeof(float)) != 0)
        session_fail(s, "a zero gradient moved a parameter from %.9g to %.9g",
                     (double)before[r->extents[0].offset], (double)after[r->extents[0].offset]);
}

static void run_adam(struct session *s, const void *row)
{
    const struct row *r = row;
    session_describe(s, "%zu elements, %zu extents, step %llu, fault %d", r->count, r->extent_count,
                     (unsigned long long)r->step, r->fault);
    struct check_tensor *grad = session_input_vector(s, "grad", r->count);
    fill_uniform(s, grad, -1, 1);
    struct check_tensor *param = updated(s, "param", r->count, -0.1, 0.1);
    struct check_tensor *m = updated(s, "m", r->count, -0.5, 0.5);
    struct check_tensor *v = updated(s, "v", r->count, 0.1, 1);
    // An element of which nothing is known yet: its gradient is zero.
    int first = (int)r->extents[0].offset;
    *tensor_at(grad, 0, 0, 0, first) = *tensor_at(m, 0, 0, 0, first) =
        *tensor_at(v, 0, 0, 0, first) = 0;
    for (size_t k = 0; k < r->count; k++)
        if (!is_listed(r, k))
            *tensor_at(grad, 0, 0, 0, (int)k) = NAN;
    struct check_tensor *fault = NULL;
    double fault_value = r->fault;
    if (r->fault != ABSENT) {
        fault = session_input_vector(s, "fault", 1);
        fill_int_values(fault, &fault_value);
    }
    struct clef_adam_args args = {.grad = &grad->view,
                                  .param = &param->view,
                                  .m = &m->view,
                                  .v = &v->view,
                                  .extents = r->extents,
                                  .extent_count = r->extent_count,
                                  .fault = fault ? &fault->view : NULL,
                                  .beta1 = 0.9f,
                                  .beta2 = 0.999f,
                                  .epsilon = 1e-7f};
    struct clef_run_values values = {.learning_rate = LEARNING_RATE, .step = r->step};
    if (!RUN_OP(s, adam, &args, &values))
        return;
    if (fault && r->fault != 0) {
        check_unchanged(s, param);
        check_unchanged(s, m);
        check_unchanged(s, v);
        return;
    }
    struct oracle_adam adam = {(double)values.learning_rate, (double)args.beta1, (double)args.beta2,
                               (double)args.epsilon, (double)values.step};
    check_step(s, r, grad, (struct check_tensor *const[3]){param, m, v}, &adam);
}

static bool take_adam(const void *arguments, void *row)
{
    const struct clef_adam_args *args = arguments;
    struct row *r = row;
    r->count = clef_tensor_count(args->param);
    if (r->count > MOST_ELEMENTS)
        r->count = MOST_ELEMENTS;
    for (size_t i = 0; i < args->extent_count && i < MOST_EXTENTS; i++) {
        struct clef_extent extent = args->extents[i];
        if (extent.offset >= r->count)
            break;
        if (extent.count > r->count - extent.offset)
            extent.count = r->count - extent.offset;
        r->extents[r->extent_count++] = extent;
    }
    r->step = 1;
    r->fault = args->fault ? 0 : ABSENT;
    return true;
}

CHECK_CASE(adam, rows, run_adam, take_adam);
