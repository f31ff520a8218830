// SPDX-License-Identifier: Apache-2.0
// The weights' gradient is the adjoint of forward in the weights: the gradient of a transformed
// weight is a sum over the tiles, and G^T takes it back to the nine taps.
#include "opencl/ocl_winograd.h"

#include "opencl/ocl_conv2d_bias.h"
#include "opencl/ocl_conv2d_weights_product.h"
#include "opencl/ocl_winograd_steps.h"

// What the plan is made of: the products, and where the sums of the bias lie in scratch.
struct pass {
    const struct ocl_winograd_tiles *tiles;
    struct ocl_conv2d_weights_product product;
    struct ocl_conv2d_cut cut;
    struct ocl_conv2d_bias bias;
    size_t bias_place;
};

static clef_status make_plan(struct ocl_context *ocl,
                             const struct clef_conv2d_backward_weights_args *args,
                             const struct clef_tensor *scratch, struct pass *p,
                             const struct ocl_conv2d_geometry *geometry, struct clef_plan **plan)
{
    const struct ocl_winograd_tiles *tiles = p->tiles;
    struct ocl_conv2d_weights_tables tables;
    CLEF_TRY(ocl_conv2d_weights_work(ocl, &p->product, geometry, &p->cut, &tables));
    struct ocl_plan *build = ocl_plan_begin(ocl);
    ocl_winograd_launch_factors(build, ocl, tiles, args->src, p->product.src, args->diff_dst,
                                p->product.diff_dst);
    ocl_conv2d_weights_launch(build, &p->product, scratch, geometry, &p->cut, &tables);
    ocl_winograd_launch_weights_gradient(build, ocl, tiles->winograd, p->product.diff_weights,
                                         args->src->c, args->diff_dst->c, args->diff_weights);
    if (args->diff_bias) {
        struct ocl_arg sums =
            ocl_conv2d_bias_sums(&p->bias, args->diff_bias, scratch, p->bias_place);
        ocl_conv2d_bias_launch(build, &p->bias, p->cut.options, args->diff_dst, sums);
        ocl_conv2d_bias_join(build, &p->bias, p->cut.options, args->diff_bias, sums);
    }
    ocl_conv2d_weights_free(&tables);
    return ocl_plan_end(build, plan);
}

clef_status ocl_winograd_backward_weights(struct ocl_context *ocl,
                                          const struct ocl_winograd *winograd,
                                          const struct clef_conv2d_backward_weights_args *args,
                                          const struct clef_tensor *scratch,
                                          struct clef_plan_info *info, struct clef_plan **plan)
{
    const struct clef_tensor *src = args->src, *diff_dst = args->diff_dst;
    struct ocl_winograd_tiles tiles =
        ocl_winograd_tile(winograd, diff_dst, args->window.pad_top, args->window.pad_left);
    size_t used = 0;
    // The products need no scratch of their own, since those of different points are never split.
    struct clef_tensor values = ocl_winograd_values(&tiles, src->c, scratch, &used);
    struct clef_tensor gradients = ocl_winograd_values(&tiles, diff_dst->c, scratch, &used);
    struct clef_tensor sums = ocl_winograd_weights(winograd, src->c, diff_dst->c, scratch, &used);
    struct pass pass = {.tiles = &tiles,
                        .product = {.src = &values, .diff_dst = &gradients, .diff_weights = &sums},
                        .bias_place = used};
    struct ocl_conv2d_geometry geometry;
    CLEF_TRY(ocl_conv2d_geometry_create_diagonal(&gradients, &values,
                                                 ocl_winograd_weight_rows(src->c), &geometry));
    clef_status status = ocl_conv2d_choose_cut(ocl, &geometry, diff_dst->c, &pass.cut);
    if (status == CLEF_OK && args->diff_bias)
        pass.bias = ocl_conv2d_bias(ocl, pass.cut.config, diff_dst);
    if (status == CLEF_OK)
        *info = (struct clef_plan_info){
            .scratch_floats = used + pass.bias.floats,
            .flops = 2 * geometry.pairs * src->c * diff_dst->c,
            .bytes = 4.0 * (double)(clef_tensor_count(src) + clef_tensor_count(diff_dst) +
                                    clef_tensor_count(args->diff_weights)),
            .algorithm = winograd->algorithm,
        };
    if (status == CLEF_OK && plan)
        status = make_plan(ocl, args, scratch, &pass, &geometry, plan);
    ocl_conv2d_geometry_free(&geometry);
    return status;
}
