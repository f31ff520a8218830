// SPDX-License-Identifier: Apache-2.0
#include "cpu/ops/cpu_conv2d_outer.h"
#include "cpu/ops/cpu_tile.h"

#include <stdlib.h>
#include <string.h>

// Below this many tasks for each thread, work is divided further: first the groups, by threes since
// a task that has all taps of a line of the kernel finds most of src in the cache, then the
// channels of src. No division changes the order of a sum.
#define TASKS_PER_THREAD 6

// From this distance on, rows of diff_dst fall on few sets of the first-level cache; the panel is
// then copied first.
#define PACK_ROW_FLOATS 64

// What one task adds up, and where.
struct job {
    const struct cpu_conv2d_outer *outer;
    int first_block, end_block, first_panel, end_panel, first_group, end_group, split;
    float *weights; // Of the gradient from `origin` on, in floats.
    size_t origin;
    float *bias; // Of panel 0; NULL for tasks that have none to add up.
    float *packed;
};

static int bundles(const struct cpu_conv2d_outer *outer)
{
    return cpu_task_count((size_t)outer->runs.group_count, (size_t)outer->groups_per_task);
}

static int panel_sets(const struct cpu_conv2d_outer *outer)
{
    return cpu_task_count((size_t)outer->panels, (size_t)outer->panels_per_task);
}

static int task_count(const struct cpu_conv2d_outer *outer)
{
    return outer->parts * panel_sets(outer) * bundles(outer) * outer->splits;
}

// The rows of a group that a task owns.
static struct cpu_conv2d_span owned_span(const struct job *job, int group)
{
    struct cpu_conv2d_span all = job->outer->groups[group].span;
    int length = all.end - all.first;
    return (struct cpu_conv2d_span){all.first + length * job->split / job->outer->splits,
                                    all.first + length * (job->split + 1) / job->outer->splits};
}

static size_t row_place(const struct cpu_conv2d_outer *outer, int panel, int row)
{
    return (size_t)panel * outer->panel_floats + (size_t)row * CPU_PANEL;
}

static float *gradient_row(const struct job *job, int panel, int row)
{
    return job->weights + (row_place(job->outer, panel, row) - job->origin);
}

// What a thread has for the gradient of a task's panels.
static size_t task_floats(const struct cpu_conv2d_outer *outer)
{
    return (size_t)outer->panels_per_task * outer->panel_floats;
}

static struct job job_of_task(const struct cpu_conv2d_outer *outer, int task, int thread)
{
    int split = task % outer->splits;
    task /= outer->splits;
    int bundle = task % bundles(outer);
    task /= bundles(outer);
    int set = task % panel_sets(outer), part = task / panel_sets(outer);
    struct job job = {
        .outer = outer,
        .first_block = (int)((long)outer->block_count * part / outer->parts),
        .end_block = (int)((long)outer->block_count * (part + 1) / outer->parts),
        .first_panel = set * outer->panels_per_task,
        .end_panel = cpu_minimum((set + 1) * outer->panels_per_task, outer->panels),
        .first_group = bundle * outer->groups_per_task,
        .end_group = cpu_minimum((bundle + 1) * outer->groups_per_task, outer->runs.group_count),
        .split = split,
        .weights = outer->diff_weights,
        .packed = outer->packed + (size_t)thread * CPU_CHAIN_LENGTH * CPU_PANEL,
    };
    bool has_bias = outer->diff_bias && bundle == 0 && split == 0;
    if (outer->task_weights) {
        job.weights = outer->task_weights + (size_t)thread * task_floats(outer);
        job.origin = row_place(outer, job.first_panel, owned_span(&job, job.first_group).first);
    }
    if (outer->parts > 1) {
        job.weights = outer->part_weights + (size_t)(part * outer->panels) * outer->panel_floats;
        job.bias = has_bias ? outer->part_bias + part * outer->panels * CPU_PANEL : NULL;
    } else if (has_bias) {
        job.bias = outer->part_bias;
    }
    return job;
}

