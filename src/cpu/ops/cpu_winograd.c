// SPDX-License-Identifier: Apache-2.0
// Convolution forward and backward_data by Winograd's algorithms (Lavin and Gray, "Fast Algorithms
// for Convolutional Neural Networks").
//
// Tiles of the source go to points, one matrix product at each point joins them with the weights,
// and the products go back to tiles of the target: block by block of the rows of these matrices,
// which are all tiles of all images, so that what is in between stays in the second-level cache.
// Where there are more weights than rows, it is a panel of weights that stays there instead.
// backward_data is the same with the taps in reverse, and the roles of filters and channels
// exchanged.
#include "cpu/ops/cpu_winograd.h"
#include "cpu/cpu_winograd_tiles.h"
#include "cpu/ops/cpu_tile.h"
#include "cpu/ops/cpu_transposed_panel.h"
#include "cpu/ops/cpu_winograd_kernels.h"

#include <stdlib.h>

#define TAPS 9

// Channels whose weights a task transforms.
#define CHANNELS_PER_TASK 32

// What the points of a block take at most: a part of the second-level cache, which the weights of a
// panel share.
#define BLOCK_FLOATS (40 << 10)

// What the products of a panel take at most.
#define PRODUCT_FLOATS (24 << 10)

#define LINE_FLOATS 16 // Of a cache line.

struct winograd_plan {
    struct cpu_plan base;
    const struct cpu_winograd_kernels *kernels;
    struct cpu_winograd_tiles tiles;
    struct cpu_winograd_image source, target;
    struct clef_weights_layout layout;
    bool backward;
    const float *weights, *bias, *addend;
    bool relu;
    int panels;          // Of the target's channels.
    size_t panel_floats; // Of one panel of weights at all points.
    // What all tasks read is in scratch, the points of all weights or of all rows of the source,
    // and behind it for each thread what its tasks make of the other, and the products.
    bool by_panels;
    float *shared;
    size_t shared_floats, thread_floats;
    int block_rows; // Of a block, at most.
    // A task has a block and so many panels; by panels a panel and so many blocks.
    int panels_per_task, panel_sets;
    int blocks_per_task, block_sets;
};

static int minimum(int a, int b)
{
    return a < b ? a : b;
}

// ---------------------------------------------------------------- weights to points

static int weights_tasks_per_panel(const struct winograd_plan *plan)
{
    return cpu_task_count((size_t)plan->source.view.c,
                          plan->backward ? CPU_PANEL : CHANNELS_PER_TASK);
}

static void transform_weights(const struct winograd_plan *plan, int panel, int part, float *points)
{
    int first = part * CHANNELS_PER_TASK;
    int count = minimum(plan->layout.in - first, CHANNELS_PER_TASK);
    size_t tap = (size_t)plan->layout.in * CPU_PANEL, at = (size_t)first * CPU_PANEL;
    plan->kernels->weights(plan->weights + (size_t)panel * TAPS * tap + at, (ptrdiff_t)tap,
                           count * CPU_PANEL, points + at,
                           (size_t)cpu_winograd_weight_rows(plan->layout.in) * CPU_PANEL);
}

static void transform_transposed_weights(const struct winograd_plan *plan, int panel,
                                         int filter_panel, float *points)
{
    _Alignas(CPU_ALIGNMENT) float squares[TAPS][CPU_PANEL * CPU_PANEL];
    for (int tap = 0; tap < TAPS; tap++)
        cpu_transpose_weights(plan->weights, &plan->layout, panel, tap, filter_panel,
                              squares[TAPS - 1 - tap]);
    int first = filter_panel * CPU_PANEL, count = minimum(plan->layout.out - first, CPU_PANEL);
    plan->kernels->weights(squares[0], CPU_PANEL * CPU_PANEL, count * CPU_PANEL,
                           points + (size_t)first * CPU_PANEL,
                           (size_t)cpu_winograd_weight_rows(plan->layout.out) * CPU_PANEL);
}

// A part of the weights of a panel.
static void weights_to_points(const struct winograd_plan *plan, int panel, int part, float *points)
{
    if (plan->backward)
        transform_transposed_weights(plan, panel, part, points);
    else
        transform_weights(plan, panel, part, points);
}

static void weights_task(void *argument, int task, int thread)
{
    (void)thread;
    const struct winograd_plan *plan = argument;
    int parts = weights_tasks_per_panel(plan), panel = task / parts;
    weights_to_points(plan, panel, task % parts, plan->shared + (size_t)panel * plan->panel_floats);
}

