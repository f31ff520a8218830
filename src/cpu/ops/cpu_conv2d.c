// SPDX-License-Identifier: Apache-2.0
// Convolution forward and backward_data: for each target row and panel, one batch-reduce product
// over the taps that lie inside of the image. backward_data is the same product with the roles of
// filters and channels exchanged, so it first transposes the panels that can be reached.
#include "cpu/cpu_conv2d_runs.h"
#include "cpu/ops/cpu_tile.h"
#include "cpu/ops/cpu_transpose.h"

#include <stdlib.h>

// Tiles of one task. Large enough that a panel of weights read from L2 is used many times, small
// enough to balance the load of few threads.
#define TILES_PER_BLOCK 11

// Below this many tasks blocks are made smaller, so that several threads have work.
#define MIN_TASKS 24

// A panel set larger than this does not stay in L2 beside the source; panels are then the outer
// loop.
#define RESIDENT_WEIGHTS_BYTES (256 * 1024)

struct block {
    int run, first_row, rows, repeat;
};

// A panel-by-panel transposition: weights(tap, i, o) from panels of o to panels of i.
struct transposition {
    const float *src;
    float *dst;                        // NULL if none is needed.
    struct clef_weights_layout layout; // Of src.
    int *taps;                         // Those that some position reaches.
    int tap_count;
};

struct conv2d_plan {
    struct cpu_plan base;
    struct cpu_conv2d_runs runs;
    struct block *blocks;
    int block_count;
    int panels;          // Of the target's channels.
    size_t panel_floats; // Of one panel of weights.
    bool panels_outer;
    struct cpu_view target, source;
    const float *weights, *bias, *addend;
    bool relu;
    struct transposition transposition;
};

static void run_task(void *argument, int task, int thread)
{
    (void)thread;
    const struct conv2d_plan *plan = argument;
    int panel = plan->panels_outer ? task / plan->block_count : task % plan->panels;
    const struct block *block =
        &plan->blocks[plan->panels_outer ? task % plan->block_count : task / plan->panels];
    const struct cpu_conv2d_run *run = &plan->runs.runs[block->run];

    int channel = panel * CPU_PANEL;
    int lanes = plan->target.c - channel < CPU_PANEL ? plan->target.c - channel : CPU_PANEL;
    size_t repeat = (size_t)block->repeat, first_row = (size_t)block->first_row;
    size_t dst = run->dst + repeat * run->dst_repeat + first_row * run->dst_row + (size_t)channel;
    const float *src = plan->source.data + repeat * run->src_repeat + first_row * run->src_row;

    CPU_FOR_EACH_TILE(row, rows, block->rows)
    {
        struct cpu_tile_input in = {
            .src = src + (size_t)row * run->src_row,
            .src_row = run->src_row,
            .element_stride = plan->runs.element_stride,
            .weights = plan->weights + (size_t)panel * plan->panel_floats,
            .segments = plan->runs.segments + run->first_segment,
            .segment_count = run->segments,
        };
        size_t offset = dst + (size_t)row * run->dst_row;
        struct cpu_tile_output out = {
            .dst = plan->target.data + offset,
            .dst_row = run->dst_row,
            .bias = plan->bias ? plan->bias + channel : NULL,
            .addend = plan->addend ? plan->addend + offset : NULL,
            .lanes = lanes,
            .relu = plan->relu,
        };
        CPU_NAME(tile_multiply)(rows, &in, &out);
    }
}

static int count_blocks(const struct cpu_conv2d_runs *runs, int rows_per_block)
{
    int count = 0;
    for (int i = 0; i < runs->run_count; i++)
        count += cpu_task_count((size_t)runs->runs[i].rows, (size_t)rows_per_block) *
                 runs->runs[i].repeats;
    return count;
}

static clef_status make_blocks(struct conv2d_plan *plan)
{
    const struct cpu_conv2d_runs *runs = &plan->runs;
    int tiles = TILES_PER_BLOCK;
    while (tiles > 1 && count_blocks(runs, tiles * CPU_TILE_ROWS) * plan->panels < MIN_TASKS)
        tiles = (tiles + 1) / 2;
    int limit = tiles * CPU_TILE_ROWS;
    plan->blocks = malloc((size_t)count_blocks(runs, limit) * sizeof *plan->blocks);
    if (!plan->blocks)
        return clef_fail(CLEF_OUT_OF_MEMORY, "conv2d: no host memory for the list of blocks");
    for (int i = 0; i < runs->run_count; i++) {
        const struct cpu_conv2d_run *run = &runs->runs[i];
        for (int repeat = 0; repeat < run->repeats; repeat++)
            for (int row = 0; row < run->rows; row += limit)
                plan->blocks[plan->block_count++] = (struct block){
                    i, row, run->rows - row < limit ? run->rows - row : limit, repeat};
    }
    return CLEF_OK;
}

