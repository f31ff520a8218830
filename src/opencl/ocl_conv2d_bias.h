// SPDX-License-Identifier: Apache-2.0
// The gradient of a bias, by cl/conv2d_bias.cl: the same whatever computes that of the weights.
#ifndef CLEF_OCL_CONV2D_BIAS_H
#define CLEF_OCL_CONV2D_BIAS_H

#include "opencl/ocl_conv2d_config.h"
#include "opencl/ocl_plan.h"

// Parts of the rows, each summed by a group for each panel, and the floats of scratch that they
// take, none for a single part.
struct ocl_conv2d_bias {
    const struct ocl_conv2d_config *config;
    size_t parts, floats;
};
struct ocl_conv2d_bias ocl_conv2d_bias(const struct ocl_context *ocl,
                                       const struct ocl_conv2d_config *config,
                                       const struct clef_tensor *diff_dst);

// Sums parts of the rows into scratch, `skip` floats from its first, and then the parts; a single
// part straight into the gradient.
void ocl_conv2d_bias_launch(struct ocl_plan *build, const struct ocl_conv2d_bias *bias,
                            const char *options, const struct clef_tensor *diff_dst,
                            const struct clef_tensor *diff_bias, const struct clef_tensor *scratch,
                            size_t skip);

#endif