// ---------------------------------------------------------------- blocks of rows

struct block {
    int first, rows;
    float *source, *target; // Its rows at the points; of the target, one panel at a time.
};

// By panels the source comes from the last cache, in rows too short for the processor to foresee
// the next point's.
static void prefetch_next_point(const struct winograd_plan *plan, const float *src, int rows,
                                int length)
{
    const struct cpu_winograd_matrices *source = &plan->source.points;
    for (int i = 0; plan->by_panels && i < rows; i++)
        for (int c = 0; c < length; c += LINE_FLOATS)
            __builtin_prefetch(src + source->point + (size_t)i * source->row + c);
}

// The products with a panel of weights at one point.
static void multiply(const struct winograd_plan *plan, const struct block *block,
                     const float *weights, int point)
{
    const struct cpu_winograd_matrices *source = &plan->source.points;
    const float *src = block->source + (size_t)point * source->point;
    float *sums = block->target + (size_t)point * plan->target.points.point;
    int channels = plan->source.view.c;
    struct cpu_conv2d_segment segment = {.weight = point * cpu_winograd_weight_rows(channels)};
    struct cpu_tile_input in = {
        .src_row = source->row,
        .element_stride = 1,
        .weights = weights,
        .segments = &segment,
        .segment_count = 1,
    };
    for (int c = 0; c < channels; c += segment.length, segment.weight += segment.length) {
        segment.src = (size_t)c;
        segment.length = minimum(channels - c, CPU_CHAIN_LENGTH);
        CPU_FOR_EACH_TILE(row, rows, block->rows)
        {
            in.src = src + (size_t)row * source->row;
            prefetch_next_point(plan, in.src + c, rows, segment.length);
            CPU_NAME(tile_multiply)(rows, &in, c == 0, sums + (size_t)row * CPU_PANEL);
        }
    }
}

static void from_points(const struct winograd_plan *plan, const struct block *block, int panel)
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
            .lanes = minimum(view->c - channel, CPU_PANEL),
            .relu = plan->relu,
        };
        plan->kernels->dst(block->target + (size_t)i * CPU_PANEL, plan->target.points.point, pixels,
                           &out);
    }
}

static void multiply_panel(const struct winograd_plan *plan, const struct block *block, int panel,
                           const float *weights)
{
    for (int point = 0; point < plan->tiles.products; point++)
        multiply(plan, block, weights, point);
    from_points(plan, block, panel);
}

static struct block block_at(const struct winograd_plan *plan, int index)
{
    int first = index * plan->block_rows;
    return (struct block){.first = first,
                          .rows = minimum(plan->tiles.rows - first, plan->block_rows)};
}

static float *of_thread(const struct winograd_plan *plan, int thread)
{
    return plan->shared + plan->shared_floats + (size_t)thread * plan->thread_floats;
}

static void block_task(void *argument, int task, int thread)
{
    const struct winograd_plan *plan = argument;
    int first_panel = task % plan->panel_sets * plan->panels_per_task;
    int end_panel = minimum(first_panel + plan->panels_per_task, plan->panels);
    struct block block = block_at(plan, task / plan->panel_sets);
    block.source = of_thread(plan, thread);
    block.target = block.source + plan->source.points.floats;
    CPU_NAME(winograd_to_points)
    (plan->kernels->src, &plan->tiles, &plan->source, block.first, block.rows, block.source, NULL);
    for (int panel = first_panel; panel < end_panel; panel++)
        multiply_panel(plan, &block, panel, plan->shared + (size_t)panel * plan->panel_floats);
}

static int block_count(const struct winograd_plan *plan)
{
    return cpu_task_count((size_t)plan->tiles.rows, (size_t)plan->block_rows);
}

// ---------------------------------------------------------------- panels of weights

static void rows_task(void *argument, int task, int thread)
{
    (void)thread;
    const struct winograd_plan *plan = argument;
    int first = task * plan->tiles.rows_per_task;
    CPU_NAME(winograd_to_points)
    (plan->kernels->src, &plan->tiles, &plan->source, first,
     cpu_winograd_task_end(&plan->tiles, task) - first,
     plan->shared + (size_t)first * plan->source.points.row, NULL);
}

