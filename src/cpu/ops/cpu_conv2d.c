// SPDX-License-Identifier: Apache-2.0
// Convolution forward and backward_data: for each target row and panel, one batch-reduce product
// over the taps that lie inside of the image. backward_data is the same product with the roles of
// filters and channels exchanged.
//
// A task has one panel and some blocks of target rows. For each block it walks the reduction chain
// by chain: a chain's weights, 64 rows of a panel, stay in the first-level cache for all tiles of
// the block.
#include "cpu/cpu_conv2d_runs.h"
#include "cpu/ops/cpu_conv2d_image_lanes.h"
#include "cpu/ops/cpu_tile.h"
#include "cpu/ops/cpu_tile_finish.h"
#include "cpu/ops/cpu_transposed_panel.h"

#include <stdlib.h>

// Target rows of a block: enough to use a chain's weights many times, few enough for their sums to
// stay in the first-level cache.
#define BLOCK_TILES (CPU_TILE_ROWS > 6 ? 6 : 11)
#define BLOCK_ROWS (BLOCK_TILES * CPU_TILE_ROWS)

// Below this many tasks for each thread, blocks are made smaller and tasks have fewer of them.
#define TASKS_PER_THREAD 8

struct conv2d_plan {
    struct cpu_plan base;
    struct cpu_conv2d_runs runs;
    struct cpu_conv2d_block *blocks;
    int block_count;
    int panels;          // Of the target's channels.
    int groups;          // Of blocks; a task is a panel and a group.
    size_t panel_floats; // Of one panel of weights.
    struct cpu_view target, source;
    const float *weights, *bias, *addend;
    bool relu;
    struct cpu_transposed_panel *transposed; // Per thread; NULL if weights are used as they are.
};

// What a task multiplies its blocks with.
struct panel {
    int index;
    const float *weights;
    struct cpu_transposed_panel *transposed; // The owner of `weights`, or NULL.
};

static void need_weights(const struct panel *panel, const struct cpu_conv2d_segment *segments,
                         int count)
{
    for (int s = 0; s < count; s++)
        cpu_transposed_panel_need(panel->transposed, segments[s].weight, segments[s].length);
}

static void multiply_block(const struct conv2d_plan *plan, const struct panel *panel,
                           const struct cpu_conv2d_block *block, float *sums)
{
    const struct cpu_conv2d_run *run = &plan->runs.runs[block->run];
    const struct cpu_conv2d_chain *chain = plan->runs.chains + run->first_chain;
    struct cpu_tile_input in = {
        .src_row = run->src_row,
        .element_stride = plan->runs.element_stride,
        .weights = panel->weights,
    };
    const float *src = plan->source.data + (size_t)block->repeat * run->src_repeat +
                       (size_t)block->first_row * run->src_row;
    for (int c = 0; c < run->chains; c++, chain++) {
        in.segments = plan->runs.segments + chain->first_segment;
        in.segment_count = chain->segments;
        if (panel->transposed)
            need_weights(panel, in.segments, in.segment_count);
        CPU_FOR_EACH_TILE(row, rows, block->rows)
        {
            in.src = src + (size_t)row * run->src_row;
            CPU_NAME(tile_multiply)(rows, &in, c == 0, sums + (size_t)row * CPU_PANEL);
        }
    }
    if (run->chains == 0)
        memset(sums, 0, (size_t)block->rows * CPU_PANEL * sizeof *sums);
}

static void finish_block(const struct conv2d_plan *plan, int panel,
                         const struct cpu_conv2d_block *block, const float *sums)
{
    const struct cpu_conv2d_run *run = &plan->runs.runs[block->run];
    int channel = panel * CPU_PANEL;
    size_t offset = run->dst + (size_t)block->repeat * run->dst_repeat +
                    (size_t)block->first_row * run->dst_row + (size_t)channel;
    struct cpu_tile_output out = {
        .dst = plan->target.data + offset,
        .dst_row = run->dst_row,
        .bias = plan->bias ? plan->bias + channel : NULL,
        .addend = plan->addend ? plan->addend + offset : NULL,
        .lanes = plan->target.c - channel < CPU_PANEL ? plan->target.c - channel : CPU_PANEL,
        .relu = plan->relu,
    };
    cpu_tile_finish(block->rows, sums, &out);
}

