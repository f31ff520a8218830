// SPDX-License-Identifier: Apache-2.0
#include "opencl/ocl_pool.h"

static struct clef_plan_info describe(const struct ocl_pool *pool, const char *algorithm)
{
    double image = (double)clef_tensor_count(pool->image);
    double outs = (double)clef_tensor_count(pool->outs);
    return (struct clef_plan_info){
        .flops = outs * pool->window->kernel_h * pool->window->kernel_w,
        .bytes = sizeof(float) * (image + outs),
        .algorithm = algorithm,
    };
}

clef_status ocl_avgpool_forward(void *context, const struct clef_avgpool_forward_args *args,
                                const struct clef_tensor *scratch, struct clef_plan_info *info,
                                struct clef_plan **plan)
{
    struct ocl_pool pool = {args->src, args->dst, &args->window, true};
    CLEF_TRY(ocl_check_rows("pooling", ocl_pool_rows(&pool)));
    *info = describe(&pool, "direct");
    (void)scratch;
    if (!plan)
        return CLEF_OK;
    struct ocl_plan *build = ocl_plan_begin(context);
    ocl_pool_launch(
        build, context, &pool,
        (struct ocl_launch){
            .source = "avgpool",
            .kernel = "avgpool_forward",
            .args = {OCL_TENSOR(args->src), OCL_STRIDES(args->src), OCL_TENSOR(args->dst),
                     OCL_STRIDES(args->dst), OCL_POOL_GEOMETRY(context, &pool)},
        });
    return ocl_plan_end(build, plan);
}

clef_status ocl_avgpool_backward(void *context, const struct clef_avgpool_backward_args *args,
                                 const struct clef_tensor *scratch, struct clef_plan_info *info,
                                 struct clef_plan **plan)
{
    struct ocl_pool pool = {args->diff_src, args->diff_dst, &args->window, false};
    CLEF_TRY(ocl_check_rows("pooling", ocl_pool_rows(&pool)));
    *info = describe(&pool, "gather");
    (void)scratch;
    if (!plan)
        return CLEF_OK;
    struct ocl_plan *build = ocl_plan_begin(context);
    ocl_pool_launch(build, context, &pool,
                    (struct ocl_launch){
                        .source = "avgpool",
                        .kernel = "avgpool_backward",
                        .args = {OCL_TENSOR(args->diff_dst), OCL_STRIDES(args->diff_dst),
                                 OCL_TENSOR(args->diff_src), OCL_STRIDES(args->diff_src),
                                 OCL_POOL_GEOMETRY(context, &pool)},
                    });
    return ocl_plan_end(build, plan);
}
