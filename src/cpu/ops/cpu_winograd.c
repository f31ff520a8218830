// SPDX-License-Identifier: Apache-2.0
// Plans of convolution forward and backward_data by Winograd's algorithms (Lavin and Gray, "Fast
// Algorithms for Convolutional Neural Networks"): how the work is shared, see cpu_winograd_run.c.
//
// backward_data is forward with the taps in reverse, and the roles of filters and channels
// exchanged.
#include "cpu/ops/cpu_winograd.h"
#include "cpu/ops/cpu_tile.h"
#include "cpu/ops/cpu_winograd_run.h"

// What the points of a block take at most: a part of the second-level cache, which the weights of a
// panel share. All weights that are more than that cache holds come from behind it again for each
// block, so that blocks are larger then. The cache itself is larger where vectors are.
#define BLOCK_FLOATS (40 << 10)
#define LARGE_BLOCK_FLOATS (CPU_LANES * (16 << 10))
#define MOST_WEIGHTS_FLOATS (CPU_LANES * (24 << 10))

// What the weights of a slab take at most, and the products of a block with a panel: less where one
// slab is all of the panel, and the rows may be in that cache too.
#define SLAB_FLOATS (CPU_LANES * (18 << 10))
#define PRODUCT_FLOATS (24 << 10)
#define SLAB_PRODUCT_FLOATS (CPU_LANES * (5 << 10))

// As many chains of a panel's weights as `room` has place for.
static void cut_slab(struct cpu_winograd_plan *plan, size_t room)
{
    size_t row = (size_t)plan->tiles.products * CPU_PANEL;
    size_t chains = room / row / CPU_CHAIN_LENGTH;
    int channels = plan->source.view.c;
    if (chains * CPU_CHAIN_LENGTH < (size_t)channels)
        channels = (int)(chains > 0 ? chains : 1) * CPU_CHAIN_LENGTH;
    plan->slab_channels = channels;
    plan->slab_floats = row * (size_t)cpu_winograd_weight_rows(channels);
}

// Makes blocks as large as the cache allows, and equally many for each thread; where there are
// fewer than threads, the panels are divided too.
static void share_blocks(const struct cpu_context *cpu, struct cpu_winograd_plan *plan)
{
    int products = plan->tiles.products, channels = plan->source.view.c;
    cut_slab(plan, SIZE_MAX);
    plan->shared_floats = (size_t)plan->panels * plan->slab_floats;
    int room = plan->shared_floats > MOST_WEIGHTS_FLOATS ? LARGE_BLOCK_FLOATS : BLOCK_FLOATS;
    int tiles = room / (products * (channels + CPU_PANEL) * CPU_TILE_ROWS);
    plan->block_rows = (tiles > 0 ? tiles : 1) * CPU_TILE_ROWS;
    int blocks = (cpu_winograd_block_count(plan) + cpu->threads - 1) / cpu->threads * cpu->threads;
    int least = cpu_task_count((size_t)plan->tiles.rows, CPU_TILE_ROWS);
    plan->block_rows = cpu_task_count((size_t)plan->tiles.rows, (size_t)cpu_minimum(blocks, least));
    plan->panels_per_task = plan->panels;
    if (cpu_winograd_block_count(plan) < cpu->threads)
        plan->panels_per_task = cpu_task_count(
            (size_t)plan->panels * (size_t)cpu_winograd_block_count(plan), (size_t)cpu->threads);
    plan->panel_sets = cpu_task_count((size_t)plan->panels, (size_t)plan->panels_per_task);
    plan->source.points = cpu_winograd_matrices(products, plan->block_rows, channels);
    plan->target.points = cpu_winograd_matrices(products, plan->block_rows, CPU_PANEL);
    plan->thread_floats = plan->source.points.floats + plan->target.points.floats;
}