static void run_task(void *argument, int task, int thread)
{
    const struct conv2d_plan *plan = argument;
    int group = task % plan->groups;
    int first = (int)((long)plan->block_count * group / plan->groups);
    int end = (int)((long)plan->block_count * (group + 1) / plan->groups);
    struct panel panel = {.index = task / plan->groups};
    if (plan->transposed) {
        panel.transposed = &plan->transposed[thread];
        cpu_transposed_panel_reset(panel.transposed, panel.index);
        panel.weights = panel.transposed->rows;
    } else {
        panel.weights = plan->weights + (size_t)panel.index * plan->panel_floats;
    }
    _Alignas(CPU_ALIGNMENT) float sums[BLOCK_ROWS * CPU_PANEL];
    for (int b = first; b < end; b++) {
        multiply_block(plan, &panel, &plan->blocks[b], sums);
        finish_block(plan, panel.index, &plan->blocks[b], sums);
    }
}

static clef_status conv2d_run(struct clef_plan *base, const struct clef_run_values *values)
{
    (void)values;
    struct conv2d_plan *plan = (struct conv2d_plan *)base;
    cpu_parallel_for(plan->base.cpu, plan->panels * plan->groups, run_task, plan);
    return CLEF_OK;
}

static void conv2d_destroy(struct clef_plan *base)
{
    struct conv2d_plan *plan = (struct conv2d_plan *)base;
    cpu_conv2d_runs_free(&plan->runs);
    if (plan->transposed)
        free(plan->transposed->ready);
    free(plan->transposed);
    free(plan->blocks);
    free(plan);
}

static clef_status make_blocks(struct conv2d_plan *plan)
{
    int wanted = TASKS_PER_THREAD * plan->base.cpu->threads;
    int tiles = BLOCK_TILES;
    while (tiles > 1 &&
           cpu_conv2d_count_blocks(&plan->runs, tiles * CPU_TILE_ROWS) * plan->panels < wanted)
        tiles = (tiles + 1) / 2;
    plan->block_count = cpu_conv2d_count_blocks(&plan->runs, tiles * CPU_TILE_ROWS);
    plan->groups = cpu_task_count((size_t)wanted, (size_t)plan->panels);
    if (plan->groups > plan->block_count)
        plan->groups = plan->block_count;
    return cpu_conv2d_make_blocks(&plan->runs, tiles * CPU_TILE_ROWS, &plan->blocks);
}

// Creates a plan with its runs and blocks, everything else still to be filled in. Takes the runs
// over.
static clef_status create(void *context, const struct clef_tensor *target,
                          const struct clef_tensor *source, const struct clef_window *window,
                          struct cpu_conv2d_runs *runs, struct clef_plan **result)
{
    struct clef_plan *base;
    clef_status status = cpu_plan_create(context, sizeof(struct conv2d_plan), conv2d_run, &base);
    if (status != CLEF_OK) {
        cpu_conv2d_runs_free(runs);
        return status;
    }
    base->destroy = conv2d_destroy;
    struct conv2d_plan *plan = (struct conv2d_plan *)base;
    plan->runs = *runs;
    plan->target = cpu_view(target);
    plan->source = cpu_view(source);
    plan->panels = (target->c + CPU_PANEL - 1) / CPU_PANEL;
    plan->panel_floats =
        (size_t)(window->kernel_h * window->kernel_w) * (size_t)source->c * CPU_PANEL;
    status = cpu_conv2d_runs_chain(&plan->runs, CPU_CHAIN_LENGTH);
    if (status == CLEF_OK)
        status = make_blocks(plan);
    if (status != CLEF_OK) {
        conv2d_destroy(base);
        return status;
    }
    *result = base;
    return CLEF_OK;
}

static double tensor_bytes(const struct clef_tensor *tensor)
{
    return tensor ? (double)clef_tensor_count(tensor) * sizeof(float) : 0;
}

static double weight_bytes(const struct cpu_conv2d_runs *runs, int columns)
{
    return (double)runs->weight_rows * columns * sizeof(float);
}

