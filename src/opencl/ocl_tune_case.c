// SPDX-License-Identifier: Apache-2.0
#include "opencl/ocl_tune_case.h"
#include "core/clock.h"
#include "core/philox.h"
#include "opencl/ocl_buffer.h"
#include "opencl/ocl_conv2d_columns.h"
#include "opencl/ocl_plan.h"
#include "opencl/ocl_transfer.h"
#include "opencl/ocl_tune_expected.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SEED 2

// A measurement is of as many runs as take this long, so that the device is kept busy, and a case
// is measured so often; a slow one until it has taken so long.
#define MEASUREMENT_SECONDS 0.02
#define MAX_RUNS 16
#define MEASUREMENTS 3
#define ENOUGH_SECONDS 0.1

// ---------------------------------------------------------------- tensors

static size_t elements_spanned(const struct clef_tensor *t)
{
    return (size_t)(t->n - 1) * t->stride_n + (size_t)(t->h - 1) * t->stride_h +
           (size_t)(t->w - 1) * t->stride_w + (size_t)t->c;
}

// Gives a tensor a buffer with whole numbers from -2 to 2, and keeps them in *host.
static clef_status fill_tensor(struct ocl_context *ocl, struct clef_tensor *t, uint32_t stream,
                               float **host)
{
    size_t count = elements_spanned(t), bytes = count * sizeof(float);
    *host = malloc(bytes);
    if (!*host)
        return clef_fail(CLEF_OUT_OF_MEMORY, "no memory for a tensor of %zu elements", count);
    for (size_t i = 0; i < count; i += 4) {
        uint32_t words[4];
        clef_philox(SEED, CLEF_RANDOM_INITIALISE, stream, i / 4, words);
        for (size_t k = 0; k < 4 && i + k < count; k++)
            (*host)[i + k] = floorf(5 * clef_uniform(words[k])) - 2;
    }
    CLEF_TRY(ocl_buffer_create(ocl, bytes, &t->buffer));
    t->buffer->bytes = bytes;
    return ocl_upload(ocl, t->buffer, 0, *host, bytes, NULL);
}

static struct clef_weights_layout weights_layout(const struct ocl_conv2d_problem *p)
{
    return (struct clef_weights_layout){p->window.kernel_h, p->window.kernel_w, p->image.c,
                                        p->result.c, OCL_PANEL};
}

// Lanes beyond the last filter are zero.
static clef_status clear_unused_lanes(struct ocl_tune_case *c)
{
    int rest = c->result.c % OCL_PANEL;
    size_t count = (size_t)c->weights.c;
    for (size_t i = count - count / ocl_groups((size_t)c->result.c, OCL_PANEL); rest && i < count;
         i++)
        if (i % OCL_PANEL >= (size_t)rest)
            c->host_weights[i] = 0;
    return ocl_upload(c->ocl, c->weights.buffer, 0, c->host_weights, count * sizeof(float), NULL);
}

static clef_status make_tensors(struct ocl_tune_case *c)
{
    struct clef_weights_layout layout = weights_layout(&c->problem);
    c->image = c->problem.image;
    c->result = c->problem.result;
    c->weights = clef_tensor_vector(NULL, 0, clef_weights_count(&layout));
    CLEF_TRY(fill_tensor(c->ocl, &c->image, 0, &c->host_image));
    CLEF_TRY(fill_tensor(c->ocl, &c->result, 1, &c->host_result));
    CLEF_TRY(fill_tensor(c->ocl, &c->weights, 2, &c->host_weights));
    return clear_unused_lanes(c);
}

// How many products an element of the matrix product adds up.
static size_t products_summed(enum clef_op op, const struct ocl_columns *columns)
{
    switch (op) {
    case CLEF_OP_conv2d_forward:
        return columns->width;
    case CLEF_OP_conv2d_backward_data:
        return (size_t)columns->result->c;
    default:
        return columns->slice;
    }
}

