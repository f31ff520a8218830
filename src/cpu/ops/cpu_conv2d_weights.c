// SPDX-License-Identifier: Apache-2.0
// Convolution backward_weights: an outer product summed over the rows of all positions that see a
// tap.
//
// The sums of one block of positions are made in registers and added to the gradient, which stays
// in cache; two levels of summation also keep the rounding error small. Each task has a part of the
// gradient to itself. With few channels or large images there are more positions than weights:
// tasks then also share the positions, each with a copy of the gradient, and the copies are added
// up in a fixed order.
#include "cpu/cpu_conv2d_groups.h"
#include "cpu/ops/cpu_tile.h"

#include <stdlib.h>
#include <string.h>

// Below this many tasks for each thread, work is divided further: first the groups, by threes since
// a task that has all taps of a line of the kernel finds most of src in the cache, then the
// channels of src. No division changes the order of a sum.
#define TASKS_PER_THREAD 6

// From this many blocks on, positions are shared out, into this many parts.
#define MANY_BLOCKS 512
#define PARTS 16

// From this row length on, rows of diff_dst fall on few sets of the first-level cache; the panel is
// then copied first.
#define PACK_ROW_FLOATS 64

struct weights_plan {
    struct cpu_plan base;
    struct cpu_conv2d_runs runs;
    struct cpu_conv2d_block *blocks; // Of at most CPU_CHAIN_LENGTH rows.
    int block_count;
    struct cpu_conv2d_group *groups;
    struct cpu_view src, diff_dst;
    float *diff_weights, *diff_bias;
    float *packed;                        // Per thread: CPU_CHAIN_LENGTH x panel.
    float *part_weights, *part_bias;      // Of each part, if there are several.
    int panels, parts, splits;            // What tasks divide among themselves,
    int panels_per_task, groups_per_task; // and how much of it each has.
    bool pack;
    size_t panel_floats;
};

// What one task adds up, and where.
struct job {
    const struct weights_plan *plan;
    int first_block, end_block, first_panel, end_panel, first_group, end_group, split;
    float *weights, *bias; // Of panel 0; bias is NULL for tasks that have none to add up.
    float *packed;
};

static int minimum(int a, int b)
{
    return a < b ? a : b;
}

static int bundles(const struct weights_plan *plan)
{
    return cpu_task_count((size_t)plan->runs.group_count, (size_t)plan->groups_per_task);
}

static int panel_sets(const struct weights_plan *plan)
{
    return cpu_task_count((size_t)plan->panels, (size_t)plan->panels_per_task);
}

static int task_count(const struct weights_plan *plan)
{
    return plan->parts * panel_sets(plan) * bundles(plan) * plan->splits;
}

static struct job job_of_task(const struct weights_plan *plan, int task, int thread)
{
    int split = task % plan->splits;
    task /= plan->splits;
    int bundle = task % bundles(plan);
    task /= bundles(plan);
    int set = task % panel_sets(plan), part = task / panel_sets(plan);
    struct job job = {
        .plan = plan,
        .first_block = (int)((long)plan->block_count * part / plan->parts),
        .end_block = (int)((long)plan->block_count * (part + 1) / plan->parts),
        .first_panel = set * plan->panels_per_task,
        .end_panel = minimum((set + 1) * plan->panels_per_task, plan->panels),
        .first_group = bundle * plan->groups_per_task,
        .end_group = minimum((bundle + 1) * plan->groups_per_task, plan->runs.group_count),
        .split = split,
        .weights = plan->diff_weights,
        .packed = plan->packed + (size_t)thread * CPU_CHAIN_LENGTH * CPU_PANEL,
    };
    bool has_bias = plan->diff_bias && bundle == 0 && split == 0;
    if (plan->parts > 1) {
        job.weights = plan->part_weights + (size_t)(part * plan->panels) * plan->panel_floats;
        job.bias = has_bias ? plan->part_bias + part * plan->panels * CPU_PANEL : NULL;
    } else if (has_bias) {
        job.bias = plan->part_bias;
    }
    return job;
}

// The rows of a group that a task owns.
static struct cpu_conv2d_span owned_span(const struct job *job, int group)
{
    struct cpu_conv2d_span all = job->plan->groups[group].span;
    int length = all.end - all.first;
    return (struct cpu_conv2d_span){all.first + length * job->split / job->plan->splits,
                                    all.first + length * (job->split + 1) / job->plan->splits};
}

