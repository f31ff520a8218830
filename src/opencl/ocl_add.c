// SPDX-License-Identifier: Apache-2.0
#include "opencl/ocl_rows.h"

clef_status ocl_add(void *context, const struct clef_add_args *args,
                    const struct clef_tensor *scratch, struct clef_plan_info *info,
                    struct clef_plan **plan)
{
    struct ocl_context *ocl = context;
    size_t count = clef_tensor_count(args->dst);
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
                               .source = "add",
                               .kernel = "add",
                               .options = ocl_flat_options(ocl),
                               .global = {ocl_groups(count, ocl_flat_width(ocl))},
                               .local = {ocl_group_size(ocl, OCL_FLAT_GROUP)},
                               .local_is_wish = true,
                               .args = {OCL_TENSOR(args->a), OCL_TENSOR(args->b),
                                        OCL_TENSOR(args->dst), OCL_ULONG(count)},
                           });
    return ocl_plan_end(build, plan);
}
