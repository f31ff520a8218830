// SPDX-License-Identifier: Apache-2.0
// Forward and backward_data are one: backward_data is a convolution with the roles of channels and
// filters exchanged, the taps in reverse, and the padding that is left of two lines on each side.
#include "opencl/ocl_winograd.h"

#include "opencl/ocl_conv2d_product.h"
#include "opencl/ocl_winograd_steps.h"

struct pass {
    const struct clef_tensor *source, *weights, *target;
    const struct clef_tensor *bias, *addend; // NULL for none.
    bool relu, backward;
    int pad_top, pad_left;
};

static double bytes_of(const struct clef_tensor *t)
{
    return t ? (double)clef_tensor_count(t) * sizeof(float) : 0;
}

static clef_status make_plan(struct ocl_context *ocl, const struct pass *p,
                             const struct ocl_winograd_tiles *tiles,
                             const struct ocl_conv2d_config *config,
                             const struct ocl_conv2d_product *product,
                             const struct ocl_conv2d_geometry *geometry, struct clef_plan **plan)
{
    struct ocl_conv2d_work work;
    CLEF_TRY(ocl_conv2d_product_work(ocl, config, product, geometry, &work));
    struct ocl_plan *build = ocl_plan_begin(ocl);
    if (p->backward)
        ocl_winograd_launch_weights_transposed(build, ocl, tiles->winograd, p->weights,
                                               p->target->c, p->source->c, product->weights);
    else
        ocl_winograd_launch_weights(build, ocl, tiles->winograd, p->weights, p->source->c,
                                    p->target->c, product->weights);
    ocl_winograd_launch_input(build, ocl, tiles, p->source, product->source);
    ocl_conv2d_product_launch(build, product, geometry, &work);
    ocl_winograd_launch_output(build, ocl, tiles, product->target, p->bias, p->addend, p->relu,
                               p->target);
    ocl_conv2d_work_free(&work);
    return ocl_plan_end(build, plan);
}

static clef_status plan_pass(struct ocl_context *ocl, const struct ocl_winograd *winograd,
                             const struct pass *p, const struct clef_tensor *scratch,
                             struct clef_plan_info *info, struct clef_plan **plan)
{
    struct ocl_winograd_tiles tiles =
        ocl_winograd_tile(winograd, p->target, p->pad_top, p->pad_left);
    size_t used = 0;
    struct clef_tensor weights =
        ocl_winograd_weights(winograd, p->source->c, p->target->c, scratch, &used);
    struct clef_tensor values = ocl_winograd_values(&tiles, p->source->c, scratch, &used);
    struct clef_tensor sums = ocl_winograd_values(&tiles, p->target->c, scratch, &used);
    struct ocl_conv2d_product product = {.source = &values, .weights = &weights, .target = &sums};
    const struct ocl_conv2d_config *config;
    struct ocl_conv2d_geometry geometry;
    CLEF_TRY(ocl_conv2d_choose_config(ocl, OCL_CONV2D, clef_tensor_rows(&sums),
                                      ocl_conv2d_panels(&sums), &config));
    CLEF_TRY(ocl_conv2d_geometry_create_diagonal(&sums, &values, &geometry));
    *info = (struct clef_plan_info){
        .scratch_floats = used,
        .flops = 2 * geometry.pairs * p->source->c * p->target->c,
        .bytes =
            bytes_of(p->source) + bytes_of(p->weights) + bytes_of(p->target) + bytes_of(p->addend),
        .algorithm = winograd->algorithm,
    };
    clef_status status =
        plan ? make_plan(ocl, p, &tiles, config, &product, &geometry, plan) : CLEF_OK;
    ocl_conv2d_geometry_free(&geometry);
    return status;
}

clef_status ocl_winograd_forward(struct ocl_context *ocl, const struct ocl_winograd *winograd,
                                 const struct clef_conv2d_forward_args *args,
                                 const struct clef_tensor *scratch, struct clef_plan_info *info,
                                 struct clef_plan **plan)
{
    const struct pass pass = {
        .source = args->src,
        .weights = args->weights,
        .target = args->dst,
        .bias = args->bias,
        .relu = args->relu,
        .pad_top = args->window.pad_top,
        .pad_left = args->window.pad_left,
    };
    return plan_pass(ocl, winograd, &pass, scratch, info, plan);
}

clef_status ocl_winograd_backward_data(struct ocl_context *ocl, const struct ocl_winograd *winograd,
                                       const struct clef_conv2d_backward_data_args *args,
                                       const struct clef_tensor *scratch,
                                       struct clef_plan_info *info, struct clef_plan **plan)
{
    const struct pass pass = {
        .source = args->diff_dst,
        .weights = args->weights,
        .target = args->diff_src,
        .addend = args->addend,
        .backward = true,
        .pad_top = 2 - args->window.pad_top,
        .pad_left = 2 - args->window.pad_left,
    };
    return plan_pass(ocl, winograd, &pass, scratch, info, plan);
}