clef_status ocl_tune_case_create(struct ocl_context *ocl, const struct ocl_conv2d_problem *problem,
                                 struct ocl_tune_case *result)
{
    struct ocl_columns columns;
    CLEF_TRY(
        ocl_columns_describe(ocl, &problem->image, &problem->result, &problem->window, &columns));
    *result = (struct ocl_tune_case){
        .ocl = ocl,
        .problem = *problem,
        .count = 1,
        .flops = 2 * columns.multiply_adds * problem->result.c,
        .work = (double)columns.rows * (double)columns.width * problem->result.c,
    };
    double summed = (double)products_summed(problem->op, &columns);
    result->product = (double)columns.slice * (double)columns.width * problem->result.c / summed *
                      fmin(summed, OCL_GEMM_CHAIN);
    ocl_conv2d_problem_key(problem, result->key);
    clef_status status = make_tensors(result);
    if (status != CLEF_OK)
        ocl_tune_case_free(result);
    return status;
}

void ocl_tune_case_free(struct ocl_tune_case *c)
{
    struct clef_tensor *tensors[] = {&c->image, &c->result, &c->weights};
    float *hosts[] = {c->host_image, c->host_result, c->host_weights, c->trusted};
    for (size_t i = 0; i < sizeof tensors / sizeof tensors[0]; i++)
        if (tensors[i]->buffer)
            ocl_buffer_destroy(c->ocl, tensors[i]->buffer);
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++)
        free(hosts[i]);
    *c = (struct ocl_tune_case){0};
}

// ---------------------------------------------------------------- measuring

static const struct clef_tensor *output_of(const struct ocl_tune_case *c)
{
    switch (c->problem.op) {
    case CLEF_OP_conv2d_forward:
        return &c->result;
    case CLEF_OP_conv2d_backward_data:
        return &c->image;
    default:
        return &c->weights;
    }
}

static clef_status plan_op(struct ocl_tune_case *c, const struct clef_tensor *scratch,
                           struct clef_plan_info *info, struct clef_plan **plan)
{
    const struct clef_conv2d_forward_args forward = {
        .src = &c->image, .weights = &c->weights, .dst = &c->result, .window = c->problem.window};
    const struct clef_conv2d_backward_data_args backward_data = {.diff_dst = &c->result,
                                                                 .weights = &c->weights,
                                                                 .diff_src = &c->image,
                                                                 .window = c->problem.window};
    const struct clef_conv2d_backward_weights_args backward_weights = {.src = &c->image,
                                                                       .diff_dst = &c->result,
                                                                       .diff_weights = &c->weights,
                                                                       .window = c->problem.window};
    switch (c->problem.op) {
    case CLEF_OP_conv2d_forward:
        return ocl_conv2d_forward(c->ocl, &forward, scratch, info, plan);
    case CLEF_OP_conv2d_backward_data:
        return ocl_conv2d_backward_data(c->ocl, &backward_data, scratch, info, plan);
    default:
        return ocl_conv2d_backward_weights(c->ocl, &backward_weights, scratch, info, plan);
    }
}

static clef_status run_and_wait(struct ocl_context *ocl, struct clef_plan *plan, int runs,
                                double *seconds)
{
    double began = clef_seconds();
    for (int i = 0; i < runs; i++)
        CLEF_TRY(plan->run(plan, NULL));
    OCL_TRY(clFinish, (ocl->queue), "while tuning");
    *seconds = (clef_seconds() - began) / runs;
    return CLEF_OK;
}

