// SPDX-License-Identifier: Apache-2.0
// The geometry that maximum and average pooling share: which positions meet which.
#ifndef CLEF_CPU_POOL_H
#define CLEF_CPU_POOL_H

#include "cpu/ops/cpu_rows.h"

struct cpu_span {
    int first, end;
};

struct cpu_pool {
    struct cpu_plan base;
    struct cpu_rows rows;              // Of the result.
    struct cpu_view src, argmax, mask; // What is read; argmax and mask may be absent.
    struct cpu_view dst;               // The result; argmax is one too in the forward pass.
    struct clef_window window;
    int height, width; // Of the image under the windows.
    // Forward: for each line, then each column of dst, the rows or columns of the window inside
    // the image. Backward: for each line, then each column of diff_src, the windows that see it.
    struct cpu_span spans[];
};

static inline int cpu_clamp(int value, int low, int high)
{
    return value < low ? low : (value > high ? high : value);
}

// Taps of window `out` that lie inside of an image of `extent` positions.
static inline struct cpu_span cpu_pool_taps(int out, int kernel, int stride, int pad, int extent)
{
    int start = out * stride - pad;
    struct cpu_span taps = {cpu_clamp(-start, 0, kernel), cpu_clamp(extent - start, 0, kernel)};
    return taps;
}

// Windows among `outs` that see position `at`.
static inline struct cpu_span cpu_pool_windows(int at, int kernel, int stride, int pad, int outs)
{
    int last = at + pad; // Start of a window that begins here, counted from the padding's edge.
    int first = last - kernel + 1;
    struct cpu_span windows = {first <= 0 ? 0 : (first + stride - 1) / stride,
                               cpu_clamp(last / stride + 1, 0, outs)};
    if (windows.first > windows.end)
        windows.first = windows.end;
    return windows;
}

// Creates a plan for dst(result) from the windows over an image.
static inline clef_status
cpu_pool_create(void *context, const struct clef_tensor *image, const struct clef_tensor *outs,
                bool forward, const struct clef_window *window,
                clef_status (*run)(struct clef_plan *plan, const struct clef_run_values *values),
                struct clef_plan **plan)
{
    const struct clef_tensor *result = forward ? outs : image;
    size_t spans = (size_t)result->h + (size_t)result->w;
    CLEF_TRY(cpu_plan_create(context, sizeof(struct cpu_pool) + spans * sizeof(struct cpu_span),
                             run, plan));
    struct cpu_pool *pool = (struct cpu_pool *)*plan;
    const struct clef_window *win = window;
    size_t taps = (size_t)win->kernel_h * (size_t)win->kernel_w;
    if (!forward)
        taps = (taps + (size_t)win->stride_h * (size_t)win->stride_w - 1) /
               ((size_t)win->stride_h * (size_t)win->stride_w);
    pool->rows = cpu_rows(result, (size_t)result->c * taps);
    pool->window = *win;
    pool->height = image->h;
    pool->width = image->w;
    for (int y = 0; y < result->h; y++)
        pool->spans[y] =
            forward ? cpu_pool_taps(y, win->kernel_h, win->stride_h, win->pad_top, image->h)
                    : cpu_pool_windows(y, win->kernel_h, win->stride_h, win->pad_top, outs->h);
    for (int x = 0; x < result->w; x++)
        pool->spans[result->h + x] =
            forward ? cpu_pool_taps(x, win->kernel_w, win->stride_w, win->pad_left, image->w)
                    : cpu_pool_windows(x, win->kernel_w, win->stride_w, win->pad_left, outs->w);
    return CLEF_OK;
}

// One row of the result.
struct cpu_pool_row {
    struct cpu_span rows, columns; // Of the window, or of the windows.
    int y, x;                      // Forward: where the window starts. Backward: the position.
    size_t src, argmax, mask, dst; // Offsets; src and argmax, when read, are those of (n, 0, 0).
};

// Calls row(pool, &row) for each row of a task.
CPU_INLINE void cpu_pool_each_row(const struct cpu_pool *pool, int task, bool forward,
                                  void (*row)(const struct cpu_pool *pool,
                                              const struct cpu_pool_row *row))
{
    struct cpu_range range = cpu_task_range(pool->rows.rows, pool->rows.grain, task);
    size_t end = range.first + range.count;
    for (size_t index = range.first; index < end;) {
        struct cpu_run run = cpu_rows_run(&pool->rows, index, end);
        for (int i = 0; i < run.count; i++, run.at[run.axis]++) {
            int y = run.at[CPU_AXIS_H], x = run.at[CPU_AXIS_W];
            size_t n = (size_t)run.at[CPU_AXIS_N];
            const struct clef_window *window = &pool->window;
            struct cpu_pool_row here = {
                .rows = pool->spans[y],
                .columns = pool->spans[pool->dst.h + x],
                .y = forward ? y * window->stride_h - window->pad_top : y,
                .x = forward ? x * window->stride_w - window->pad_left : x,
                .src = n * pool->src.stride_n,
                .argmax =
                    forward ? cpu_row_offset(&pool->argmax, run.at) : n * pool->argmax.stride_n,
                .mask = cpu_row_offset(&pool->mask, run.at),
                .dst = cpu_row_offset(&pool->dst, run.at),
            };
            row(pool, &here);
        }
        index += (size_t)run.count;
    }
}

#endif
