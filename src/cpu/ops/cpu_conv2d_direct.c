// SPDX-License-Identifier: Apache-2.0
// Convolution forward and backward_data, as the formula says: for each target row and panel, one
// batch-reduce product over the taps that lie inside of the image. backward_data is the same
// product with the roles of filters and channels exchanged.
#include "cpu/ops/cpu_conv2d_direct.h"
#include "cpu/ops/cpu_conv2d_few_rows.h"
#include "cpu/ops/cpu_conv2d_image_lanes.h"
#include "cpu/ops/cpu_conv2d_product.h"
#include "cpu/ops/cpu_tile.h"

#include <stdlib.h>

struct conv2d_plan {
    struct cpu_plan base;
    struct cpu_conv2d_product product;
};

static clef_status conv2d_run(struct clef_plan *base, const struct clef_run_values *values)
{
    (void)values;
    CPU_NAME(conv2d_product_run)(&((struct conv2d_plan *)base)->product);
    return CLEF_OK;
}

static void conv2d_destroy(struct clef_plan *base)
{
    struct cpu_conv2d_product *product = &((struct conv2d_plan *)base)->product;
    CPU_NAME(conv2d_product_free)(product);
    free(product->ready);
    free(product->transposed);
    free(base);
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
    plan->product = (struct cpu_conv2d_product){
        .cpu = plan->base.cpu,
        .runs = *runs,
        .target = cpu_view(target),
        .source = cpu_view(source),
        .panel_floats =
            (size_t)(window->kernel_h * window->kernel_w) * (size_t)source->c * CPU_PANEL,
    };
    status = CPU_NAME(conv2d_product_prepare)(&plan->product);
    if (status != CLEF_OK) {
        conv2d_destroy(base);
        return status;
    }
    *result = base;
    return CLEF_OK;
}

static double weight_bytes(const struct cpu_conv2d_runs *runs, int columns)
{
    return (double)runs->weight_rows * columns * sizeof(float);
}

clef_status CPU_NAME(conv2d_direct_forward)(void *context,
                                            const struct clef_conv2d_forward_args *args,
                                            const struct clef_tensor *scratch,
                                            struct clef_plan_info *info, struct clef_plan **plan)
{
    (void)scratch;
    struct cpu_conv2d_runs runs;
    CLEF_TRY(cpu_conv2d_runs_create(CPU_CONV2D_FORWARD, args->dst, args->src, &args->window,
                                    CPU_TILE_ROWS, &runs));
    *info = (struct clef_plan_info){
        .flops = 2 * runs.multiply_adds * args->dst->c,
        .bytes = cpu_tensor_bytes(args->src) + weight_bytes(&runs, args->dst->c) +
                 cpu_tensor_bytes(args->dst),
        .algorithm = "direct",
    };
    if (!plan) {
        cpu_conv2d_runs_free(&runs);
        return CLEF_OK;
    }
    CLEF_TRY(create(context, args->dst, args->src, &args->window, &runs, plan));
    struct cpu_conv2d_product *conv = &((struct conv2d_plan *)*plan)->product;
    conv->weights = cpu_view(args->weights).data;
    conv->bias = cpu_view(args->bias).data;
    conv->relu = args->relu;
    return CLEF_OK;
}

static clef_status create_transposed_panels(struct cpu_conv2d_product *product,
                                            const float *weights,
                                            const struct clef_weights_layout *layout, float *rows)
{
    size_t threads = (size_t)product->cpu->threads;
    size_t squares = cpu_transposed_square_count(layout);
    product->transposed = calloc(threads, sizeof *product->transposed);
    product->ready = calloc(threads * squares, sizeof *product->ready);
    if (!product->transposed || !product->ready)
        return clef_fail(CLEF_OUT_OF_MEMORY, "conv2d: no host memory for %zu threads", threads);
    for (size_t i = 0; i < threads; i++)
        product->transposed[i] = (struct cpu_transposed_panel){
            .weights = weights,
            .layout = *layout,
            .rows = rows + i * cpu_transposed_row_count(layout) * CPU_PANEL,
            .ready = product->ready + i * squares,
        };
    return CLEF_OK;
}

clef_status CPU_NAME(conv2d_direct_backward_data)(void *context,
                                                  const struct clef_conv2d_backward_data_args *args,
                                                  const struct clef_tensor *scratch,
                                                  struct clef_plan_info *info,
                                                  struct clef_plan **plan)
{
    struct cpu_conv2d_runs runs;
    CLEF_TRY(cpu_conv2d_runs_create(CPU_CONV2D_BACKWARD_DATA, args->diff_src, args->diff_dst,
                                    &args->window, CPU_TILE_ROWS, &runs));
    struct clef_weights_layout layout = {args->window.kernel_h, args->window.kernel_w,
                                         args->diff_src->c, args->diff_dst->c, CPU_PANEL};
    size_t threads = (size_t)((struct cpu_context *)context)->threads;
    bool few_rows = CPU_NAME(conv2d_few_rows_serves)(args);
    bool image_lanes = !few_rows && CPU_NAME(conv2d_image_lanes_pay)(args, runs.weight_rows);
    *info = (struct clef_plan_info){
        .scratch_floats = few_rows      ? CPU_NAME(conv2d_few_rows_scratch)(args)
                          : image_lanes ? CPU_NAME(conv2d_image_lanes_scratch)(args)
                                        : threads * cpu_transposed_row_count(&layout) * CPU_PANEL,
        .flops = 2 * runs.multiply_adds * args->diff_src->c,
        .bytes = cpu_tensor_bytes(args->diff_src) + weight_bytes(&runs, args->diff_src->c) +
                 cpu_tensor_bytes(args->diff_dst) + cpu_tensor_bytes(args->addend),
        .algorithm = "direct",
    };
    if (!plan || few_rows || image_lanes)
        cpu_conv2d_runs_free(&runs);
    if (!plan)
        return CLEF_OK;
    if (few_rows)
        return CPU_NAME(conv2d_few_rows_create)(context, args, scratch, plan);
    if (image_lanes)
        return CPU_NAME(conv2d_image_lanes_create)(context, args, scratch, plan);
    CLEF_TRY(create(context, args->diff_src, args->diff_dst, &args->window, &runs, plan));
    struct cpu_conv2d_product *conv = &((struct conv2d_plan *)*plan)->product;
    conv->addend = cpu_view(args->addend).data;
    clef_status status = create_transposed_panels(conv, cpu_view(args->weights).data, &layout,
                                                  cpu_view(scratch).data);
    if (status != CLEF_OK) {
        conv2d_destroy(*plan);
        *plan = NULL;
    }
    return status;
}
