// SPDX-License-Identifier: Apache-2.0
// Convolution backward_weights: an outer product summed over the rows of all positions that see a
// tap.
//
// A task owns some rows of one panel of gradients for one group of taps, so that no two tasks write
// the same element, and adds up the positions in a fixed order. The sums of one chunk of rows are
// made in registers and added to the gradient, which stays in L1: two levels of summation also keep
// the rounding error small.
#include "cpu/cpu_conv2d_runs.h"
#include "cpu/ops/cpu_tile.h"

#include <stdlib.h>

// Rows of one chunk are chosen so that its part of src takes at most this much: half of a
// first-level cache.
#define CHUNK_BYTES (16 * 1024)
#define MIN_CHUNK_ROWS 64

// Below this many tasks the rows of a group are split, so that several threads have work.
#define MIN_TASKS 36

// From this row length on, rows of diff_dst fall on few sets of the first-level cache; the panel is
// then copied first.
#define PACK_ROW_FLOATS 256

// Some consecutive rows of a panel of weights.
struct span {
    int first, end;
};

struct weights_plan {
    struct cpu_plan base;
    struct cpu_conv2d_runs runs;
    struct cpu_view src, diff_dst;
    float *diff_weights, *diff_bias;
    float *packed;      // Per thread: chunk_rows x panel.
    struct span *spans; // Of each group.
    int panels, splits;
    int groups_per_task, bundles; // A bundle is the groups of one task.
    int chunk_rows;
    bool pack;
    size_t panel_floats;
};

// Finds the rows of weights that any run reaches in each group; first == end if none.
static void find_spans(struct weights_plan *plan)
{
    const struct cpu_conv2d_runs *runs = &plan->runs;
    for (int s = 0; s < runs->segment_count; s++) {
        const struct cpu_conv2d_segment *segment = &runs->segments[s];
        struct span *span = &plan->spans[segment->group];
        int end = segment->weight + segment->length;
        if (span->first == span->end)
            *span = (struct span){segment->weight, end};
        span->first = segment->weight < span->first ? segment->weight : span->first;
        span->end = end > span->end ? end : span->end;
    }
}

// The part of a group that a task owns.
static struct span owned_span(const struct weights_plan *plan, int group, int split)
{
    struct span all = plan->spans[group];
    int length = all.end - all.first;
    return (struct span){all.first + length * split / plan->splits,
                         all.first + length * (split + 1) / plan->splits};
}

static void pack_panel(const float *src, size_t step, int rows, int lanes, float *packed)
{
    for (int row = 0; row < rows; row++, src += step, packed += CPU_PANEL) {
        if (lanes == CPU_PANEL) {
            cpu_store(packed, cpu_load(src));
            cpu_store(packed + CPU_LANES, cpu_load(src + CPU_LANES));
        } else {
            for (int lane = 0; lane < CPU_PANEL; lane++)
                packed[lane] = lane < lanes ? src[lane] : 0;
        }
    }
}

// Adds one chunk of rows of one run to the owned part of the gradient.
static void add_chunk(const struct weights_plan *plan, const struct cpu_conv2d_run *run,
                      const struct cpu_conv2d_segment *segment, struct span span, int panel,
                      int repeat, int first_row, int rows, float *packed)
{
    int first = segment->weight > span.first ? segment->weight : span.first;
    int end =
        segment->weight + segment->length < span.end ? segment->weight + segment->length : span.end;
    if (first >= end)
        return;
    int channel = panel * CPU_PANEL;
    int lanes = plan->diff_dst.c - channel < CPU_PANEL ? plan->diff_dst.c - channel : CPU_PANEL;
    struct cpu_tile_outer_input in = {
        .src_row = plan->runs.element_stride,
        .src_step = run->src_row,
        .diff_dst = plan->diff_dst.data + run->dst + (size_t)repeat * run->dst_repeat +
                    (size_t)first_row * run->dst_row + channel,
        .diff_step = run->dst_row,
        .steps = rows,
    };
    if (plan->pack || lanes < CPU_PANEL) {
        pack_panel(in.diff_dst, in.diff_step, rows, lanes, packed);
        in.diff_dst = packed;
        in.diff_step = CPU_PANEL;
    }
    const float *src = plan->src.data + segment->src + (size_t)repeat * run->src_repeat +
                       (size_t)first_row * run->src_row +
                       (size_t)(first - segment->weight) * plan->runs.element_stride;
    float *gradient =
        plan->diff_weights + (size_t)panel * plan->panel_floats + (size_t)first * CPU_PANEL;
    CPU_FOR_EACH_TILE(row, height, end - first)
    {
        in.src = src + (size_t)row * plan->runs.element_stride;
        CPU_NAME(tile_outer)(height, &in, gradient + (size_t)row * CPU_PANEL);
    }
}

