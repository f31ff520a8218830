// SPDX-License-Identifier: Apache-2.0
// The gradient of a bias, by cl/conv2d_bias.cl: the same whatever computes that of the weights.
#ifndef CLEF_OCL_CONV2D_BIAS_H
#define CLEF_OCL_CONV2D_BIAS_H

#include "opencl/ocl_conv2d_config.h"
#include "opencl/ocl_plan.h"

// Parts of the rows, and the floats of scratch that their sums take, none for a single part.
struct ocl_conv2d_bias {
    const struct ocl_conv2d_config *config;
    size_t parts, floats;
};

// As many parts as conv2d_bias has work for.
struct ocl_conv2d_bias ocl_conv2d_bias(const struct ocl_context *ocl,
                                       const struct ocl_conv2d_config *config,
                                       const struct clef_tensor *diff_dst);

struct ocl_conv2d_bias ocl_conv2d_bias_in_parts(const struct ocl_conv2d_config *config,
                                                size_t parts, const struct clef_tensor *diff_dst);

// Where the parts belong: `skip` floats from the first of scratch, or for a single one the
// gradient.
struct ocl_arg ocl_conv2d_bias_sums(const struct ocl_conv2d_bias *bias,
                                    const struct clef_tensor *diff_bias,
                                    const struct clef_tensor *scratch, size_t skip);

// Sums each part, by a group for each panel.
void ocl_conv2d_bias_launch(struct ocl_plan *build, const struct ocl_conv2d_bias *bias,
                            const char *options, const struct clef_tensor *diff_dst,
                            struct ocl_arg sums);

// Adds up the parts, if there are several.
void ocl_conv2d_bias_join(struct ocl_plan *build, const struct ocl_conv2d_bias *bias,
                          const char *options, const struct clef_tensor *diff_bias,
                          struct ocl_arg sums);

#endif