// Divides the rows of a panel too where there are fewer panels than threads.
static void share_panels(const struct cpu_context *cpu, struct cpu_winograd_plan *plan)
{
    int products = plan->tiles.products, rows = plan->tiles.rows;
    cut_slab(plan, SLAB_FLOATS);
    int room = cpu_winograd_in_slabs(plan) ? SLAB_PRODUCT_FLOATS : PRODUCT_FLOATS;
    int most = room / (products * CPU_PANEL);
    plan->block_sets = cpu_minimum(cpu_task_count((size_t)cpu->threads, (size_t)plan->panels),
                                   cpu_task_count((size_t)rows, CPU_TILE_ROWS));
    int blocks = cpu_task_count((size_t)rows, (size_t)most);
    blocks = cpu_task_count((size_t)blocks, (size_t)plan->block_sets) * plan->block_sets;
    plan->block_rows = cpu_task_count((size_t)rows, (size_t)blocks);
    plan->blocks_per_task =
        cpu_task_count((size_t)cpu_winograd_block_count(plan), (size_t)plan->block_sets);
    plan->source.points = cpu_winograd_matrices(products, rows, plan->source.view.c);
    plan->target.points = cpu_winograd_matrices(products, plan->block_rows, CPU_PANEL);
    plan->shared_floats = plan->source.points.floats;
    plan->thread_floats =
        plan->slab_floats + (size_t)cpu_winograd_kept_blocks(plan) * plan->target.points.floats;
}

// Weights that outnumber the rows at the points would come from the last cache again for each
// block.
static void share(const struct cpu_context *cpu, struct cpu_winograd_plan *plan)
{
    plan->by_panels = plan->tiles.rows < plan->target.view.c;
    if (plan->by_panels)
        share_panels(cpu, plan);
    else
        share_blocks(cpu, plan);
}

// A plan without its scratch.
static struct cpu_winograd_plan outline(struct cpu_context *cpu,
                                        enum clef_conv2d_algorithm algorithm,
                                        const struct clef_tensor *source,
                                        const struct clef_tensor *target,
                                        const struct clef_window *window, bool backward)
{
    const struct cpu_winograd_kernels *kernels = CPU_NAME(winograd_kernels)(algorithm);
    // Tap k of the reversed kernel is tap 2 - k.
    int pad_top = backward ? 2 - window->pad_top : window->pad_top;
    int pad_left = backward ? 2 - window->pad_left : window->pad_left;
    struct cpu_winograd_plan plan = {
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
    return plan;
}

static struct clef_plan_info describe(const struct cpu_context *cpu,
                                      const struct cpu_winograd_plan *plan,
                                      enum clef_conv2d_algorithm algorithm)
{
    double channels = plan->source.view.c, filters = plan->target.view.c;
    return (struct clef_plan_info){
        .scratch_floats = plan->shared_floats + (size_t)cpu->threads * plan->thread_floats,
        .flops = 2.0 * plan->tiles.products * plan->tiles.rows * channels * filters,
        .bytes = sizeof(float) * 3 * 3 * channels * filters,
        .algorithm = clef_conv2d_algorithm_name(algorithm),
    };
}

// Creates the plan that was outlined.
static clef_status create(void *context, struct cpu_winograd_plan *outlined, float *scratch,
                          struct clef_plan **result)
{
    struct clef_plan *base;
    CLEF_TRY(cpu_plan_create(context, sizeof *outlined, CPU_NAME(winograd_run), &base));
    struct cpu_winograd_plan *plan = (struct cpu_winograd_plan *)base;
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
    struct cpu_winograd_plan wanted =
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
    struct cpu_winograd_plan wanted =
        outline(context, algorithm, args->diff_dst, args->diff_src, &args->window, true);
    wanted.weights = cpu_view(args->weights).data;
    wanted.addend = cpu_view(args->addend).data;
    *info = describe(context, &wanted, algorithm);
    info->bytes += cpu_tensor_bytes(args->diff_dst) + cpu_tensor_bytes(args->diff_src) +
                   cpu_tensor_bytes(args->addend);
    return plan ? create(context, &wanted, cpu_view(scratch).data, plan) : CLEF_OK;
}