// The lanes beyond the last filter stay zero whatever src holds, also where infinity times zero is
// NaN.
static void clear_unused_lanes(const struct weights_plan *plan, struct span span, int panel)
{
    float *gradient = plan->diff_weights + (size_t)panel * plan->panel_floats;
    int lanes = plan->diff_dst.c - panel * CPU_PANEL;
    for (int row = span.first; row < span.end; row++)
        for (int lane = lanes; lane < CPU_PANEL; lane++)
            gradient[row * CPU_PANEL + lane] = 0;
}

static void clear(const struct weights_plan *plan, struct span span, int panel)
{
    float *gradient = plan->diff_weights + (size_t)panel * plan->panel_floats;
    for (size_t i = (size_t)span.first * CPU_PANEL; i < (size_t)span.end * CPU_PANEL; i++)
        gradient[i] = 0;
}

static void weights_task(void *argument, int task, int thread)
{
    const struct weights_plan *plan = argument;
    const struct cpu_conv2d_runs *runs = &plan->runs;
    int split = task % plan->splits;
    int first_group = task / plan->splits % plan->bundles * plan->groups_per_task;
    int end_group = first_group + plan->groups_per_task;
    end_group = end_group < runs->group_count ? end_group : runs->group_count;
    int panel = task / plan->splits / plan->bundles;
    float *packed = plan->packed + (size_t)thread * (size_t)plan->chunk_rows * CPU_PANEL;

    for (int group = first_group; group < end_group; group++)
        clear(plan, owned_span(plan, group, split), panel);
    for (int r = 0; r < runs->run_count; r++) {
        const struct cpu_conv2d_run *run = &runs->runs[r];
        for (int repeat = 0; repeat < run->repeats; repeat++)
            for (int row = 0; row < run->rows; row += plan->chunk_rows) {
                int rows = run->rows - row < plan->chunk_rows ? run->rows - row : plan->chunk_rows;
                for (int s = 0; s < run->segments; s++) {
                    const struct cpu_conv2d_segment *segment =
                        &runs->segments[run->first_segment + s];
                    if (segment->group >= first_group && segment->group < end_group)
                        add_chunk(plan, run, segment, owned_span(plan, segment->group, split),
                                  panel, repeat, row, rows, packed);
                }
            }
    }
    for (int group = first_group; group < end_group; group++)
        clear_unused_lanes(plan, owned_span(plan, group, split), panel);
}

// Sums the rows of one panel of diff_dst, run by run.
static void bias_task(void *argument, int panel, int thread)
{
    (void)thread;
    const struct weights_plan *plan = argument;
    int channel = panel * CPU_PANEL;
    int lanes = plan->diff_dst.c - channel < CPU_PANEL ? plan->diff_dst.c - channel : CPU_PANEL;
    float total[CPU_PANEL] = {0};
    const struct cpu_view *d = &plan->diff_dst;
    for (int y = 0; y < d->h; y++)
        for (int x = 0; x < d->w; x++) {
            const float *row =
                d->data + (size_t)y * d->stride_h + (size_t)x * d->stride_w + channel;
            float sum[CPU_PANEL] = {0};
            for (int n = 0; n < d->n; n++, row += d->stride_n)
                for (int lane = 0; lane < lanes; lane++)
                    sum[lane] += row[lane];
            for (int lane = 0; lane < lanes; lane++)
                total[lane] += sum[lane];
        }
    for (int lane = 0; lane < lanes; lane++)
        plan->diff_bias[channel + lane] = total[lane];
}

