// SPDX-License-Identifier: Apache-2.0
#include "opencl/ocl_pool.h"

clef_status ocl_maxpool_forward(void *context, const struct clef_maxpool_forward_args *args,
                                const struct clef_tensor *scratch, struct clef_plan_info *info,
                                struct clef_plan **plan)
{
    struct ocl_pool pool = {args->src, args->dst, &args->window, true};
    CLEF_TRY(ocl_check_rows("pooling", ocl_pool_rows(&pool)));
    double outs = (double)clef_tensor_count(args->dst);
    *info = (struct clef_plan_info){
        .flops = outs * args->window.kernel_h * args->window.kernel_w,
        .bytes =
            sizeof(float) * ((double)clef_tensor_count(args->src) + outs * (args->argmax ? 2 : 1)),
        .algorithm = "direct",
    };
    (void)scratch;
    if (!plan)
        return CLEF_OK;
    struct ocl_plan *build = ocl_plan_begin(context);
    ocl_pool_launch(
        build, context, &pool,
        (struct ocl_launch){
            .source = "maxpool",
            .kernel = "maxpool_forward",
            .args = {OCL_TENSOR(args->src), OCL_STRIDES(args->src), OCL_TENSOR(args->dst),
                     OCL_TENSOR(args->argmax), OCL_STRIDES(args->dst),
                     OCL_INT(args->argmax != NULL), OCL_POOL_GEOMETRY(context, &pool)},
        });
    return ocl_plan_end(build, plan);
}

clef_status ocl_maxpool_backward(void *context, const struct clef_maxpool_backward_args *args,
                                 const struct clef_tensor *scratch, struct clef_plan_info *info,
                                 struct clef_plan **plan)
{
    struct ocl_pool pool = {args->diff_src, args->diff_dst, &args->window, false};
    CLEF_TRY(ocl_check_rows("pooling", ocl_pool_rows(&pool)));
    double outs = (double)clef_tensor_count(args->diff_dst);
    *info = (struct clef_plan_info){
        .flops = outs * args->window.kernel_h * args->window.kernel_w,
        .bytes = sizeof(float) *
                 (2 * outs + (double)clef_tensor_count(args->diff_src) * (args->relu_dst ? 2 : 1)),
        .algorithm = "gather",
    };
    (void)scratch;
    if (!plan)
        return CLEF_OK;
    struct ocl_plan *build = ocl_plan_begin(context);
    ocl_pool_launch(
        build, context, &pool,
        (struct ocl_launch){
            .source = "maxpool",
            .kernel = "maxpool_backward",
            .args = {OCL_TENSOR(args->diff_dst), OCL_STRIDES(args->diff_dst),
                     OCL_TENSOR(args->argmax), OCL_TENSOR(args->relu_dst),
                     OCL_TENSOR(args->diff_src), OCL_STRIDES(args->diff_src),
                     OCL_INT(args->relu_dst != NULL), OCL_POOL_GEOMETRY(context, &pool)},
        });
    return ocl_plan_end(build, plan);
}