static int panel_lanes(const struct cpu_conv2d_outer *outer, int panel)
{
    return cpu_minimum(outer->diff_dst.c - panel * CPU_PANEL, CPU_PANEL);
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
    const struct cpu_conv2d_outer *outer = job->outer;
    const struct cpu_conv2d_run *run = &outer->runs.runs[block->run];
    int lanes = panel_lanes(outer, panel);
    const float *rows = outer->diff_dst.data + run->dst + (size_t)block->repeat * run->dst_repeat +
                        (size_t)block->first_row * run->dst_row + (size_t)panel * CPU_PANEL;
    *step = run->dst_row;
    if (run->dst_row < PACK_ROW_FLOATS && lanes == CPU_PANEL)
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
                        bool is_first, int panel)
{
    const struct cpu_conv2d_outer *outer = job->outer;
    const struct cpu_conv2d_run *run = &outer->runs.runs[block->run];
    struct cpu_conv2d_span owned = owned_span(job, segment->group);
    int first = segment->weight > owned.first ? segment->weight : owned.first;
    int end = cpu_minimum(segment->weight + segment->length, owned.end);
    struct cpu_tile_outer_input in = {
        .src_row = outer->runs.element_stride,
        .src_step = run->src_row,
        .diff_dst = rows,
        .diff_step = step,
        .steps = block->rows,
    };
    const float *src = outer->src.data + segment->src + (size_t)block->repeat * run->src_repeat +
                       (size_t)block->first_row * run->src_row +
                       (size_t)(first - segment->weight) * outer->runs.element_stride;
    CPU_FOR_EACH_TILE(row, height, end - first)
    {
        in.src = src + (size_t)row * outer->runs.element_stride;
        CPU_NAME(tile_outer)(height, &in, is_first, gradient_row(job, panel, first + row));
    }
}

