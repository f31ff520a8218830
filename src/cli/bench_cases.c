// SPDX-License-Identifier: Apache-2.0
#include "cli/bench_cases.h"

#include <stdio.h>
#include <stdlib.h>

const struct bench_case_row bench_case_rows[] = {
#define CASE_ROW(op) {#op, bench_case_##op},
    CLEF_OP_LIST(CASE_ROW)
#undef CASE_ROW
};
const int bench_case_row_count = sizeof bench_case_rows / sizeof bench_case_rows[0];

clef_status bench_case_make(const struct bench_case_row *row, struct clef_device *device,
                            int batch_size, struct bench_case *bench_case)
{
    *bench_case = (struct bench_case){.device = device, .batch_size = batch_size};
    return row->make(bench_case);
}

void bench_case_free(struct bench_case *bench_case)
{
    clef_plan_destroy(bench_case->plan);
    for (int k = 0; k < bench_case->buffer_count; ++k)
        clef_buffer_destroy(bench_case->buffers[k]);
    *bench_case = (struct bench_case){0};
}

static clef_status fill_buffer(struct clef_buffer *buffer, size_t count)
{
    float *values = malloc(count * sizeof *values);
    if (!values)
        return CLEF_OUT_OF_MEMORY;
    // Steps of 37 modulo 128, which are coprime, visit all 128 values in turn.
    for (size_t k = 0; k < count; ++k)
        values[k] = 0.5f + (float)(k * 37 % 128) / 128;
    clef_status status = clef_buffer_upload(buffer, 0, values, count * sizeof *values, NULL);
    free(values);
    return status;
}

static struct clef_buffer *make_buffer(struct bench_case *bench_case, size_t count, bool fill)
{
    if (bench_case->status != CLEF_OK)
        return NULL;
    if (bench_case->buffer_count == BENCH_MAX_BUFFERS || count > SIZE_MAX / sizeof(float)) {
        bench_case->status = CLEF_OUT_OF_MEMORY;
        return NULL;
    }
    struct clef_buffer *buffer = NULL;
    bench_case->status = clef_buffer_create(bench_case->device, count * sizeof(float), &buffer);
    if (bench_case->status != CLEF_OK)
        return NULL;
    bench_case->buffers[bench_case->buffer_count++] = buffer;
    if (fill)
        bench_case->status = fill_buffer(buffer, count);
    return buffer;
}

static struct clef_tensor make_activation(struct bench_case *bench_case, int size, int channels,
                                          bool fill)
{
    size_t count = (size_t)bench_case->batch_size * (size_t)size * (size_t)size * (size_t)channels;
    snprintf(bench_case->shape, sizeof bench_case->shape, "%dx%dx%d", size, size, channels);
    return clef_tensor_hwnc(make_buffer(bench_case, count, fill), 0, bench_case->batch_size, size,
                            size, channels);
}

struct clef_tensor bench_activation(struct bench_case *bench_case, int size, int channels)
{
    return make_activation(bench_case, size, channels, true);
}

struct clef_tensor bench_activation_zero(struct bench_case *bench_case, int size, int channels)
{
    return make_activation(bench_case, size, channels, false);
}

struct clef_tensor bench_vector(struct bench_case *bench_case, size_t count)
{
    return clef_tensor_vector(make_buffer(bench_case, count, true), 0, count);
}

struct clef_tensor bench_vector_zero(struct bench_case *bench_case, size_t count)
{
    return clef_tensor_vector(make_buffer(bench_case, count, false), 0, count);
}

struct clef_tensor bench_weights(struct bench_case *bench_case, int kernel, int in, int out)
{
    struct clef_weights_layout layout = {
        .kernel_h = kernel,
        .kernel_w = kernel,
        .in = in,
        .out = out,
        .panel = clef_device_get_info(bench_case->device)->filter_panel,
    };
    return bench_vector(bench_case, clef_weights_count(&layout));
}
