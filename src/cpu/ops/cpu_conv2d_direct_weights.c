// SPDX-License-Identifier: Apache-2.0
// Convolution backward_weights, as the formula says: an outer product summed over the rows of all
// positions that see a tap.
#include "cpu/ops/cpu_conv2d_direct.h"
#include "cpu/ops/cpu_conv2d_outer.h"
#include "cpu/ops/cpu_tile.h"
#include "ops/adam.h"

#include <limits.h>
#include <stdlib.h>

// From this many blocks on, and with channels for less than a tile, positions are shared out, into
// this many parts.
#define MANY_BLOCKS 512
#define PARTS 16

struct weights_plan {
    struct cpu_plan base;
    struct cpu_conv2d_outer outer;
};

static clef_status weights_run(struct clef_plan *base, const struct clef_run_values *values)
{
    struct cpu_conv2d_outer *outer = &((struct weights_plan *)base)->outer;
    CPU_NAME(adam_begin)(&outer->adam, values);
    CPU_NAME(conv2d_outer_run)(outer);
    return CLEF_OK;
}

static void weights_destroy(struct clef_plan *base)
{
    CPU_NAME(conv2d_outer_free)(&((struct weights_plan *)base)->outer);
    free(base);
}

static int part_count(int block_count, int channels)
{
    if (block_count < MANY_BLOCKS && channels >= CPU_TILE_ROWS)
        return 1;
    return block_count < PARTS ? block_count : PARTS;
}

// Takes the outer product over.
static clef_status create(void *context, struct cpu_conv2d_outer *outer, float *scratch,
                          struct clef_plan **plan)
{
    struct clef_plan *base;
    clef_status status = cpu_plan_create(context, sizeof(struct weights_plan), weights_run, &base);
    if (status != CLEF_OK) {
        CPU_NAME(conv2d_outer_free)(outer);
        return status;
    }
    base->destroy = weights_destroy;
    struct weights_plan *weights = (struct weights_plan *)base;
    weights->outer = *outer;
    status = CPU_NAME(conv2d_outer_prepare)(&weights->outer, scratch);
    if (status != CLEF_OK) {
        weights_destroy(base);
        return status;
    }
    *plan = base;
    return CLEF_OK;
}

clef_status CPU_NAME(conv2d_direct_backward_weights)(
    void *context, const struct clef_conv2d_backward_weights_args *args,
    const struct clef_tensor *scratch, struct clef_plan_info *info, struct clef_plan **plan)
{
    const struct clef_tensor *src = args->src, *diff_dst = args->diff_dst;
    struct cpu_conv2d_outer outer = {
        .cpu = context,
        .src = cpu_view(src),
        .diff_dst = cpu_view(diff_dst),
        .panel_floats =
            (size_t)(args->window.kernel_h * args->window.kernel_w) * (size_t)src->c * CPU_PANEL,
        .panels_per_task = src->c < CPU_TILE_ROWS ? INT_MAX : 1,
        .diff_weights = cpu_view(args->diff_weights).data,
        .diff_bias = cpu_view(args->diff_bias).data,
        .keeps_gradient = args->diff_weights != NULL,
        .adam = CPU_NAME(adam_of_weights)(args->update),
    };
    CLEF_TRY(cpu_conv2d_runs_create(CPU_CONV2D_FORWARD, diff_dst, src, &args->window, CPU_TILE_ROWS,
                                    &outer.runs));
    outer.parts = part_count(cpu_conv2d_count_blocks(&outer.runs, CPU_CHAIN_LENGTH), src->c);
    CPU_NAME(conv2d_outer_share)(&outer);
    *info = (struct clef_plan_info){
        .scratch_floats = outer.scratch_floats,
        .flops = 2 * outer.runs.multiply_adds * diff_dst->c,
        .bytes = sizeof(float) * (double)(clef_tensor_count(src) + clef_tensor_count(diff_dst)),
        .algorithm = "direct",
    };
    clef_add_gradient_cost(info, args->diff_weights, args->update,
                           (double)outer.runs.weight_rows * diff_dst->c);
    if (plan)
        return create(context, &outer, cpu_view(scratch).data, plan);
    CPU_NAME(conv2d_outer_free)(&outer);
    return CLEF_OK;
}
