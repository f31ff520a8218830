// SPDX-License-Identifier: Apache-2.0
// How the ops of this folder split their work: flat runs of elements, rows of channels in memory
// order, and groups of channels within a row. No split depends on the number of threads.
#ifndef CLEF_CPU_ROWS_H
#define CLEF_CPU_ROWS_H

#include "cpu/ops/cpu_isa.h"

#define CPU_INLINE static inline __attribute__((always_inline))

// Elements of a task of an op that is as fast as memory: 64 KiB of each tensor, large against the
// cost of handing out a task, small against a tensor.
#define CPU_FLAT_GRAIN 16384

struct cpu_range {
    size_t first, count;
};

// The part of `items` that belongs to a task.
static inline struct cpu_range cpu_task_range(size_t items, size_t grain, int task)
{
    size_t first = (size_t)task * grain;
    size_t left = items - first;
    return (struct cpu_range){first, left < grain ? left : grain};
}

// A whole vector if `lanes` is the constant CPU_LANES, else the first `lanes` elements.
CPU_INLINE cpu_vec cpu_load_lanes(const float *address, int lanes)
{
    return lanes == CPU_LANES ? cpu_load(address) : cpu_load_part(address, lanes);
}

CPU_INLINE void cpu_store_lanes(float *address, cpu_vec value, int lanes)
{
    if (lanes == CPU_LANES)
        cpu_store(address, value);
    else
        cpu_store_part(address, value, lanes);
}

// Vectors that a group function handles at once: at least a cache line, and enough independent
// sums to hide the latency of an addition.
#define CPU_GROUP 4

// Calls function(..., c, vectors, lanes) for groups of channels that cover 0..channels-1. The
// function is to be CPU_INLINE, so that `vectors` and a whole vector's `lanes` are constants in it.
#define CPU_EACH_GROUP(function, channels, ...)                                             \
    do {                                                                                    \
        int cpu_c = 0;                                                                      \
        for (; cpu_c + CPU_GROUP * CPU_LANES <= (channels); cpu_c += CPU_GROUP * CPU_LANES) \
            function(__VA_ARGS__, cpu_c, CPU_GROUP, CPU_LANES);                             \
        for (; cpu_c + CPU_LANES <= (channels); cpu_c += CPU_LANES)                         \
            function(__VA_ARGS__, cpu_c, 1, CPU_LANES);                                     \
        if (cpu_c < (channels))                                                             \
            function(__VA_ARGS__, cpu_c, 1, (channels)-cpu_c);                              \
    } while (0)

enum { CPU_AXIS_N, CPU_AXIS_H, CPU_AXIS_W, CPU_AXES };

// The rows of a tensor in the order in which they lie in memory, split into tasks.
struct cpu_rows {
    int extent[CPU_AXES];
    int axis[CPU_AXES]; // From the largest stride to the smallest.
    size_t rows;
    size_t grain; // Rows of a task.
    int tasks;
};

// `work` tells how many elements are read for one row of the tensor.
static inline struct cpu_rows cpu_rows(const struct clef_tensor *tensor, size_t work)
{
    const size_t stride[CPU_AXES] = {tensor->stride_n, tensor->stride_h, tensor->stride_w};
    struct cpu_rows rows = {
        .extent = {tensor->n, tensor->h, tensor->w},
        .axis = {CPU_AXIS_N, CPU_AXIS_H, CPU_AXIS_W},
        .rows = (size_t)tensor->n * (size_t)tensor->h * (size_t)tensor->w,
    };
    for (int i = 1; i < CPU_AXES; i++) // Insertion sort; an axis of extent 1 goes wherever it is.
        for (int j = i; j > 0 && stride[rows.axis[j]] > stride[rows.axis[j - 1]]; j--) {
            int other = rows.axis[j];
            rows.axis[j] = rows.axis[j - 1];
            rows.axis[j - 1] = other;
        }
    rows.grain = work < CPU_FLAT_GRAIN ? CPU_FLAT_GRAIN / work : 1;
    rows.tasks = cpu_task_count(rows.rows, rows.grain);
    return rows;
}

// Rows that follow each other along one axis.
struct cpu_run {
    int at[CPU_AXES]; // Coordinates of the first row.
    int axis;
    int count;
};

// The run that begins at row `row` (in memory order) and ends before row `end`.
static inline struct cpu_run cpu_rows_run(const struct cpu_rows *rows, size_t row, size_t end)
{
    struct cpu_run run = {.axis = rows->axis[2]};
    size_t rest = row;
    for (int i = CPU_AXES - 1; i >= 0; i--) {
        size_t extent = (size_t)rows->extent[rows->axis[i]];
        run.at[rows->axis[i]] = (int)(rest % extent);
        rest /= extent;
    }
    size_t left = (size_t)(rows->extent[run.axis] - run.at[run.axis]);
    run.count = (int)(left < end - row ? left : end - row);
    return run;
}

// Offset of the row at the given coordinates.
static inline size_t cpu_row_offset(const struct cpu_view *view, const int at[CPU_AXES])
{
    return (size_t)at[CPU_AXIS_N] * view->stride_n + (size_t)at[CPU_AXIS_H] * view->stride_h +
           (size_t)at[CPU_AXIS_W] * view->stride_w;
}

static inline size_t cpu_axis_stride(const struct cpu_view *view, int axis)
{
    return axis == CPU_AXIS_N ? view->stride_n
                              : (axis == CPU_AXIS_H ? view->stride_h : view->stride_w);
}

#endif
