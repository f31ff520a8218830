// SPDX-License-Identifier: Apache-2.0
#include "cpu/cpu_conv2d_runs.h"

#include <stdlib.h>
#include <string.h>

struct builder {
    enum cpu_conv2d_pass pass;
    const struct clef_tensor *target, *source;
    const struct clef_window *window;
    bool merge_kernel_row; // Taps of one kernel row lie next to each other in the source.
    struct cpu_conv2d_runs *out;
};

// The taps of one kernel dimension that see the target position: first tap, their number, and the
// source position of the first. Forward, the next tap sees the next source position.
static int forward_taps(int position, int kernel, int stride, int pad, int extent, int *first,
                        int *source)
{
    int start = position * stride - pad;
    *first = start < 0 ? -start : 0;
    *source = start + *first;
    int end = extent - start < kernel ? extent - start : kernel;
    return end > *first ? end - *first : 0;
}

// Whether a tap sees the target position in the backward pass, and which source position.
static bool backward_tap(int position, int tap, int stride, int pad, int extent, int *source)
{
    int shifted = position + pad - tap;
    *source = shifted / stride;
    return shifted >= 0 && shifted % stride == 0 && *source < extent;
}

static void add_segment(struct builder *b, struct cpu_conv2d_run *run, int y, int x, int tap,
                        int taps, int group)
{
    const struct clef_tensor *source = b->source;
    b->out->segments[b->out->segment_count++] = (struct cpu_conv2d_segment){
        .src = (size_t)y * source->stride_h + (size_t)x * source->stride_w,
        .weight = tap * source->c,
        .length = taps * source->c,
        .group = group,
    };
    run->segments++;
}

static void add_forward_segments(struct builder *b, struct cpu_conv2d_run *run, int y, int x)
{
    const struct clef_window *w = b->window;
    int ky, kx, sy, sx;
    int rows = forward_taps(y, w->kernel_h, w->stride_h, w->pad_top, b->source->h, &ky, &sy);
    int columns = forward_taps(x, w->kernel_w, w->stride_w, w->pad_left, b->source->w, &kx, &sx);
    if (columns == 0)
        return;
    for (int i = 0; i < rows; i++) {
        int tap = (ky + i) * w->kernel_w + kx;
        if (b->merge_kernel_row)
            add_segment(b, run, sy + i, sx, tap, columns, ky + i);
        else
            for (int j = 0; j < columns; j++)
                add_segment(b, run, sy + i, sx + j, tap + j, 1, tap + j);
    }
}

static void add_backward_segments(struct builder *b, struct cpu_conv2d_run *run, int y, int x)
{
    const struct clef_window *w = b->window;
    int sy, sx;
    for (int ky = 0; ky < w->kernel_h; ky++)
        for (int kx = 0; kx < w->kernel_w; kx++)
            if (backward_tap(y, ky, w->stride_h, w->pad_top, b->source->h, &sy) &&
                backward_tap(x, kx, w->stride_w, w->pad_left, b->source->w, &sx))
                add_segment(b, run, sy, sx, ky * w->kernel_w + kx, 1, ky * w->kernel_w + kx);
}

// Appends the run of the single position (y, x), its rows along the images.
static struct cpu_conv2d_run *add_position(struct builder *b, int y, int x)
{
    struct cpu_conv2d_run *run = &b->out->runs[b->out->run_count++];
    *run = (struct cpu_conv2d_run){
        .dst = (size_t)y * b->target->stride_h + (size_t)x * b->target->stride_w,
        .src_row = b->source->stride_n,
        .dst_row = b->target->stride_n,
        .rows = b->target->n,
        .repeats = 1,
        .first_segment = b->out->segment_count,
    };
    if (b->pass == CPU_CONV2D_FORWARD)
        add_forward_segments(b, run, y, x);
    else
        add_backward_segments(b, run, y, x);
    return run;
}

static bool same_taps(const struct cpu_conv2d_runs *out, const struct cpu_conv2d_run *a,
                      const struct cpu_conv2d_run *b, size_t shift)
{
    if (a->segments != b->segments)
        return false;
    for (int i = 0; i < a->segments; i++) {
        const struct cpu_conv2d_segment *p = &out->segments[a->first_segment + i];
        const struct cpu_conv2d_segment *q = &out->segments[b->first_segment + i];
        if (p->weight != q->weight || p->length != q->length || q->src != p->src + shift)
            return false;
    }
    return true;
}

