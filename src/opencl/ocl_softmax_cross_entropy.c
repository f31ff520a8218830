// SPDX-License-Identifier: Apache-2.0
#include "opencl/ocl_program.h"
#include "opencl/ocl_rows.h"

// Exponentials of a work-item of a processor: some ten microseconds.
#define CPU_EXPONENTIALS 2048
// Work-items of a graphics processor's group.
#define GPU_GROUP 64

clef_status ocl_softmax_cross_entropy(void *context,
                                      const struct clef_softmax_cross_entropy_args *args,
                                      const struct clef_tensor *scratch,
                                      struct clef_plan_info *info, struct clef_plan **plan)
{
    struct ocl_context *ocl = context;
    size_t rows = (size_t)args->logits->n, classes = (size_t)args->logits->c;
    double count = (double)clef_tensor_count(args->logits);
    *info = (struct clef_plan_info){
        .scratch_floats = 2 * rows,
        .flops = (args->diff_logits ? 5 : 4) * count,
        .bytes = sizeof(float) * ((args->diff_logits ? 2 : 1) * count + (double)rows),
        .algorithm = "row-wise",
    };
    if (!plan)
        return CLEF_OK;
    char options[32];
    size_t lanes;
    CLEF_TRY(ocl_kernel_lanes(ocl, "softmax_cross_entropy", "softmax_rows", "",
                              ocl_is_cpu(ocl) ? 1 : GPU_GROUP, options, sizeof options, &lanes));
    CLEF_TRY(ocl_kernel_lanes(ocl, "softmax_cross_entropy", "softmax_metrics", "", lanes, options,
                              sizeof options, &lanes));
    size_t group_rows = 1;
    if (ocl_is_cpu(ocl) && classes < CPU_EXPONENTIALS)
        group_rows = CPU_EXPONENTIALS / classes;
    struct ocl_plan *build = ocl_plan_begin(context);
    ocl_plan_launch(build, &(struct ocl_launch){
                               .source = "softmax_cross_entropy",
                               .kernel = "softmax_rows",
                               .options = options,
                               .global = {lanes * ocl_groups(rows, group_rows)},
                               .local = {lanes},
                               .args = {OCL_TENSOR(args->logits), OCL_TENSOR(args->labels),
                                        OCL_TENSOR(args->diff_logits), OCL_TENSOR(scratch),
                                        OCL_INT(rows), OCL_INT(classes), OCL_INT(group_rows),
                                        OCL_INT(args->diff_logits != NULL)},
                           });
    ocl_plan_launch(
        build, &(struct ocl_launch){
                   .source = "softmax_cross_entropy",
                   .kernel = "softmax_metrics",
                   .options = options,
                   .global = {lanes},
                   .local = {lanes},
                   .args = {OCL_TENSOR(scratch), OCL_TENSOR(args->metrics), OCL_TENSOR(args->fault),
                            OCL_INT(rows), OCL_INT(args->fault != NULL)},
               });
    return ocl_plan_end(build, plan);
}
