// SPDX-License-Identifier: Apache-2.0
// backward_weights by cl/conv2d_weights.cl and cl/conv2d_bias.cl.
#include "opencl/ocl_adam.h"
#include "opencl/ocl_conv2d_bias.h"
#include "opencl/ocl_conv2d_direct.h"
#include "opencl/ocl_conv2d_weights_product.h"
#include "ops/adam.h"

static clef_status make_plan(void *context, const struct clef_conv2d_backward_weights_args *args,
                             const struct clef_tensor *scratch, const struct ocl_conv2d_geometry *g,
                             struct ocl_conv2d_cut *cut, const struct ocl_conv2d_bias *bias,
                             struct clef_plan **plan)
{
    size_t used = ocl_conv2d_cut_floats(cut);
    struct ocl_arg sums = ocl_conv2d_bias_sums(bias, args->diff_bias, scratch, used);
    used += bias->floats;
    struct ocl_conv2d_weights_product product = {.src = args->src,
                                                 .diff_dst = args->diff_dst,
                                                 .diff_weights = args->diff_weights,
                                                 .update = args->update};
    struct clef_tensor gradient;
    if (ocl_conv2d_cut_needs_gradient(cut)) {
        gradient = ocl_gradient_place(args, scratch, &used);
        product.diff_weights = &gradient;
    }
    bool apart = !ocl_conv2d_cut_sums_bias(cut);
    if (args->diff_bias && !apart)
        product.bias = sums;
    struct ocl_conv2d_weights_tables tables;
    CLEF_TRY(ocl_conv2d_weights_work(context, &product, g, cut, &tables));
    struct ocl_plan *build = ocl_plan_begin(context);
    ocl_conv2d_weights_launch(build, &product, scratch, g, cut, &tables);
    if (args->diff_bias && apart)
        ocl_conv2d_bias_launch(build, bias, cut->options, args->diff_dst, sums);
    if (args->diff_bias)
        ocl_conv2d_bias_join(build, bias, cut->options, args->diff_bias, sums);
    ocl_conv2d_weights_free(&tables);
    return ocl_plan_end(build, plan);
}

clef_status ocl_conv2d_direct_backward_weights(void *context,
                                               const struct clef_conv2d_backward_weights_args *args,
                                               const struct clef_tensor *scratch,
                                               struct clef_plan_info *info, struct clef_plan **plan)
{
    const struct clef_tensor *src = args->src, *diff_dst = args->diff_dst;
    struct ocl_conv2d_geometry geometry;
    CLEF_TRY(
        ocl_conv2d_geometry_create(OCL_CONV2D_FORWARD, diff_dst, src, &args->window, &geometry));
    struct ocl_conv2d_cut cut;
    struct ocl_conv2d_bias bias = {0};
    clef_status status = ocl_conv2d_choose_cut(context, &geometry, diff_dst->c, &cut);
    if (status == CLEF_OK && args->diff_bias)
        bias = ocl_conv2d_cut_sums_bias(&cut)
                   ? ocl_conv2d_bias_in_parts(cut.config, cut.splits, diff_dst)
                   : ocl_conv2d_bias(context, cut.config, diff_dst);
    if (status == CLEF_OK) {
        size_t used = ocl_conv2d_cut_floats(&cut) + bias.floats;
        if (ocl_conv2d_cut_needs_gradient(&cut))
            ocl_gradient_place(args, NULL, &used);
        *info = (struct clef_plan_info){
            .scratch_floats = used,
            .flops = 2 * geometry.pairs * src->c * diff_dst->c,
            .bytes = 4.0 * (double)(clef_tensor_count(src) + clef_tensor_count(diff_dst)),
            .algorithm = cut.config->algorithm,
        };
        clef_add_gradient_cost(info, args->diff_weights, args->update,
                               (double)geometry.reached_count * src->c * diff_dst->c);
    }
    if (status == CLEF_OK && plan)
        status = make_plan(context, args, scratch, &geometry, &cut, &bias, plan);
    ocl_conv2d_geometry_free(&geometry);
    return status;
}