// Turns a run over `count` columns into one with long rows: all (column, image) pairs where both
// strides allow it, else whichever of columns and images fills the tile better.
static void arrange_rows(struct builder *b, struct cpu_conv2d_run *run, int count, size_t src_step,
                         size_t dst_step, int tile_rows)
{
    int images = b->target->n;
    if (src_step == images * run->src_row && dst_step == images * run->dst_row) {
        run->rows = images * count;
        return;
    }
    run->repeats = count;
    run->src_repeat = src_step;
    run->dst_repeat = dst_step;
    if (count > images || count >= 2 * tile_rows) {
        run->repeats = images;
        run->rows = count;
        run->src_repeat = run->src_row;
        run->dst_repeat = run->dst_row;
        run->src_row = src_step;
        run->dst_row = dst_step;
    }
}

static void add_line(struct builder *b, int y, int tile_rows)
{
    struct cpu_conv2d_runs *out = b->out;
    bool forward = b->pass == CPU_CONV2D_FORWARD;
    int step = forward ? 1 : b->window->stride_w;
    size_t src_step = b->source->stride_w * (size_t)(forward ? b->window->stride_w : 1);
    size_t dst_step = b->target->stride_w * (size_t)step;
    for (int phase = 0; phase < step; phase++) {
        for (int x = phase; x < b->target->w;) {
            struct cpu_conv2d_run *run = add_position(b, y, x);
            int count = 1;
            for (x += step; x < b->target->w; x += step, count++) {
                struct cpu_conv2d_run *next = add_position(b, y, x);
                bool same = same_taps(out, run, next, src_step * (size_t)count);
                out->segment_count = next->first_segment;
                out->run_count--;
                if (!same)
                    break;
            }
            arrange_rows(b, run, count, src_step, dst_step, tile_rows);
        }
    }
}

static clef_status count_weight_rows(struct cpu_conv2d_runs *runs, size_t rows)
{
    bool *met = calloc(rows, sizeof *met);
    if (!met)
        return clef_fail(CLEF_OUT_OF_MEMORY, "conv2d: no host memory for %zu rows of weights",
                         rows);
    for (int s = 0; s < runs->segment_count; s++)
        for (int i = 0; i < runs->segments[s].length; i++)
            met[runs->segments[s].weight + i] = true;
    for (size_t row = 0; row < rows; row++)
        runs->weight_rows += met[row];
    free(met);
    return CLEF_OK;
}

clef_status cpu_conv2d_runs_create(enum cpu_conv2d_pass pass, const struct clef_tensor *target,
                                   const struct clef_tensor *source,
                                   const struct clef_window *window, int tile_rows,
                                   struct cpu_conv2d_runs *runs)
{
    memset(runs, 0, sizeof *runs);
    struct builder b = {pass, target, source, window, false, runs};
    if (pass == CPU_CONV2D_FORWARD)
        b.merge_kernel_row = source->c == 1 || source->stride_w == (size_t)source->c;
    runs->element_stride = b.merge_kernel_row && source->c == 1 ? source->stride_w : 1;
    int taps = window->kernel_h * window->kernel_w;
    runs->group_count = b.merge_kernel_row ? window->kernel_h : taps;

    // One more position than the target has: each is tried before it is merged into the run before.
    size_t positions = (size_t)target->h * (size_t)target->w + 1;
    runs->runs = calloc(positions, sizeof *runs->runs);
    runs->segments = calloc(positions * (size_t)taps, sizeof *runs->segments);
    if (!runs->runs || !runs->segments) {
        cpu_conv2d_runs_free(runs);
        return clef_fail(CLEF_OUT_OF_MEMORY,
                         "conv2d: no host memory for the geometry of %d x %d positions", target->h,
                         target->w);
    }
    for (int y = 0; y < target->h; y++)
        add_line(&b, y, tile_rows);
    for (int i = 0; i < runs->run_count; i++) {
        const struct cpu_conv2d_run *run = &runs->runs[i];
        double length = 0;
        for (int k = 0; k < run->segments; k++)
            length += runs->segments[run->first_segment + k].length;
        runs->multiply_adds += length * run->rows * run->repeats;
    }
    clef_status status = count_weight_rows(runs, (size_t)taps * (size_t)source->c);
    if (status != CLEF_OK)
        cpu_conv2d_runs_free(runs);
    return status;
}

void cpu_conv2d_runs_free(struct cpu_conv2d_runs *runs)
{
    free(runs->runs);
    free(runs->segments);
    free(runs->chains);
    memset(runs, 0, sizeof *runs);
}