clef_status CPU_NAME(conv2d_forward)(void *context, const struct clef_conv2d_forward_args *args,
                                     const struct clef_tensor *scratch, struct clef_plan_info *info,
                                     struct clef_plan **plan)
{
    (void)scratch;
    struct cpu_conv2d_runs runs;
    CLEF_TRY(cpu_conv2d_runs_create(CPU_CONV2D_FORWARD, args->dst, args->src, &args->window,
                                    CPU_TILE_ROWS, &runs));
    *info = (struct clef_plan_info){
        .flops = 2 * runs.multiply_adds * args->dst->c,
        .bytes =
            tensor_bytes(args->src) + weight_bytes(&runs, args->dst->c) + tensor_bytes(args->dst),
        .algorithm = "direct",
    };
    if (!plan) {
        cpu_conv2d_runs_free(&runs);
        return CLEF_OK;
    }
    CLEF_TRY(create(context, args->dst, args->src, &args->window, &runs, plan));
    struct conv2d_plan *conv = (struct conv2d_plan *)*plan;
    conv->weights = cpu_view(args->weights).data;
    conv->bias = cpu_view(args->bias).data;
    conv->relu = args->relu;
    return CLEF_OK;
}

static clef_status create_transposed_panels(struct conv2d_plan *plan, const float *weights,
                                            const struct clef_weights_layout *layout, float *rows)
{
    size_t threads = (size_t)plan->base.cpu->threads;
    size_t squares = cpu_transposed_square_count(layout);
    plan->transposed = calloc(threads, sizeof *plan->transposed);
    bool *ready = calloc(threads * squares, sizeof *ready);
    if (!plan->transposed || !ready) {
        free(ready);
        return clef_fail(CLEF_OUT_OF_MEMORY, "conv2d: no host memory for %zu threads", threads);
    }
    for (size_t i = 0; i < threads; i++)
        plan->transposed[i] = (struct cpu_transposed_panel){
            .weights = weights,
            .layout = *layout,
            .rows = rows + i * cpu_transposed_row_count(layout) * CPU_PANEL,
            .ready = ready + i * squares,
        };
    return CLEF_OK;
}

clef_status CPU_NAME(conv2d_backward_data)(void *context,
                                           const struct clef_conv2d_backward_data_args *args,
                                           const struct clef_tensor *scratch,
                                           struct clef_plan_info *info, struct clef_plan **plan)
{
    struct cpu_conv2d_runs runs;
    CLEF_TRY(cpu_conv2d_runs_create(CPU_CONV2D_BACKWARD_DATA, args->diff_src, args->diff_dst,
                                    &args->window, CPU_TILE_ROWS, &runs));
    struct clef_weights_layout layout = {args->window.kernel_h, args->window.kernel_w,
                                         args->diff_src->c, args->diff_dst->c, CPU_PANEL};
    size_t threads = (size_t)((struct cpu_context *)context)->threads;
    bool image_lanes = CPU_NAME(conv2d_image_lanes_pay)(args, runs.weight_rows);
    *info = (struct clef_plan_info){
        .scratch_floats = image_lanes ? CPU_NAME(conv2d_image_lanes_scratch)(args)
                                      : threads * cpu_transposed_row_count(&layout) * CPU_PANEL,
        .flops = 2 * runs.multiply_adds * args->diff_src->c,
        .bytes = tensor_bytes(args->diff_src) + weight_bytes(&runs, args->diff_src->c) +
                 tensor_bytes(args->diff_dst) + tensor_bytes(args->addend),
        .algorithm = "direct",
    };
    if (!plan || image_lanes)
        cpu_conv2d_runs_free(&runs);
    if (!plan)
        return CLEF_OK;
    if (image_lanes)
        return CPU_NAME(conv2d_image_lanes_create)(context, args, scratch, plan);
    CLEF_TRY(create(context, args->diff_src, args->diff_dst, &args->window, &runs, plan));
    struct conv2d_plan *conv = (struct conv2d_plan *)*plan;
    conv->addend = cpu_view(args->addend).data;
    clef_status status = create_transposed_panels(conv, cpu_view(args->weights).data, &layout,
                                                  cpu_view(scratch).data);
    if (status != CLEF_OK) {
        conv2d_destroy(*plan);
        *plan = NULL;
    }
    return status;
}
