// SPDX-License-Identifier: Apache-2.0
#include "opencl/ocl_rows.h"

clef_status ocl_relu_forward(void *context, const struct clef_relu_forward_args *args,
                             const struct clef_tensor *scratch, struct clef_plan_info *info,
                             struct clef_plan **plan)
{
    struct ocl_context *ocl = context;
    size_t count = clef_tensor_count(args->dst);
    *info = (struct clef_plan_info){
        .flops = (double)count,
        .bytes = 2.0 * sizeof(float) * (double)count,
        .algorithm = "element-wise",
    };
    (void)scratch;
    if (!plan)
        return CLEF_OK;
    struct ocl_plan *build = ocl_plan_begin(context);
    ocl_plan_launch(build,
                    &(struct ocl_launch){
                        .source = "relu",
                        .kernel = "relu_forward",
                        .options = ocl_flat_options(ocl),
                        .global = {ocl_groups(count, ocl_flat_width(ocl))},
                        .local = {ocl_group_size(ocl, OCL_FLAT_GROUP)},
                        .local_is_wish = true,
                        .args = {OCL_TENSOR(args->src), OCL_TENSOR(args->dst), OCL_ULONG(count)},
                    });
    return ocl_plan_end(build, plan);
}

clef_status ocl_relu_backward(void *context, const struct clef_relu_backward_args *args,
                              const struct clef_tensor *scratch, struct clef_plan_info *info,
                              struct clef_plan **plan)
{
    struct ocl_context *ocl = context;
    size_t count = clef_tensor_count(args->diff_src);
    *info = (struct clef_plan_info){
        .flops = (double)count,
        .bytes = 3.0 * sizeof(float) * (double)count,
        .algorithm = "element-wise",
    };
    (void)scratch;
    if (!plan)
        return CLEF_OK;
    struct ocl_plan *build = ocl_plan_begin(context);
    ocl_plan_launch(build, &(struct ocl_launch){
                               .source = "relu",
                               .kernel = "relu_backward",
                               .options = ocl_flat_options(ocl),
                               .global = {ocl_groups(count, ocl_flat_width(ocl))},
                               .local = {ocl_group_size(ocl, OCL_FLAT_GROUP)},
                               .local_is_wish = true,
                               .args = {OCL_TENSOR(args->dst), OCL_TENSOR(args->diff_dst),
                                        OCL_TENSOR(args->diff_src), OCL_ULONG(count)},
                           });
    return ocl_plan_end(build, plan);
}
