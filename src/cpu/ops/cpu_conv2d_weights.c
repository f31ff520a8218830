// SPDX-License-Identifier: Apache-2.0
// Convolution backward_weights: an outer product summed over the rows of all positions that see a
// tap.
//
// A task owns some rows of one panel of gradients for one group of taps, so that no two tasks write
// the same element, and adds up the blocks of positions in a fixed order. The sums of one block are
// made in registers and added to the gradient, which stays in L1: two levels of summation also keep
// the rounding error small.
#include "cpu/cpu_conv2d_runs.h"
#include "cpu/ops/cpu_tile.h"

#include <stdlib.h>
#include <string.h>

// Below this many tasks the rows of a group are split, so that several threads have work.
#define MIN_TASKS 36

// From this row length on, rows of diff_dst fall on few sets of the first-level cache; the panel is
// then copied first.
#define PACK_ROW_FLOATS 256

// Some consecutive rows of a panel of weights.
struct span {
    int first, end;
};

// Taps that are summed together.
struct group {
    struct span span; // What any block reaches; first == end if nothing.
    int first_block;  // That reaches it.
    bool whole;       // Every block that reaches it reaches all of it.
};

struct weights_plan {
    struct cpu_plan base;
    struct cpu_conv2d_runs runs;
    struct cpu_conv2d_block *blocks; // Of at most CPU_CHAIN_LENGTH rows.
    int block_count;
    struct cpu_view src, diff_dst;
    float *diff_weights, *diff_bias;
    float *packed; // Per thread: CPU_CHAIN_LENGTH x panel.
    struct group *groups;
    int panels, splits;
    int groups_per_task, bundles; // A bundle is the groups of one task.
    bool pack;
    size_t panel_floats;
};

static void add_to_group(struct group *group, const struct cpu_conv2d_segment *segment, int block)
{
    struct span reached = {segment->weight, segment->weight + segment->length};
    struct span *span = &group->span;
    if (span->first == span->end) {
        *group = (struct group){reached, block, true};
        return;
    }
    if (span->first != reached.first || span->end != reached.end)
        group->whole = false;
    span->first = reached.first < span->first ? reached.first : span->first;
    span->end = reached.end > span->end ? reached.end : span->end;
}

static void find_groups(struct weights_plan *plan)
{
    for (int b = 0; b < plan->block_count; b++) {
        const struct cpu_conv2d_run *run = &plan->runs.runs[plan->blocks[b].run];
        for (int s = 0; s < run->segments; s++) {
            const struct cpu_conv2d_segment *segment = &plan->runs.segments[run->first_segment + s];
            add_to_group(&plan->groups[segment->group], segment, b);
        }
    }
}

// The part of a group that a task owns.
static struct span owned_span(const struct weights_plan *plan, int group, int split)
{
    struct span all = plan->groups[group].span;
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

// The rows of diff_dst that a block meets, at *step from each other.
static const float *panel_rows(const struct weights_plan *plan,
                               const struct cpu_conv2d_block *block, int panel, float *packed,
                               size_t *step)
{
    const struct cpu_conv2d_run *run = &plan->runs.runs[block->run];
    int channel = panel * CPU_PANEL;
    int lanes = plan->diff_dst.c - channel < CPU_PANEL ? plan->diff_dst.c - channel : CPU_PANEL;
    const float *rows = plan->diff_dst.data + run->dst + (size_t)block->repeat * run->dst_repeat +
                        (size_t)block->first_row * run->dst_row + channel;
    *step = run->dst_row;
    if (!plan->pack && lanes == CPU_PANEL)
        return rows;
    pack_panel(rows, run->dst_row, block->rows, lanes, packed);
    *step = CPU_PANEL;
    return packed;
}

// Adds what one block contributes through one segment to the owned part of the gradient.
static void add_block(const struct weights_plan *plan, const struct cpu_conv2d_block *block,
                      const struct cpu_conv2d_segment *segment, struct span owned,
                      const float *rows, size_t rows_step, bool first_block, float *gradient)
{
    const struct cpu_conv2d_run *run = &plan->runs.runs[block->run];
    int first = segment->weight > owned.first ? segment->weight : owned.first;
    int end = segment->weight + segment->length;
    end = end < owned.end ? end : owned.end;
    struct cpu_tile_outer_input in = {
        .src_row = plan->runs.element_stride,
        .src_step = run->src_row,
        .diff_dst = rows,
        .diff_step = rows_step,
        .steps = block->rows,
    };
    const float *src = plan->src.data + segment->src + (size_t)block->repeat * run->src_repeat +
                       (size_t)block->first_row * run->src_row +
                       (size_t)(first - segment->weight) * plan->runs.element_stride;
    CPU_FOR_EACH_TILE(row, height, end - first)
    {
        in.src = src + (size_t)row * plan->runs.element_stride;
        CPU_NAME(tile_outer)
        (height, &in, first_block, gradient + (size_t)(first + row) * CPU_PANEL);
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

static void clear(float *gradient, struct span span)
{
    memset(gradient + (size_t)span.first * CPU_PANEL, 0,
           (size_t)(span.end - span.first) * CPU_PANEL * sizeof *gradient);
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
    float *packed = plan->packed + (size_t)thread * CPU_CHAIN_LENGTH * CPU_PANEL;
    float *gradient = plan->diff_weights + (size_t)panel * plan->panel_floats;

    for (int b = 0; b < plan->block_count; b++) {
        const struct cpu_conv2d_block *block = &plan->blocks[b];
        const struct cpu_conv2d_run *run = &runs->runs[block->run];
        const float *rows = NULL;
        size_t rows_step;
        for (int s = 0; s < run->segments; s++) {
            const struct cpu_conv2d_segment *segment = &runs->segments[run->first_segment + s];
            if (segment->group < first_group || segment->group >= end_group)
                continue;
            if (!rows)
                rows = panel_rows(plan, block, panel, packed, &rows_step);
            const struct group *group = &plan->groups[segment->group];
            struct span owned = owned_span(plan, segment->group, split);
            if (b == group->first_block && !group->whole)
                clear(gradient, owned);
            add_block(plan, block, segment, owned, rows, rows_step,
                      b == group->first_block && group->whole, gradient);
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
    free(plan->blocks);
    free(plan->groups);
    free(plan);
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
        .scratch_floats = (size_t)cpu->threads * CPU_CHAIN_LENGTH * CPU_PANEL,
        .flops = 2 * runs.multiply_adds * diff_dst->c,
        .bytes = sizeof(float) * ((double)(clef_tensor_count(src) + clef_tensor_count(diff_dst)) +
                                  (double)runs.weight_rows * diff_dst->c),
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
    weights->block_count = cpu_conv2d_count_blocks(&runs, CPU_CHAIN_LENGTH);
    status = cpu_conv2d_make_blocks(&runs, CPU_CHAIN_LENGTH, &weights->blocks);
    if (status != CLEF_OK) {
        weights_destroy(base);
        return status;
    }
    weights->groups = calloc((size_t)runs.group_count, sizeof *weights->groups);
    if (!weights->groups) {
        weights_destroy(base);
        return clef_fail(CLEF_OUT_OF_MEMORY, "conv2d: no host memory for %d groups of taps",
                         runs.group_count);
    }
    find_groups(weights);
    *plan = base;
    return CLEF_OK;
}
