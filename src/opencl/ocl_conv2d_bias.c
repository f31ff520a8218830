// SPDX-License-Identifier: Apache-2.0
#include "opencl/ocl_conv2d_bias.h"

// Rows of a part, at least.
#define PART_ROWS 512

struct ocl_conv2d_bias ocl_conv2d_bias(const struct ocl_context *ocl,
                                       const struct ocl_conv2d_config *config,
                                       const struct clef_tensor *diff_dst)
{
    size_t panels = ocl_groups((size_t)diff_dst->c, OCL_PANEL);
    size_t parts = clef_tensor_rows(diff_dst) / PART_ROWS;
    size_t most = ocl_groups(ocl_conv2d_wanted_groups(ocl, config), panels);
    parts = parts < most ? parts : most;
    parts = parts > 0 ? parts : 1;
    return (struct ocl_conv2d_bias){config, parts, parts > 1 ? parts * panels * OCL_PANEL : 0};
}

void ocl_conv2d_bias_launch(struct ocl_plan *build, const struct ocl_conv2d_bias *bias,
                            const char *options, const struct clef_tensor *diff_dst,
                            const struct clef_tensor *diff_bias, const struct clef_tensor *scratch,
                            size_t skip)
{
    size_t filters = (size_t)diff_dst->c, group = (size_t)bias->config->group;
    struct ocl_arg sums = OCL_PART(scratch, skip), result = OCL_TENSOR(diff_bias);
    ocl_plan_launch(build, &(struct ocl_launch){
                               .source = "conv2d_bias",
                               .kernel = "conv2d_bias",
                               .options = options,
                               .global = {ocl_groups(filters, OCL_PANEL) * group, bias->parts},
                               .local = {group, 1, 1},
                               .args = {OCL_TENSOR(diff_dst), bias->parts > 1 ? sums : result,
                                        OCL_SHAPE(diff_dst), OCL_STRIDES(diff_dst)},
                           });
    if (bias->parts == 1)
        return;
    ocl_plan_launch(build, &(struct ocl_launch){
                               .source = "conv2d_bias",
                               .kernel = "conv2d_bias_join",
                               .options = options,
                               .global = {filters},
                               .args = {sums, OCL_INT(bias->parts), result, OCL_INT(filters)},
                           });
}