// Sums of whole numbers are whole, so that those which are less than a half away are right. Most
// ways are exact. A Winograd algorithm divides by 243 and rounds: it is off by some 1e-5 of the sum
// of the products' magnitudes at most, which are 1.44 on average, so that even sums over the
// thousands of positions of a weight's gradient are right to a tenth. Where it were not, it would
// not be chosen.
static clef_status check_output(struct ocl_tune_case *c, bool *wrong)
{
    struct clef_buffer *buffer = output_of(c)->buffer;
    float *output = malloc(buffer->bytes);
    if (!output)
        return clef_fail(CLEF_OUT_OF_MEMORY, "no memory for %zu bytes", buffer->bytes);
    clef_status status = ocl_download(c->ocl, buffer, 0, output, buffer->bytes, NULL);
    *wrong = false;
    if (status == CLEF_OK && !c->trusted) {
        *wrong = !ocl_tune_is_expected(c, output);
        if (!*wrong) {
            c->trusted = output;
            return CLEF_OK;
        }
    } else if (status == CLEF_OK) {
        size_t count = buffer->bytes / sizeof(float);
        for (size_t i = 0; i < count; i++)
            *wrong = *wrong || !(fabsf(output[i] - c->trusted[i]) < 0.5F);
    }
    free(output);
    return status;
}

static int runs_of_measurement(double seconds)
{
    double runs = MEASUREMENT_SECONDS / seconds;
    return runs > MAX_RUNS ? MAX_RUNS : runs < 1 ? 1 : (int)runs;
}

static clef_status measure(struct ocl_tune_case *c, struct clef_plan *plan, double limit,
                           struct ocl_tune_time *time)
{
    double seconds = 0;
    // The first run may compile.
    CLEF_TRY(run_and_wait(c->ocl, plan, 1, &seconds));
    CLEF_TRY(check_output(c, &time->wrong));
    CLEF_TRY(run_and_wait(c->ocl, plan, 1, &time->seconds));
    int runs = runs_of_measurement(time->seconds);
    double spent = time->seconds;
    for (int i = 0;
         i < MEASUREMENTS && spent < ENOUGH_SECONDS && !time->wrong && time->seconds < 2 * limit;
         i++) {
        CLEF_TRY(run_and_wait(c->ocl, plan, runs, &seconds));
        time->seconds = seconds < time->seconds ? seconds : time->seconds;
        spent += runs * seconds;
    }
    return CLEF_OK;
}

// Fills the output with what no choice computes, lest one passes by what another left there.
static clef_status spoil_output(struct ocl_tune_case *c)
{
    const float *host = c->problem.op == CLEF_OP_conv2d_forward         ? c->host_result
                        : c->problem.op == CLEF_OP_conv2d_backward_data ? c->host_image
                                                                        : c->host_weights;
    struct clef_buffer *buffer = output_of(c)->buffer;
    return ocl_upload(c->ocl, buffer, 0, host, buffer->bytes, NULL);
}

static clef_status plan_and_measure(struct ocl_tune_case *c, double limit,
                                    struct ocl_tune_time *time)
{
    struct clef_plan_info info;
    struct clef_plan *plan = NULL;
    struct clef_buffer *buffer = NULL;
    CLEF_TRY(plan_op(c, NULL, &info, NULL));
    if (info.scratch_floats > 0)
        CLEF_TRY(ocl_buffer_create(c->ocl, info.scratch_floats * sizeof(float), &buffer));
    struct clef_tensor scratch = {0};
    if (buffer)
        scratch = clef_tensor_vector(buffer, 0, info.scratch_floats);
    clef_status status = spoil_output(c);
    if (status == CLEF_OK)
        status = plan_op(c, buffer ? &scratch : NULL, &info, &plan);
    if (status == CLEF_OK)
        status = measure(c, plan, limit, time);
    if (plan)
        plan->destroy(plan);
    if (buffer)
        ocl_buffer_destroy(c->ocl, buffer);
    return status;
}

clef_status ocl_tune_case_measure(struct ocl_tune_case *c, const char *choice, double limit,
                                  struct ocl_tune_time *time)
{
    const char *preferred = c->ocl->preferred;
    *time = (struct ocl_tune_time){.seconds = INFINITY};
    c->ocl->preferred = choice;
    clef_status status = plan_and_measure(c, limit, time);
    c->ocl->preferred = preferred;
    return status == CLEF_OK ? CLEF_OK
                             : clef_fail_in(status, "%s by %s", c->key,
                                            choice ? choice : "the device's own choice");
}
