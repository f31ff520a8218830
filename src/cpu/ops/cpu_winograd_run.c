// SPDX-License-Identifier: Apache-2.0
// The tasks of Winograd's forward and backward_data.
//
// Tiles of the source go to points, one matrix product at each point joins them with the weights,
// and the products go back to tiles of the target: block by block of the rows of these matrices,
// which are all tiles of all images, so that what is in between stays in the second-level cache.
// Where there are more weights than rows, it is a panel of weights that stays there instead, slab
// by slab of its channels where that cache cannot hold all of it.
#include "cpu/ops/cpu_winograd_run.h"
#include "cpu/ops/cpu_tile.h"
#include "cpu/ops/cpu_transposed_panel.h"

#define TAPS 9

// Channels of the source whose weights go to points together: a panel's of transposed weights.
#define PART_CHANNELS CPU_PANEL
_Static_assert(CPU_CHAIN_LENGTH % PART_CHANNELS == 0, "a slab, of whole chains, has whole parts");

// ---------------------------------------------------------------- weights to points

// The distance between two points of a slab's weights.
static size_t slab_rows(const struct cpu_winograd_plan *plan)
{
    return (size_t)cpu_winograd_weight_rows(plan->slab_channels);
}

// How many parts of a panel's weights go to points one by one.
static int weights_parts(const struct cpu_winograd_plan *plan)
{
    return cpu_task_count((size_t)plan->source.view.c, PART_CHANNELS);
}

static void transform_weights(const struct cpu_winograd_plan *plan, int panel, int part,
                              float *points)
{
    int first = part * PART_CHANNELS, count = cpu_minimum(plan->layout.in - first, PART_CHANNELS);
    size_t tap = (size_t)plan->layout.in * CPU_PANEL;
    plan->kernels->weights(plan->weights + (size_t)panel * TAPS * tap + (size_t)first * CPU_PANEL,
                           (ptrdiff_t)tap, count * CPU_PANEL, points, slab_rows(plan) * CPU_PANEL);
}

static void transform_transposed_weights(const struct cpu_winograd_plan *plan, int panel, int part,
                                         float *points)
{
    _Alignas(CPU_ALIGNMENT) float squares[TAPS][CPU_PANEL * CPU_PANEL];
    bool more = part + 1 < cpu_filter_panels(&plan->layout);
    for (int tap = 0; tap < TAPS; tap++) {
        if (more)
            cpu_ask_for_square(plan->weights, &plan->layout, panel, tap, part + 1);
        cpu_transpose_weights(plan->weights, &plan->layout, panel, tap, part,
                              squares[TAPS - 1 - tap]);
    }
    int count = cpu_minimum(plan->layout.out - part * PART_CHANNELS, PART_CHANNELS);
    plan->kernels->weights(squares[0], CPU_PANEL * CPU_PANEL, count * CPU_PANEL, points,
                           slab_rows(plan) * CPU_PANEL);
}

// A part of the weights of a panel, to the part's place at the first point.
static void weights_to_points(const struct cpu_winograd_plan *plan, int panel, int part,
                              float *points)
{
    if (plan->backward)
        transform_transposed_weights(plan, panel, part, points);
    else
        transform_weights(plan, panel, part, points);
}

static void weights_task(void *argument, int task, int thread)
{
    (void)thread;
    const struct cpu_winograd_plan *plan = argument;
    int parts = weights_parts(plan), panel = task / parts, part = task % parts;
    weights_to_points(plan, panel, part,
                      plan->shared + (size_t)panel * plan->slab_floats +
                          (size_t)part * PART_CHANNELS * CPU_PANEL);
}

// ---------------------------------------------------------------- blocks of rows

struct block {
    int first, rows;
    float *source, *target; // Its rows at the points; of the target, one panel at a time.
};

// By panels the source comes from the last cache, in rows too short for the processor to foresee
// the next point's.
static void prefetch_next_point(const struct cpu_winograd_plan *plan, const float *src, int rows,
                                int length)
{
    const struct cpu_winograd_matrices *source = &plan->source.points;
    for (int i = 0; plan->by_panels && i < rows; i++)
        for (int c = 0; c < length; c += CPU_LINE_FLOATS)
            __builtin_prefetch(src + source->point + (size_t)i * source->row + c);
}

// The products at one point with a slab of a panel's weights, from `channel` on.
static void multiply(const struct cpu_winograd_plan *plan, const struct block *block,
                     const float *weights, int channel, int point)
{
    const struct cpu_winograd_matrices *source = &plan->source.points;
    const float *src = block->source + (size_t)point * source->point;
    float *sums = block->target + (size_t)point * plan->target.points.point;
    int end = cpu_minimum(plan->source.view.c, channel + plan->slab_channels);
    struct cpu_conv2d_segment segment = {.weight = point * (int)slab_rows(plan)};
    struct cpu_tile_input in = {
        .src_row = source->row,
        .element_stride = 1,
        .weights = weights,
        .segments = &segment,
        .segment_count = 1,
    };
    for (int c = channel; c < end; c += segment.length, segment.weight += segment.length) {
        segment.src = (size_t)c;
        segment.length = cpu_minimum(end - c, CPU_CHAIN_LENGTH);
        CPU_FOR_EACH_TILE(row, rows, block->rows)
        {
            in.src = src + (size_t)row * source->row;
            prefetch_next_point(plan, in.src + c, rows, segment.length);
            CPU_NAME(tile_multiply)(rows, &in, c == 0, sums + (size_t)row * CPU_PANEL);
        }
    }
}