static void transpose_task(void *argument, int task, int thread)
{
    (void)thread;
    const struct transposition *t = argument;
    const struct clef_weights_layout *l = &t->layout;
    int taps = l->kernel_h * l->kernel_w;
    int tap = t->taps[task % t->tap_count], in_panel = task / t->tap_count;
    int channels =
        l->in - in_panel * CPU_PANEL < CPU_PANEL ? l->in - in_panel * CPU_PANEL : CPU_PANEL;
    float *dst = t->dst + (size_t)(in_panel * taps + tap) * (size_t)l->out * CPU_PANEL;
    for (int first = 0; first < l->out; first += CPU_PANEL, dst += CPU_PANEL * CPU_PANEL) {
        const float *src =
            t->src + (((size_t)(first / CPU_PANEL) * (size_t)taps + (size_t)tap) * (size_t)l->in +
                      (size_t)in_panel * CPU_PANEL) *
                         CPU_PANEL;
        int filters = l->out - first < CPU_PANEL ? l->out - first : CPU_PANEL;
        if (filters == CPU_PANEL && channels == CPU_PANEL) {
            for (int o = 0; o < CPU_PANEL; o += CPU_LANES)
                for (int i = 0; i < CPU_PANEL; i += CPU_LANES)
                    cpu_transpose(src + i * CPU_PANEL + o, dst + o * CPU_PANEL + i);
        } else {
            for (int o = 0; o < filters; o++)
                for (int i = 0; i < CPU_PANEL; i++)
                    dst[o * CPU_PANEL + i] = i < channels ? src[i * CPU_PANEL + o] : 0;
        }
    }
}

static clef_status conv2d_run(struct clef_plan *base, const struct clef_run_values *values)
{
    (void)values;
    struct conv2d_plan *plan = (struct conv2d_plan *)base;
    struct transposition *t = &plan->transposition;
    if (t->dst)
        cpu_parallel_for(plan->base.cpu, t->tap_count * plan->panels, transpose_task, t);
    cpu_parallel_for(plan->base.cpu, plan->block_count * plan->panels, run_task, plan);
    return CLEF_OK;
}

static void conv2d_destroy(struct clef_plan *base)
{
    struct conv2d_plan *plan = (struct conv2d_plan *)base;
    cpu_conv2d_runs_free(&plan->runs);
    free(plan->blocks);
    free(plan->transposition.taps);
    free(plan);
}

static clef_status find_reached_taps(struct conv2d_plan *plan, int taps)
{
    bool *reached = calloc((size_t)taps, sizeof *reached);
    struct transposition *t = &plan->transposition;
    t->taps = malloc((size_t)taps * sizeof *t->taps);
    if (!reached || !t->taps) {
        free(reached);
        return clef_fail(CLEF_OUT_OF_MEMORY, "conv2d: no host memory for the list of taps");
    }
    for (int r = 0; r < plan->runs.run_count; r++)
        for (int s = 0; s < plan->runs.runs[r].segments; s++)
            reached[plan->runs.segments[plan->runs.runs[r].first_segment + s].group] = true;
    for (int tap = 0; tap < taps; tap++)
        if (reached[tap])
            t->taps[t->tap_count++] = tap;
    free(reached);
    return CLEF_OK;
}

// Creates a plan with its runs and blocks, everything else still to be filled in.
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
    plan->panels_outer =
        (size_t)plan->panels * plan->panel_floats * sizeof(float) > RESIDENT_WEIGHTS_BYTES;
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
        .bytes = tensor_bytes(args->src) + tensor_bytes(args->weights) + tensor_bytes(args->dst),
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
    struct clef_weights_layout transposed = layout;
    transposed.in = layout.out;
    transposed.out = layout.in;
    *info = (struct clef_plan_info){
        .scratch_floats = clef_weights_count(&transposed),
        .flops = 2 * runs.multiply_adds * args->diff_src->c,
        .bytes = tensor_bytes(args->diff_src) + tensor_bytes(args->weights) +
                 tensor_bytes(args->diff_dst) + tensor_bytes(args->addend),
        .algorithm = "direct",
    };
    if (!plan) {
        cpu_conv2d_runs_free(&runs);
        return CLEF_OK;
    }
    CLEF_TRY(create(context, args->diff_src, args->diff_dst, &args->window, &runs, plan));
    struct conv2d_plan *conv = (struct conv2d_plan *)*plan;
    conv->transposition.src = cpu_view(args->weights).data;
    conv->transposition.dst = cpu_view(scratch).data;
    conv->transposition.layout = layout;
    conv->weights = conv->transposition.dst;
    conv->addend = cpu_view(args->addend).data;
    clef_status status = find_reached_taps(conv, layout.kernel_h * layout.kernel_w);
    if (status != CLEF_OK) {
        conv2d_destroy(*plan);
        *plan = NULL;
    }
    return status;
}