static int panel_lanes(const struct weights_plan *plan, int panel)
{
    return minimum(plan->diff_dst.c - panel * CPU_PANEL, CPU_PANEL);
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
static const float *panel_rows(const struct job *job, const struct cpu_conv2d_block *block,
                               int panel, size_t *step)
{
    const struct weights_plan *plan = job->plan;
    const struct cpu_conv2d_run *run = &plan->runs.runs[block->run];
    int lanes = panel_lanes(plan, panel);
    const float *rows = plan->diff_dst.data + run->dst + (size_t)block->repeat * run->dst_repeat +
                        (size_t)block->first_row * run->dst_row + panel * CPU_PANEL;
    *step = run->dst_row;
    if (!plan->pack && lanes == CPU_PANEL)
        return rows;
    pack_panel(rows, run->dst_row, block->rows, lanes, job->packed);
    *step = CPU_PANEL;
    return job->packed;
}

static void add_bias(const float *rows, size_t step, int count, float *bias)
{
    cpu_vec low = {0}, high = {0};
    for (int row = 0; row < count; row++, rows += step) {
        low += cpu_load(rows);
        high += cpu_load(rows + CPU_LANES);
    }
    cpu_store(bias, cpu_load(bias) + low);
    cpu_store(bias + CPU_LANES, cpu_load(bias + CPU_LANES) + high);
}

// Adds what one block contributes through one segment to the owned rows of the gradient.
static void add_segment(const struct job *job, const struct cpu_conv2d_block *block,
                        const struct cpu_conv2d_segment *segment, const float *rows, size_t step,
                        bool is_first, float *gradient)
{
    const struct weights_plan *plan = job->plan;
    const struct cpu_conv2d_run *run = &plan->runs.runs[block->run];
    struct cpu_conv2d_span owned = owned_span(job, segment->group);
    int first = segment->weight > owned.first ? segment->weight : owned.first;
    int end = minimum(segment->weight + segment->length, owned.end);
    struct cpu_tile_outer_input in = {
        .src_row = plan->runs.element_stride,
        .src_step = run->src_row,
        .diff_dst = rows,
        .diff_step = step,
        .steps = block->rows,
    };
    const float *src = plan->src.data + segment->src + (size_t)block->repeat * run->src_repeat +
                       (size_t)block->first_row * run->src_row +
                       (size_t)(first - segment->weight) * plan->runs.element_stride;
    CPU_FOR_EACH_TILE(row, height, end - first)
    {
        in.src = src + (size_t)row * plan->runs.element_stride;
        CPU_NAME(tile_outer)(height, &in, is_first, gradient + (size_t)(first + row) * CPU_PANEL);
    }
}

static void add_block(const struct job *job, int index, int panel)
{
    const struct weights_plan *plan = job->plan;
    const struct cpu_conv2d_block *block = &plan->blocks[index];
    const struct cpu_conv2d_run *run = &plan->runs.runs[block->run];
    const struct cpu_conv2d_segment *segment = plan->runs.segments + run->first_segment;
    const float *rows = NULL;
    size_t step;
    for (int s = 0; s < run->segments; s++, segment++) {
        if (segment->group < job->first_group || segment->group >= job->end_group)
            continue;
        const struct cpu_conv2d_group *group = &plan->groups[segment->group];
        if (!rows)
            rows = panel_rows(job, block, panel, &step);
        add_segment(job, block, segment, rows, step,
                    plan->parts == 1 && group->whole && index == group->first_block,
                    job->weights + (size_t)panel * plan->panel_floats);
    }
    if (job->bias) {
        if (!rows)
            rows = panel_rows(job, block, panel, &step);
        add_bias(rows, step, block->rows, job->bias + panel * CPU_PANEL);
    }
}

// Clears what the first block will not overwrite.
static void clear(const struct job *job, int panel)
{
    const struct weights_plan *plan = job->plan;
    if (job->bias)
        memset(job->bias + panel * CPU_PANEL, 0, CPU_PANEL * sizeof(float));
    for (int g = job->first_group; g < job->end_group; g++) {
        struct cpu_conv2d_span span = owned_span(job, g);
        if (plan->parts > 1 || !plan->groups[g].whole)
            memset(job->weights + (size_t)panel * plan->panel_floats +
                       (size_t)span.first * CPU_PANEL,
                   0, (size_t)(span.end - span.first) * CPU_PANEL * sizeof(float));
    }
}

// The lanes beyond the last filter stay zero whatever src holds, also where infinity times zero is
// NaN.
static void clear_unused_lanes(const struct job *job, int panel)
{
    float *gradient = job->weights + (size_t)panel * job->plan->panel_floats;
    int lanes = panel_lanes(job->plan, panel);
    for (int g = job->first_group; lanes < CPU_PANEL && g < job->end_group; g++) {
        struct cpu_conv2d_span span = owned_span(job, g);
        for (int row = span.first; row < span.end; row++)
            for (int lane = lanes; lane < CPU_PANEL; lane++)
                gradient[row * CPU_PANEL + lane] = 0;
    }
}

static void weights_task(void *argument, int task, int thread)
{
    struct job job = job_of_task(argument, task, thread);
    for (int panel = job.first_panel; panel < job.end_panel; panel++)
        clear(&job, panel);
    for (int b = job.first_block; b < job.end_block; b++)
        for (int panel = job.first_panel; panel < job.end_panel; panel++)
            add_block(&job, b, panel);
    for (int panel = job.first_panel; panel < job.end_panel; panel++)
        clear_unused_lanes(&job, panel);
}

// ---------------------------------------------------------------- adding up the parts

static void join_weights_task(void *argument, int task, int thread)
{
    (void)thread;
    const struct weights_plan *plan = argument;
    struct cpu_conv2d_span span = plan->groups[task % plan->runs.group_count].span;
    size_t at = (size_t)(task / plan->runs.group_count) * plan->panel_floats;
    size_t part_floats = (size_t)plan->panels * plan->panel_floats;
    for (size_t i = at + (size_t)span.first * CPU_PANEL; i < at + (size_t)span.end * CPU_PANEL;
         i += CPU_LANES) {
        cpu_vec sum = cpu_load(plan->part_weights + i);
        for (int part = 1; part < plan->parts; part++)
            sum += cpu_load(plan->part_weights + (size_t)part * part_floats + i);
        cpu_store(plan->diff_weights + i, sum);
    }
}

static void join_bias(const struct weights_plan *plan)
{
    for (int c = 0; c < plan->diff_dst.c; c++) {
        float sum = plan->part_bias[c];
        for (int part = 1; part < plan->parts; part++)
            sum += plan->part_bias[part * plan->panels * CPU_PANEL + c];
        plan->diff_bias[c] = sum;
    }
}

static clef_status weights_run(struct clef_plan *base, const struct clef_run_values *values)
{
    (void)values;
    struct weights_plan *plan = (struct weights_plan *)base;
    cpu_parallel_for(plan->base.cpu, task_count(plan), weights_task, plan);
    if (plan->parts > 1)
        cpu_parallel_for(plan->base.cpu, plan->panels * plan->runs.group_count, join_weights_task,
                         plan);
    if (plan->diff_bias)
        join_bias(plan);
    return CLEF_OK;
}

// ---------------------------------------------------------------- planning

static void weights_destroy(struct clef_plan *base)
{
    struct weights_plan *plan = (struct weights_plan *)base;
    cpu_conv2d_runs_free(&plan->runs);
    free(plan->blocks);
    free(plan->groups);
    free(plan);
}

static int part_count(int block_count, int channels)
{
    bool many = block_count >= MANY_BLOCKS || channels < CPU_TILE_ROWS;
    return many ? minimum(PARTS, block_count) : 1;
}

static void share_out(struct weights_plan *plan, int channels)
{
    int wanted = TASKS_PER_THREAD * plan->base.cpu->threads;
    plan->parts = part_count(plan->block_count, channels);
    plan->splits = 1;
    plan->panels_per_task = channels < CPU_TILE_ROWS ? plan->panels : 1;
    plan->groups_per_task = plan->runs.group_count;
    while (plan->parts == 1 && task_count(plan) < wanted && plan->groups_per_task > 1)
        plan->groups_per_task = (plan->groups_per_task + 2) / 3;
    while (task_count(plan) < wanted && plan->splits * CPU_TILE_ROWS < channels)
        plan->splits *= 2;
}

clef_status CPU_NAME(conv2d_backward_weights)(void *context,
                                              const struct clef_conv2d_backward_weights_args *args,
                                              const struct clef_tensor *scratch,
                                              struct clef_plan_info *info, struct clef_plan **plan)
{
    const struct clef_tensor *src = args->src, *diff_dst = args->diff_dst;
    size_t packed_floats =
        (size_t)((struct cpu_context *)context)->threads * CPU_CHAIN_LENGTH * CPU_PANEL;
    struct cpu_conv2d_runs runs;
    CLEF_TRY(cpu_conv2d_runs_create(CPU_CONV2D_FORWARD, diff_dst, src, &args->window, CPU_TILE_ROWS,
                                    &runs));
    int panels = (diff_dst->c + CPU_PANEL - 1) / CPU_PANEL;
    int block_count = cpu_conv2d_count_blocks(&runs, CPU_CHAIN_LENGTH);
    size_t parts = (size_t)part_count(block_count, src->c);
    size_t panel_floats =
        (size_t)(args->window.kernel_h * args->window.kernel_w) * (size_t)src->c * CPU_PANEL;
    size_t bias_floats = parts * (size_t)panels * CPU_PANEL;
    size_t part_floats = parts > 1 ? parts * (size_t)panels * panel_floats : 0;
    *info = (struct clef_plan_info){
        .scratch_floats = packed_floats + bias_floats + part_floats,
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
    weights->part_bias = weights->packed + packed_floats;
    weights->part_weights = weights->part_bias + bias_floats;
    weights->pack = diff_dst->c >= PACK_ROW_FLOATS;
    weights->panels = panels;
    weights->panel_floats = panel_floats;
    weights->block_count = block_count;
    share_out(weights, src->c);
    status = cpu_conv2d_make_blocks(&runs, CPU_CHAIN_LENGTH, &weights->blocks);
    if (status == CLEF_OK)
        status = cpu_conv2d_find_groups(&runs, weights->blocks, block_count, &weights->groups);
    if (status != CLEF_OK) {
        weights_destroy(base);
        return status;
    }
    *plan = base;
    return CLEF_OK;
}
