// SPDX-License-Identifier: Apache-2.0
// Convolution forward and backward_data by Winograd's algorithms (Lavin and Gray, "Fast Algorithms
// for Convolutional Neural Networks").
//
// Tiles of the source go to points, one matrix product at each point joins them with the weights,
// and the products go back to tiles of the target: block by block of the rows of these matrices,
// which are all tiles of all images, so that what is in between stays in the second-level cache.
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

struct winograd_plan {
    struct cpu_plan base;
    const struct cpu_winograd_kernels *kernels;
    struct cpu_winograd_tiles tiles;
    struct cpu_winograd_image source, target;
    struct clef_weights_layout layout;
    bool backward;
    const float *weights, *bias, *addend;
    bool relu;
    int panels;            // Of the target's channels.
    size_t panel_floats;   // Of one panel of weights at all points.
    float *weights_points; // In scratch, and behind them the points of a block for each thread.
    size_t block_floats;
    // A task has a block of at most block_rows rows, and some panels, of which there are so many
    // sets.
    int block_rows, panels_per_task, panel_sets;
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

static void transform_weights(const struct winograd_plan *plan, int panel, int part)
{
    int first = part * CHANNELS_PER_TASK;
    int count = minimum(plan->layout.in - first, CHANNELS_PER_TASK);
    size_t tap = (size_t)plan->layout.in * CPU_PANEL, at = (size_t)first * CPU_PANEL;
    plan->kernels->weights(plan->weights + (size_t)panel * TAPS * tap + at, (ptrdiff_t)tap,
                           count * CPU_PANEL,
                           plan->weights_points + (size_t)panel * plan->panel_floats + at,
                           (size_t)cpu_winograd_weight_rows(plan->layout.in) * CPU_PANEL);
}

static void transform_transposed_weights(const struct winograd_plan *plan, int panel,
                                         int filter_panel)
{
    _Alignas(CPU_ALIGNMENT) float squares[TAPS][CPU_PANEL * CPU_PANEL];
    for (int tap = 0; tap < TAPS; tap++)
        cpu_transpose_weights(plan->weights, &plan->layout, panel, tap, filter_panel,
                              squares[TAPS - 1 - tap]);
    int first = filter_panel * CPU_PANEL, count = minimum(plan->layout.out - first, CPU_PANEL);
    plan->kernels->weights(squares[0], CPU_PANEL * CPU_PANEL, count * CPU_PANEL,
                           plan->weights_points + (size_t)panel * plan->panel_floats +
                               (size_t)first * CPU_PANEL,
                           (size_t)cpu_winograd_weight_rows(plan->layout.out) * CPU_PANEL);
}

static void weights_task(void *argument, int task, int thread)
{
    (void)thread;
    const struct winograd_plan *plan = argument;
    int parts = weights_tasks_per_panel(plan);
    if (plan->backward)
        transform_transposed_weights(plan, task / parts, task % parts);
    else
        transform_weights(plan, task / parts, task % parts);
}

// ---------------------------------------------------------------- blocks of rows

struct block {
    int first, rows;
    float *source, *target; // Its rows at the points; of the target, one panel at a time.
};

// The products of a panel at one point.
static void multiply(const struct winograd_plan *plan, const struct block *block, int panel,
                     int point)
{
    const struct cpu_winograd_matrices *source = &plan->source.points;
    const float *src = block->source + (size_t)point * source->point;
    float *sums = block->target + (size_t)point * plan->target.points.point;
    int channels = plan->source.view.c;
    struct cpu_conv2d_segment segment = {.weight = point * cpu_winograd_weight_rows(channels)};
    struct cpu_tile_input in = {
        .src_row = source->row,
        .element_stride = 1,
        .weights = plan->weights_points + (size_t)panel * plan->panel_floats,
        .segments = &segment,
        .segment_count = 1,
    };
    for (int c = 0; c < channels; c += segment.length, segment.weight += segment.length) {
        segment.src = (size_t)c;
        segment.length = minimum(channels - c, CPU_CHAIN_LENGTH);
        CPU_FOR_EACH_TILE(row, rows, block->rows)
        {
            in.src = src + (size_t)row * source->row;
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

static void block_task(void *argument, int task, int thread)
{
    const struct winograd_plan *plan = argument;
    int first_panel = task % plan->panel_sets * plan->panels_per_task;
    int end_panel = minimum(first_panel + plan->panels_per_task, plan->panels);
    struct block block = {
        .first = task / plan->panel_sets * plan->block_rows,
        .source = plan->weights_points + (size_t)plan->panels * plan->panel_floats +
                  (size_t)thread * plan->block_floats,
    };
    block.rows = minimum(plan->tiles.rows - block.first, plan->block_rows);
    block.target = block.source + plan->source.points.floats;
    CPU_NAME(winograd_to_points)
    (plan->kernels->src, &plan->tiles, &plan->source, block.first, block.rows, block.source, NULL);
    for (int panel = first_panel; panel < end_panel; panel++) {
        for (int point = 0; point < plan->tiles.products; point++)
            multiply(plan, &block, panel, point);
        from_points(plan, &block, panel);
    }
}

static int block_count(const struct winograd_plan *plan)
{
    return cpu_task_count((size_t)plan->tiles.rows, (size_t)plan->block_rows);
}

static clef_status winograd_run(struct clef_plan *base, const struct clef_run_values *values)
{
    (void)values;
    struct winograd_plan *plan = (struct winograd_plan *)base;
    cpu_parallel_for(plan->base.cpu, plan->panels * weights_tasks_per_panel(plan), weights_task,
                     plan);
    cpu_parallel_for(plan->base.cpu, block_count(plan) * plan->panel_sets, block_task, plan);
    return CLEF_OK;
}

// ---------------------------------------------------------------- planning

// Makes blocks as large as the cache allows, and equally many for each thread; where there are
// fewer than threads, the panels are divided too.
static void share(const struct cpu_context *cpu, struct winograd_plan *plan)
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
    plan->block_floats = plan->source.points.floats + plan->target.points.floats;
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
    share(cpu, &plan);
    plan.panel_floats =
        (size_t)plan.tiles.products * (size_t)cpu_winograd_weight_rows(source->c) * CPU_PANEL;
    return plan;
}

static struct clef_plan_info describe(const struct cpu_context *cpu,
                                      const struct winograd_plan *plan,
                                      enum clef_conv2d_algorithm algorithm)
{
    double channels = plan->source.view.c, filters = plan->target.view.c;
    return (struct clef_plan_info){
        .scratch_floats =
            (size_t)cpu->threads * plan->block_floats + (size_t)plan->panels * plan->panel_floats,
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
    plan->weights_points = scratch;
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
