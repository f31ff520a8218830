// SPDX-License-Identifier: Apache-2.0
// Forward and backward_data are one: backward_data is a convolution with the roles of channels and
// filters exchanged, the taps in reverse, and the padding that is left of two lines on each side.
#include "opencl/ocl_winograd.h"

#include "opencl/ocl_winograd_block.h"
#include "opencl/ocl_winograd_panels.h"

struct pass {
    const struct clef_tensor *weights;
    struct ocl_conv2d_product product; // Of the images, and the weights at the points.
    bool backward;
    int pad_top, pad_left;
};

static double bytes_of(const struct clef_tensor *t)
{
    return t ? (double)clef_tensor_count(t) * sizeof(float) : 0;
}

static void launch_weights(struct ocl_plan *build, const struct ocl_context *ocl,
                           const struct ocl_winograd *winograd, const struct pass *p)
{
    const struct ocl_conv2d_product *product = &p->product;
    if (p->backward)
        ocl_winograd_launch_weights_transposed(build, ocl, winograd, p->weights, product->target->c,
                                               product->source->c, product->weights);
    else
        ocl_winograd_launch_weights(build, ocl, winograd, p->weights, product->source->c,
                                    product->target->c, product->weights);
}

// Of the whole source at the points, panel by panel.
static clef_status plan_panels(struct ocl_context *ocl, const struct ocl_conv2d_config *config,
                               const struct ocl_winograd_tiles *tiles,
                               const struct ocl_winograd_panels *panels,
                               const struct clef_tensor *values, const struct pass *p,
                               struct clef_plan **plan)
{
    struct ocl_conv2d_product product = p->product;
    product.source = values;
    product.weights = p->weights;
    product.transposed = p->backward;
    struct ocl_plan *build = ocl_plan_begin(ocl);
    ocl_winograd_launch_input(build, ocl, tiles, p->product.source, values);
    ocl_winograd_launch_panels(build, ocl, config, tiles, panels, &product);
    return ocl_plan_end(build, plan);
}

// Block by block of the rows.
static clef_status plan_blocks(struct ocl_context *ocl, const struct ocl_conv2d_config *config,
                               const struct ocl_winograd_tiles *tiles,
                               const struct ocl_winograd_blocks *blocks, const struct pass *p,
                               struct clef_plan **plan)
{
    struct ocl_plan *build = ocl_plan_begin(ocl);
    launch_weights(build, ocl, tiles->winograd, p);
    ocl_winograd_launch_blocks(build, ocl, config, tiles, blocks, &p->product);
    return ocl_plan_end(build, plan);
}

// Of the whole source and target at the points, one after the other.
static clef_status plan_whole(struct ocl_context *ocl, const struct ocl_conv2d_config *config,
                              const struct ocl_winograd_tiles *tiles,
                              const struct ocl_conv2d_product *points, const struct pass *p,
                              struct clef_plan **plan)
{
    struct ocl_conv2d_geometry geometry;
    struct ocl_conv2d_work work;
    CLEF_TRY(ocl_conv2d_geometry_create_diagonal(
        points->target, points->source, ocl_winograd_weight_rows(points->source->c), &geometry));
    clef_status status = ocl_conv2d_product_work(ocl, config, points, &geometry, &work);
    if (status == CLEF_OK) {
        struct ocl_plan *build = ocl_plan_begin(ocl);
        launch_weights(build, ocl, tiles->winograd, p);
        ocl_winograd_launch_input(build, ocl, tiles, p->product.source, points->source);
        ocl_conv2d_product_launch(build, points, &geometry, &work);
        ocl_winograd_launch_output(build, ocl, tiles, points->target, p->product.bias,
                                   p->product.addend, p->product.relu, p->product.target);
        status = ocl_plan_end(build, plan);
        ocl_conv2d_work_free(&work);
    }
    ocl_conv2d_geometry_free(&geometry);
    return status;
}

// The pass is a copy: it gets weights of this function.
static clef_status plan_pass(struct ocl_context *ocl, const struct ocl_winograd *winograd,
                             struct pass p, const struct clef_tensor *scratch,
                             struct clef_plan_info *info, struct clef_plan **plan)
{
    const struct clef_tensor *source = p.product.source, *target = p.product.target;
    struct ocl_winograd_tiles tiles = ocl_winograd_tile(winograd, target, p.pad_top, p.pad_left);
    const struct ocl_conv2d_config *config;
    size_t used = 0, points = ocl_winograd_points(winograd);
    CLEF_TRY(ocl_conv2d_choose_config(ocl, OCL_CONV2D, points * tiles.rows,
                                      ocl_conv2d_panels(target), &config));
    struct ocl_winograd_panels panels = ocl_winograd_cut_panels(ocl, config, &tiles, target->c);
    struct ocl_winograd_blocks blocks = ocl_winograd_cut(ocl, config, &tiles, source->c, target->c);
    bool by_panels = panels.floats > 0, by_blocks = !by_panels && blocks.rows > 0;
    struct clef_tensor weights = {0}, values = {0}, sums = {0};
    if (!by_panels)
        weights = ocl_winograd_weights(winograd, source->c, target->c, scratch, &used);
    if (!by_blocks)
        values = ocl_winograd_values(&tiles, source->c, scratch, &used);
    if (!by_panels && !by_blocks)
        sums = ocl_winograd_values(&tiles, target->c, scratch, &used);
    p.product.weights = &weights;
    *info = (struct clef_plan_info){
        .scratch_floats = used,
        .flops = 2.0 * (double)(points * tiles.rows) * source->c * target->c,
        .bytes =
            bytes_of(source) + bytes_of(p.weights) + bytes_of(target) + bytes_of(p.product.addend),
        .algorithm = winograd->algorithm,
    };
    if (!plan)
        return CLEF_OK;
    if (by_panels)
        return plan_panels(ocl, config, &tiles, &panels, &values, &p, plan);
    if (by_blocks)
        return plan_blocks(ocl, config, &tiles, &blocks, &p, plan);
    struct ocl_conv2d_product at_points = {.source = &values, .weights = &weights, .target = &sums};
    return plan_whole(ocl, config, &tiles, &at_points, &p, plan);
}

clef_status ocl_winograd_forward(struct ocl_context *ocl, const struct ocl_winograd *winograd,
                                 const struct clef_conv2d_forward_args *args,
                                 const struct clef_tensor *scratch, struct clef_plan_info *info,
                                 struct clef_plan **plan)
{
    const struct pass pass = {
        .weights = args->weights,
        .product = {.source = args->src,
                    .target = args->dst,
                    .bias = args->bias,
                    .relu = args->relu},
        .pad_top = args->window.pad_top,
        .pad_left = args->window.pad_left,
    };
    return plan_pass(ocl, winograd, pass, scratch, info, plan);
}

clef_status ocl_winograd_backward_data(struct ocl_context *ocl, const struct ocl_winograd *winograd,
                                       const struct clef_conv2d_backward_data_args *args,
                                       const struct clef_tensor *scratch,
                                       struct clef_plan_info *info, struct clef_plan **plan)
{
    const struct pass pass = {
        .weights = args->weights,
        .product = {.source = args->diff_dst, .target = args->diff_src, .addend = args->addend},
        .backward = true,
        .pad_top = 2 - args->window.pad_top,
        .pad_left = 2 - args->window.pad_left,
    };
    return plan_pass(ocl, winograd, pass, scratch, info, plan);
}