static clef_status weights_run(struct clef_plan *base, const struct clef_run_values *values)
{
    (void)values;
    struct weights_plan *plan = (struct weights_plan *)base;
    cpu_parallel_for(plan->base.cpu, plan->panels * plan->bundles * plan->splits, weights_task,
                     plan);
    if (plan->diff_bias)
        cpu_parallel_for(plan->base.cpu, plan->panels, bias_task, plan);
    return CLEF_OK;
}

static void weights_destroy(struct clef_plan *base)
{
    struct weights_plan *plan = (struct weights_plan *)base;
    cpu_conv2d_runs_free(&plan->runs);
    free(plan->spans);
    free(plan);
}

static int chunk_rows(int channels)
{
    int rows = CHUNK_BYTES / (int)sizeof(float) / channels;
    rows = rows < 4 * MIN_CHUNK_ROWS ? rows : 4 * MIN_CHUNK_ROWS;
    return rows > MIN_CHUNK_ROWS ? rows : MIN_CHUNK_ROWS;
}

clef_status CPU_NAME(conv2d_backward_weights)(void *context,
                                              const struct clef_conv2d_backward_weights_args *args,
                                              const struct clef_tensor *scratch,
                                              struct clef_plan_info *info, struct clef_plan **plan)
{
    const struct clef_tensor *src = args->src, *diff_dst = args->diff_dst;
    struct cpu_context *cpu = context;
    struct cpu_conv2d_runs runs;
    CLEF_TRY(cpu_conv2d_runs_create(CPU_CONV2D_FORWARD, diff_dst, src, &args->window, CPU_TILE_ROWS,
                                    &runs));
    *info = (struct clef_plan_info){
        .scratch_floats = (size_t)cpu->threads * (size_t)chunk_rows(src->c) * CPU_PANEL,
        .flops = 2 * runs.multiply_adds * diff_dst->c,
        .bytes = 4.0 * (double)(clef_tensor_count(src) + clef_tensor_count(diff_dst) +
                                clef_tensor_count(args->diff_weights)),
        .algorithm = "direct",
    };
    if (!plan) {
        cpu_conv2d_runs_free(&runs);
        return CLEF_OK;
    }
    struct clef_plan *base;
    clef_status status = cpu_plan_create(context, sizeof(struct weights_plan), weights_run, &base);
    if (status != CLEF_OK) {
        cpu_conv2d_runs_free(&runs);
        return status;
    }
    base->destroy = weights_destroy;
    struct weights_plan *weights = (struct weights_plan *)base;
    weights->runs = runs;
    weights->src = cpu_view(src);
    weights->diff_dst = cpu_view(diff_dst);
    weights->diff_weights = cpu_view(args->diff_weights).data;
    weights->diff_bias = cpu_view(args->diff_bias).data;
    weights->packed = cpu_view(scratch).data;
    weights->chunk_rows = chunk_rows(src->c);
    weights->pack = diff_dst->c >= PACK_ROW_FLOATS;
    weights->panels = (diff_dst->c + CPU_PANEL - 1) / CPU_PANEL;
    weights->panel_floats =
        (size_t)(args->window.kernel_h * args->window.kernel_w) * (size_t)src->c * CPU_PANEL;
    // With few channels a task takes half of the groups, to read diff_dst once for all of them.
    weights->groups_per_task = src->c < CPU_TILE_ROWS ? (runs.group_count + 1) / 2 : 1;
    weights->bundles = cpu_task_count((size_t)runs.group_count, (size_t)weights->groups_per_task);
    weights->splits = 1;
    while (weights->panels * weights->bundles * weights->splits < MIN_TASKS &&
           weights->splits * CPU_TILE_ROWS < src->c)
        weights->splits *= 2;
    weights->spans = calloc((size_t)runs.group_count, sizeof *weights->spans);
    if (!weights->spans) {
        weights_destroy(base);
        return clef_fail(CLEF_OUT_OF_MEMORY, "conv2d: no host memory for %d groups of taps",
                         runs.group_count);
    }
    find_spans(weights);
    *plan = base;
    return CLEF_OK;
}