static void panel_task(void *argument, int task, int thread)
{
    const struct winograd_plan *plan = argument;
    int panel = task / plan->block_sets, first = task % plan->block_sets * plan->blocks_per_task;
    int end = minimum(first + plan->blocks_per_task, block_count(plan));
    float *weights = of_thread(plan, thread);
    for (int part = 0; part < weights_tasks_per_panel(plan); part++)
        weights_to_points(plan, panel, part, weights);
    for (int b = first; b < end; b++) {
        struct block block = block_at(plan, b);
        block.source = plan->shared + (size_t)block.first * plan->source.points.row;
        block.target = weights + plan->panel_floats;
        multiply_panel(plan, &block, panel, weights);
    }
}

static clef_status winograd_run(struct clef_plan *base, const struct clef_run_values *values)
{
    (void)values;
    struct winograd_plan *plan = (struct winograd_plan *)base;
    struct cpu_context *cpu = plan->base.cpu;
    if (plan->by_panels) {
        cpu_parallel_for(cpu, cpu_winograd_row_tasks(&plan->tiles), rows_task, plan);
        cpu_parallel_for(cpu, plan->panels * plan->block_sets, panel_task, plan);
    } else {
        cpu_parallel_for(cpu, plan->panels * weights_tasks_per_panel(plan), weights_task, plan);
        cpu_parallel_for(cpu, block_count(plan) * plan->panel_sets, block_task, plan);
    }
    return CLEF_OK;
}

// ---------------------------------------------------------------- planning

// Makes blocks as large as the cache allows, and equally many for each thread; where there are
// fewer than threads, the panels are divided too.
static void share_blocks(const struct cpu_context *cpu, struct winograd_plan *plan)
{
    int products = plan->tiles.products, channels = plan->source.view.c;
    int tiles = BLOCK_FLOATS / (products * (channels + CPU_PANEL) * CPU_TILE_ROWS);
    plan->block_rows = (tiles > 0 ? tiles : 1) * CPU_TILE_ROWS;
    int blocks = (block_count(plan) + cpu->threads - 1) / cpu->threads * cpu->threads;
    int least = cpu_task_count((size_t)plan->tiles.rows, CPU_TILE_ROWS);
    plan->block_rows = cpu_task_count((size_t)plan->tiles.rows, (size_t)minimum(blocks, least));
    plan->panels_per_task = plan->panels;
    if (block_count(plan) < cpu->threads)
        plan->panels_per_task =
            cpu_task_count((size_t)plan->panels * (size_t)block_count(plan), (size_t)cpu->threads);
    plan->panel_sets = cpu_task_count((size_t)plan->panels, (size_t)plan->panels_per_task);
    plan->source.points = cpu_winograd_matrices(products, plan->block_rows, channels);
    plan->target.points = cpu_winograd_matrices(products, plan->block_rows, CPU_PANEL);
    plan->shared_floats = (size_t)plan->panels * plan->panel_floats;
    plan->thread_floats = plan->source.points.floats + plan->target.points.floats;
}

// Divides the rows of a panel too where there are fewer panels than threads.
static void share_panels(const struct cpu_context *cpu, struct winograd_plan *plan)
{
    int products = plan->tiles.products, rows = plan->tiles.rows;
    int most = PRODUCT_FLOATS / (products * CPU_PANEL);
    plan->block_sets = minimum(cpu_task_count((size_t)cpu->threads, (size_t)plan->panels),
                               cpu_task_count((size_t)rows, CPU_TILE_ROWS));
    int blocks = cpu_task_count((size_t)rows, (size_t)most);
    blocks = cpu_task_count((size_t)blocks, (size_t)plan->block_sets) * plan->block_sets;
    plan->block_rows = cpu_task_count((size_t)rows, (size_t)blocks);
    plan->blocks_per_task = cpu_task_count((size_t)block_count(plan), (size_t)plan->block_sets);
    plan->source.points = cpu_winograd_matrices(products, rows, plan->source.view.c);
    plan->target.points = cpu_winograd_matrices(products, plan->block_rows, CPU_PANEL);
    plan->shared_floats = plan->source.points.floats;
    plan->thread_floats = plan->panel_floats + plan->target.points.floats;
}

// Weights that outnumber the rows at the points would come from the last cache again for each
// block.
static void share(const struct cpu_context *cpu, struct winograd_plan *plan)
{
    plan->by_panels = plan->tiles.rows < plan->target.view.c;
    if (plan->by_panels)
        share_panels(cpu, plan);
    else
        share_blocks(cpu, plan);
}