static void from_points(const struct cpu_winograd_plan *plan, const struct block *block, int panel)
{
    const struct cpu_view *view = &plan->target.view;
    size_t pixels[CPU_WINOGRAD_PIXELS];
    int channel = panel * CPU_PANEL;
    for (int i = 0; i < block->rows; i++) {
        int row = block->first + i, n = row % plan->tiles.images;
        if (i == 0 || n == 0)
            cpu_winograd_find_pixels(&plan->tiles, &plan->target, row, pixels);
        size_t offset = (size_t)n * view->stride_n + (size_t)channel;
        const struct cpu_tile_output out = {
            .dst = view->data + offset,
            .bias = plan->bias ? plan->bias + channel : NULL,
            .addend = plan->addend ? plan->addend + offset : NULL,
            .lanes = cpu_minimum(view->c - channel, CPU_PANEL),
            .relu = plan->relu,
        };
        plan->kernels->dst(block->target + (size_t)i * CPU_PANEL, plan->target.points.point, pixels,
                           &out);
    }
}

// The products of the last slab complete those of the others, and go back to tiles.
static void multiply_slab(const struct cpu_winograd_plan *plan, const struct block *block,
                          int panel, int channel, const float *weights)
{
    for (int point = 0; point < plan->tiles.products; point++)
        multiply(plan, block, weights, channel, point);
    if (channel + plan->slab_channels >= plan->source.view.c)
        from_points(plan, block, panel);
}

static struct block block_at(const struct cpu_winograd_plan *plan, int index)
{
    int first = index * plan->block_rows;
    return (struct block){.first = first,
                          .rows = cpu_minimum(plan->tiles.rows - first, plan->block_rows)};
}

static float *of_thread(const struct cpu_winograd_plan *plan, int thread)
{
    return plan->shared + plan->shared_floats + (size_t)thread * plan->thread_floats;
}

static void block_task(void *argument, int task, int thread)
{
    const struct cpu_winograd_plan *plan = argument;
    int first_panel = task % plan->panel_sets * plan->panels_per_task;
    int end_panel = cpu_minimum(first_panel + plan->panels_per_task, plan->panels);
    struct block block = block_at(plan, task / plan->panel_sets);
    block.source = of_thread(plan, thread);
    block.target = block.source + plan->source.points.floats;
    CPU_NAME(winograd_to_points)
    (plan->kernels->src, &plan->tiles, &plan->source, block.first, block.rows, block.source, NULL);
    for (int panel = first_panel; panel < end_panel; panel++)
        multiply_slab(plan, &block, panel, 0, plan->shared + (size_t)panel * plan->slab_floats);
}

// ---------------------------------------------------------------- panels of weights

static void rows_task(void *argument, int task, int thread)
{
    (void)thread;
    const struct cpu_winograd_plan *plan = argument;
    int first = task * plan->tiles.rows_per_task;
    CPU_NAME(winograd_to_points)
    (plan->kernels->src, &plan->tiles, &plan->source, first,
     cpu_winograd_task_end(&plan->tiles, task) - first,
     plan->shared + (size_t)first * plan->source.points.row, NULL);
}

static void slab_to_points(const struct cpu_winograd_plan *plan, int panel, int channel,
                           float *weights)
{
    int first = channel / PART_CHANNELS;
    int end = cpu_minimum(first + cpu_task_count((size_t)plan->slab_channels, PART_CHANNELS),
                          weights_parts(plan));
    for (int part = first; part < end; part++)
        weights_to_points(plan, panel, part,
                          weights + (size_t)(part - first) * PART_CHANNELS * CPU_PANEL);
}

static void panel_task(void *argument, int task, int thread)
{
    const struct cpu_winograd_plan *plan = argument;
    int panel = task / plan->block_sets, first = task % plan->block_sets * plan->blocks_per_task;
    int end = cpu_minimum(first + plan->blocks_per_task, cpu_winograd_block_count(plan));
    float *weights = of_thread(plan, thread), *products = weights + plan->slab_floats;
    for (int c = 0; c < plan->source.view.c; c += plan->slab_channels) {
        slab_to_points(plan, panel, c, weights);
        for (int b = first; b < end; b++) {
            struct block block = block_at(plan, b);
            block.source = plan->shared + (size_t)block.first * plan->source.points.row;
            block.target = products + (size_t)((b - first) % cpu_winograd_kept_blocks(plan)) *
                                          plan->target.points.floats;
            multiply_slab(plan, &block, panel, c, weights);
        }
    }
}

clef_status CPU_NAME(winograd_run)(struct clef_plan *base, const struct clef_run_values *values)
{
    (void)values;
    struct cpu_winograd_plan *plan = (struct cpu_winograd_plan *)base;
    struct cpu_context *cpu = plan->base.cpu;
    if (plan->by_panels) {
        cpu_parallel_for(cpu, cpu_winograd_row_tasks(&plan->tiles), rows_task, plan);
        cpu_parallel_for(cpu, plan->panels * plan->block_sets, panel_task, plan);
    } else {
        cpu_parallel_for(cpu, plan->panels * weights_parts(plan), weights_task, plan);
        cpu_parallel_for(cpu, cpu_winograd_block_count(plan) * plan->panel_sets, block_task, plan);
    }
    return CLEF_OK;
}
