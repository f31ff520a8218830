// SPDX-License-Identifier: Apache-2.0
#include "opencl/ocl_conv2d_bias.h"

// Rows of a part, at least.
#define PART_ROWS 512

struct ocl_conv2d_bias ocl_conv2d_bias_in_parts(const struct ocl_conv2d_config *config,
                                                size_t parts, const struct clef_tensor *diff_dst)
{
    size_t panels = ocl_groups((size_t)diff_dst->c, OCL_PANEL);
    return (struct ocl_conv2d_bias){config, parts, parts > 1 ? parts * panels * OCL_PANEL : 0};
}

struct ocl_conv2d_bias ocl_conv2d_bias(const struct ocl_context *ocl,
                                       const struct ocl_conv2d_config *config,
                                       const struct clef_tensor *diff_dst)
{
    size_t panels = ocl_groups((size_t)diff_dst->c, OCL_PANEL);
    size_t parts = clef_tensor_rows(diff_dst) / PART_ROWS;
    size_t most = ocl_groups(ocl_conv2d_wanted_groups(ocl, config), panels);
    parts = parts < most ? parts : most;
    return ocl_conv2d_bias_in_parts(config, parts > 0 ? parts : 1, diff_dst);
}

struct ocl_arg ocl_conv2d_bias_sums(const struct ocl_conv2d_bias *bias,
                                    const struct clef_tensor *diff_bias,
                                    const struct clef_tensor *scratch, size_t skip)
{
    return bias->parts > 1 ? (struct ocl_arg)OCL_PART(scratch, skip)
                           : (struct ocl_arg)OCL_TENSOR(diff_bias);
}

void ocl_conv2d_bias_launch(struct ocl_plan *build, const struct ocl_conv2d_bias *bias,
                            const char *options, const struct clef_tensor *diff_dst,
                            struct ocl_arg sums)
{
    size_t panels = ocl_groups((size_t)diff_dst->c, OCL_PANEL), group = (size_t)bias->config->group;
    ocl_plan_launch(
        build, &(struct ocl_launch){
                   .source = "conv2d_bias",
                   .kernel = "conv2d_bias",
                   .options = options,
                   .global = {panels * group, bias->parts},
                   .local = {group, 1, 1},
                   .args = {OCL_TENSOR(diff_dst), sums, OCL_SHAPE(diff_dst), OCL_STRIDES(diff_dst)},
               });
}

void ocl_conv2d_bias_join(struct ocl_plan *build, const struct ocl_conv2d_bias *bias,
                          const char *options, const struct clef_tensor *diff_bias,
                          struct ocl_arg sums)
{
    size_t filters = clef_tensor_count(diff_bias);
    if (bias->parts == 1)
        return;
    ocl_plan_launch(
        build, &(struct ocl_launch){
                   .source = "conv2d_bias",
                   .kernel = "conv2d_bias_join",
                   .options = options,
                   .global = {filters},
                   .args = {sums, OCL_INT(bias->parts), OCL_TENSOR(diff_bias), OCL_INT(filters)},
               });
}