// A plan without its scratch.
static struct winograd_plan outline(struct cpu_context *cpu, enum clef_conv2d_algorithm algorithm,
                                    const struct clef_tensor *source,
                                    const struct clef_tensor *target,
                                    const struct clef_window *window, bool backward)
{
    const struct cpu_winograd_kernels *kernels = CPU_NAME(winograd_kernels)(algorithm);
    // Tap k of the reversed kernel is tap 2 - k.
    int pad_top = backward ? 2 - window->pad_top : window->pad_top;
    int pad_left = backward ? 2 - window->pad_left : window->pad_left;
    struct winograd_plan plan = {
        .kernels = kernels,
        .tiles = cpu_winograd_tiles(kernels->points, kernels->outputs, target,
                                    source->c > target->c ? source->c : target->c),
        .source = {.view = cpu_view(source),
                   .width = kernels->inputs,
                   .first_y = kernels->inset - pad_top,
                   .first_x = kernels->inset - pad_left},
        .target = {.view = cpu_view(target), .width = kernels->outputs},
        .layout = {3, 3, backward ? target->c : source->c, backward ? source->c : target->c,
                   CPU_PANEL},
        .backward = backward,
        .panels = cpu_task_count((size_t)target->c, CPU_PANEL),
    };
    plan.panel_floats =
        (size_t)plan.tiles.products * (size_t)cpu_winograd_weight_rows(source->c) * CPU_PANEL;
    share(cpu, &plan);
    return plan;
}

static struct clef_plan_info describe(const struct cpu_context *cpu,
                                      const struct winograd_plan *plan,
                                      enum clef_conv2d_algorithm algorithm)
{
    double channels = plan->source.view.c, filters = plan->target.view.c;
    return (struct clef_plan_info){
        .scratch_floats = plan->shared_floats + (size_t)cpu->threads * plan->thread_floats,
        .flops = 2.0 * plan->tiles.products * plan->tiles.rows * channels * filters,
        .bytes = sizeof(float) * TAPS * channels * filters,
        .algorithm = clef_conv2d_algorithm_name(algorithm),
    };
}

// Creates the plan that was outlined.
static clef_status create(void *context, struct winograd_plan *outlined, float *scratch,
                          struct clef_plan **result)
{
    struct clef_plan *base;
    CLEF_TRY(cpu_plan_create(context, sizeof *outlined, winograd_run, &base));
    struct winograd_plan *plan = (struct winograd_plan *)base;
    outlined->base = plan->base;
    *plan = *outlined;
    plan->shared = scratch;
    *result = base;
    return CLEF_OK;
}

clef_status CPU_NAME(winograd_forward)(void *context, enum clef_conv2d_algorithm algorithm,
                                       const struct clef_conv2d_forward_args *args,
                                       const struct clef_tensor *scratch,
                                       struct clef_plan_info *info, struct clef_plan **plan)
{
    struct winograd_plan wanted =
        outline(context, algorithm, args->src, args->dst, &args->window, false);
    wanted.weights = cpu_view(args->weights).data;
    wanted.bias = cpu_view(args->bias).data;
    wanted.relu = args->relu;
    *info = describe(context, &wanted, algorithm);
    info->bytes += cpu_tensor_bytes(args->src) + cpu_tensor_bytes(args->dst);
    return plan ? create(context, &wanted, cpu_view(scratch).data, plan) : CLEF_OK;
}

clef_status CPU_NAME(winograd_backward_data)(void *context, enum clef_conv2d_algorithm algorithm,
                                             const struct clef_conv2d_backward_data_args *args,
                                             const struct clef_tensor *scratch,
                                             struct clef_plan_info *info, struct clef_plan **plan)
{
    struct winograd_plan wanted =
        outline(context, algorithm, args->diff_dst, args->diff_src, &args->window, true);
    wanted.weights = cpu_view(args->weights).data;
    wanted.addend = cpu_view(args->addend).data;
    *info = describe(context, &wanted, algorithm);
    info->bytes += cpu_tensor_bytes(args->diff_dst) + cpu_tensor_bytes(args->diff_src) +
                   cpu_tensor_bytes(args->addend);
    return plan ? create(context, &wanted, cpu_view(scratch).data, plan) : CLEF_OK;
}
