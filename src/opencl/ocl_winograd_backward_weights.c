// SPDX-License-Identifier: Apache-2.0
// The weights' gradient is the adjoint of forward in the weights: the gradient of a transformed
// weight is a sum over the tiles, and G^T takes it back to the nine taps.
#include "opencl/ocl_winograd.h"

#include "opencl/ocl_adam.h"
#include "opencl/ocl_conv2d_bias.h"
#include "opencl/ocl_conv2d_product.h"
#include "opencl/ocl_conv2d_weights_product.h"
#include "opencl/ocl_winograd_outer.h"
#include "opencl/ocl_winograd_steps.h"
#include "ops/adam.h"

// What a plan is made of, with the place in scratch of the bias's sums.
struct pass {
    const struct clef_conv2d_backward_weights_args *args;
    const struct clef_tensor *scratch;
    struct ocl_winograd_tiles tiles;
    const struct ocl_conv2d_config *config;
    struct ocl_conv2d_bias bias;
    size_t bias_place;
    struct clef_tensor gradient; // Of plan_whole.
};

static void launch_bias(struct ocl_plan *build, const struct pass *p, const char *options)
{
    const struct clef_tensor *diff_bias = p->args->diff_bias;
    if (!diff_bias)
        return;
    struct ocl_arg sums = ocl_conv2d_bias_sums(&p->bias, diff_bias, p->scratch, p->bias_place);
    ocl_conv2d_bias_launch(build, &p->bias, options, p->args->diff_dst, sums);
    ocl_conv2d_bias_join(build, &p->bias, options, diff_bias, sums);
}

// Set by set of the channels and panels.
static clef_status plan_sets(struct ocl_context *ocl, const struct pass *p,
                             const struct ocl_winograd_sets *sets, struct clef_plan **plan)
{
    char options[OCL_CONV2D_OPTIONS_LENGTH];
    ocl_conv2d_options(ocl, p->config, true, false, options);
    struct ocl_plan *build = ocl_plan_begin(ocl);
    ocl_winograd_launch_sets(build, ocl, p->config, &p->tiles, sets, p->args, p->scratch);
    launch_bias(build, p, options);
    return ocl_plan_end(build, plan);
}

// Of whole images at the points, one step after the other.
static clef_status plan_whole(struct ocl_context *ocl, const struct pass *p,
                              const struct ocl_conv2d_weights_product *product,
                              struct clef_plan **plan)
{
    const struct clef_tensor *src = p->args->src, *diff_dst = p->args->diff_dst;
    struct ocl_conv2d_geometry geometry;
    struct ocl_conv2d_cut cut;
    struct ocl_conv2d_weights_tables tables;
    CLEF_TRY(ocl_conv2d_geometry_create_diagonal(product->diff_dst, product->src,
                                                 ocl_winograd_weight_rows(src->c), &geometry));
    clef_status status = ocl_conv2d_choose_cut(ocl, &geometry, diff_dst->c, &cut);
    if (status == CLEF_OK)
        status = ocl_conv2d_weights_work(ocl, product, &geometry, &cut, &tables);
    if (status == CLEF_OK) {
        struct ocl_plan *build = ocl_plan_begin(ocl);
        ocl_winograd_launch_factors(build, ocl, &p->tiles, src, product->src, diff_dst,
                                    product->diff_dst);
        // The products need no scratch of their own, since those of different points are never
        // split.
        ocl_conv2d_weights_launch(build, product, p->scratch, &geometry, &cut, &tables);
        ocl_winograd_launch_weights_gradient(build, ocl, p->tiles.winograd, product->diff_weights,
                                             src->c, diff_dst->c, &p->gradient);
        ocl_adam_launch_weights(build, ocl, p->args, &p->gradient);
        launch_bias(build, p, cut.options);
        status = ocl_plan_end(build, plan);
        ocl_conv2d_weights_free(&tables);
    }
    ocl_conv2d_geometry_free(&geometry);
    return status;
}

clef_status ocl_winograd_backward_weights(struct ocl_context *ocl,
                                          const struct ocl_winograd *winograd,
                                          const struct clef_conv2d_backward_weights_args *args,
                                          const struct clef_tensor *scratch,
                                          struct clef_plan_info *info, struct clef_plan **plan)
{
    const struct clef_tensor *src = args->src, *diff_dst = args->diff_dst;
    struct pass p = {.args = args, .scratch = scratch};
    p.tiles = ocl_winograd_tile(winograd, diff_dst, args->window.pad_top, args->window.pad_left);
    size_t points = ocl_winograd_points(winograd);
    CLEF_TRY(ocl_conv2d_choose_config(ocl, OCL_CONV2D_WEIGHTS, points * (size_t)src->c,
                                      ocl_conv2d_panels(diff_dst), &p.config));
    struct ocl_winograd_sets sets =
        ocl_winograd_cut_sets(ocl, p.config, &p.tiles, src->c, diff_dst->c);
    bool by_sets = sets.groups > 0;
    struct clef_tensor values = {0}, gradients = {0}, sums = {0};
    p.bias_place = sets.groups * sets.floats;
    if (!by_sets) {
        values = ocl_winograd_values(&p.tiles, src->c, scratch, &p.bias_place);
        gradients = ocl_winograd_values(&p.tiles, diff_dst->c, scratch, &p.bias_place);
        sums = ocl_winograd_weights(winograd, src->c, diff_dst->c, scratch, &p.bias_place);
    }
    if (args->diff_bias)
        p.bias = ocl_conv2d_bias(ocl, p.config, diff_dst);
    size_t used = p.bias_place + p.bias.floats;
    if (!by_sets)
        p.gradient = ocl_gradient_place(args, scratch, &used);
    *info = (struct clef_plan_info){
        .scratch_floats = used,
        .flops = 2.0 * (double)(points * p.tiles.rows) * src->c * diff_dst->c,
        .bytes = 4.0 * (double)(clef_tensor_count(src) + clef_tensor_count(diff_dst)),
        .algorithm = winograd->algorithm,
    };
    clef_add_gradient_cost(info, args->diff_weights, args->update, 9.0 * src->c * diff_dst->c);
    if (!plan)
        return CLEF_OK;
    if (by_sets)
        return plan_sets(ocl, &p, &sets, plan);
    return plan_whole(ocl, &p,
                      &(struct ocl_conv2d_weights_product){
                          .src = &values, .diff_dst = &gradients, .diff_weights = &sums},
                      plan);
}