static void add_block(const struct job *job, int index, int panel)
{
    const struct cpu_conv2d_outer *outer = job->outer;
    const struct cpu_conv2d_block *block = &outer->blocks[index];
    const struct cpu_conv2d_run *run = &outer->runs.runs[block->run];
    const struct cpu_conv2d_segment *segment = outer->runs.segments + run->first_segment;
    const float *rows = NULL;
    size_t step;
    for (int s = 0; s < run->segments; s++, segment++) {
        if (segment->group < job->first_group || segment->group >= job->end_group)
            continue;
        const struct cpu_conv2d_group *group = &outer->groups[segment->group];
        if (!rows)
            rows = panel_rows(job, block, panel, &step);
        add_segment(job, block, segment, rows, step,
                    outer->parts == 1 && group->whole && index == group->first_block, panel);
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
    const struct cpu_conv2d_outer *outer = job->outer;
    if (job->bias)
        memset(job->bias + panel * CPU_PANEL, 0, CPU_PANEL * sizeof(float));
    for (int g = job->first_group; g < job->end_group; g++) {
        struct cpu_conv2d_span span = owned_span(job, g);
        if (outer->parts > 1 || !outer->groups[g].whole)
            memset(gradient_row(job, panel, span.first), 0,
                   (size_t)(span.end - span.first) * CPU_PANEL * sizeof(float));
    }
}

// The lanes beyond the last filter stay zero whatever src holds, also where infinity times zero is
// NaN.
static void clear_unused_lanes(const struct job *job, int panel)
{
    int lanes = panel_lanes(job->outer, panel);
    for (int g = job->first_group; lanes < CPU_PANEL && g < job->end_group; g++) {
        struct cpu_conv2d_span span = owned_span(job, g);
        for (int row = span.first; row < span.end; row++)
            for (int lane = lanes; lane < CPU_PANEL; lane++)
                gradient_row(job, panel, row)[lane] = 0;
    }
}

static void update_weights(const struct job *job, int panel)
{
    for (int g = job->first_group; g < job->end_group; g++) {
        struct cpu_conv2d_span span = owned_span(job, g);
        CPU_NAME(adam_update)
        (&job->outer->adam, gradient_row(job, panel, span.first),
         row_place(job->outer, panel, span.first), (size_t)(span.end - span.first) * CPU_PANEL);
    }
}

static void outer_task(void *argument, int task, int thread)
{
    struct job job = job_of_task(argument, task, thread);
    for (int panel = job.first_panel; panel < job.end_panel; panel++)
        clear(&job, panel);
    for (int b = job.first_block; b < job.end_block; b++)
        for (int panel = job.first_panel; panel < job.end_panel; panel++)
            add_block(&job, b, panel);
    for (int panel = job.first_panel; panel < job.end_panel; panel++) {
        clear_unused_lanes(&job, panel);
        if (job.outer->parts == 1)
            update_weights(&job, panel);
    }
}

// ---------------------------------------------------------------- adding up the parts

static void join_weights_task(void *argument, int task, int thread)
{
    (void)thread;
    const struct cpu_conv2d_outer *outer = argument;
    struct cpu_conv2d_span span = outer->groups[task % outer->runs.group_count].span;
    int panel = task / outer->runs.group_count;
    size_t first = row_place(outer, panel, span.first), end = row_place(outer, panel, span.end);
    size_t part_floats = (size_t)outer->panels * outer->panel_floats;
    float *sums = outer->keeps_gradient ? outer->diff_weights : outer->part_weights;
    for (size_t i = first; i < end; i += CPU_LANES) {
        cpu_vec sum = cpu_load(outer->part_weights + i);
        for (int part = 1; part < outer->parts; part++)
            sum += cpu_load(outer->part_weights + (size_t)part * part_floats + i);
        cpu_store(sums + i, sum);
    }
    CPU_NAME(adam_update)(&outer->adam, sums + first, first, end - first);
}

static void join_bias(const struct cpu_conv2d_outer *outer)
{
    for (int c = 0; c < outer->diff_dst.c; c++) {
        float sum = outer->part_bias[c];
        for (int part = 1; part < outer->parts; part++)
            sum += outer->part_bias[part * outer->panels * CPU_PANEL + c];
        outer->diff_bias[c] = sum;
    }
}

void CPU_NAME(conv2d_outer_run)(const struct cpu_conv2d_outer *outer)
{
    cpu_parallel_for(outer->cpu, task_count(outer), outer_task, (void *)outer);
    if (outer->parts > 1)
        cpu_parallel_for(outer->cpu, outer->panels * outer->runs.group_count, join_weights_task,
                         (void *)outer);
    if (outer->diff_bias)
        join_bias(outer);
}

// ---------------------------------------------------------------- planning

static size_t packed_floats(const struct cpu_conv2d_outer *outer)
{
    return (size_t)outer->cpu->threads * CPU_CHAIN_LENGTH * CPU_PANEL;
}

static size_t bias_floats(const struct cpu_conv2d_outer *outer)
{
    return (size_t)outer->parts * (size_t)outer->panels * CPU_PANEL;
}

void CPU_NAME(conv2d_outer_share)(struct cpu_conv2d_outer *outer)
{
    outer->panels = (outer->diff_dst.c + CPU_PANEL - 1) / CPU_PANEL;
    outer->panels_per_task = cpu_minimum(outer->panels_per_task, outer->panels);
    outer->block_count = cpu_conv2d_count_blocks(&outer->runs, CPU_CHAIN_LENGTH);
    outer->splits = 1;
    outer->groups_per_task = outer->runs.group_count;
    int wanted = TASKS_PER_THREAD * outer->cpu->threads;
    while (outer->parts == 1 && task_count(outer) < wanted && outer->groups_per_task > 1)
        outer->groups_per_task = (outer->groups_per_task + 2) / 3;
    while (task_count(outer) < wanted && outer->splits * CPU_TILE_ROWS < outer->src.c)
        outer->splits *= 2;
    outer->scratch_floats = packed_floats(outer) + bias_floats(outer);
    if (outer->parts > 1)
        outer->scratch_floats += (size_t)outer->parts * (size_t)outer->panels * outer->panel_floats;
    else if (!outer->keeps_gradient)
        outer->scratch_floats += (size_t)outer->cpu->threads * task_floats(outer);
}

clef_status CPU_NAME(conv2d_outer_prepare)(struct cpu_conv2d_outer *outer, float *scratch)
{
    outer->packed = scratch;
    outer->part_bias = scratch + packed_floats(outer);
    float *weights = outer->part_bias + bias_floats(outer);
    if (outer->parts > 1)
        outer->part_weights = weights;
    else if (!outer->keeps_gradient)
        outer->task_weights = weights;
    CLEF_TRY(cpu_conv2d_make_blocks(&outer->runs, CPU_CHAIN_LENGTH, &outer->blocks));
    return cpu_conv2d_find_groups(&outer->runs, outer->blocks, outer->block_count, &outer->groups);
}

void CPU_NAME(conv2d_outer_free)(struct cpu_conv2d_outer *outer)
{
    cpu_conv2d_runs_free(&outer->runs);
    free(outer->blocks);
    free(outer->groups);
    outer->blocks = NULL;
    outer->groups = NULL;
}
