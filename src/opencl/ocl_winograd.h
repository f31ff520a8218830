// SPDX-License-Identifier: Apache-2.0
// Winograd's convolutions, of 3x3 kernels with stride 1: transforms (cl/winograd.cl, with the
// formulas) around the products of cl/conv2d.cl and cl/conv2d_weights.cl, which see the transformed
// tensors as a convolution whose position i meets tap i alone.
#ifndef CLEF_OCL_WINOGRAD_H
#define CLEF_OCL_WINOGRAD_H

#include "opencl/ocl_conv2d_problem.h"
#include "opencl/ocl_plan.h"
#include "ops/conv2d_choice.h"

struct ocl_winograd {
    const char *algorithm;
    int number;  // ALGORITHM of cl/winograd_lines.h.
    int points;  // Values of a line of a tile.
    int outputs; // Positions of the result in a line of a tile.
    int skipped; // Positions before the first that a tile reads, since they are always padding.
};

// NULL for algorithms of another kind.
const struct ocl_winograd *ocl_winograd_find(enum clef_conv2d_algorithm algorithm);

// Whether the device has room for the transformed tensors of a problem.
bool ocl_winograd_fits(const struct ocl_context *ocl, const struct ocl_winograd *winograd,
                       const struct ocl_conv2d_problem *problem);

// Planning entries like those of ocl_plan.h.
clef_status ocl_winograd_forward(struct ocl_context *ocl, const struct ocl_winograd *winograd,
                                 const struct clef_conv2d_forward_args *args,
                                 const struct clef_tensor *scratch, struct clef_plan_info *info,
                                 struct clef_plan **plan);
clef_status ocl_winograd_backward_data(struct ocl_context *ocl, const struct ocl_winograd *winograd,
                                       const struct clef_conv2d_backward_data_args *args,
                                       const struct clef_tensor *scratch,
                                       struct clef_plan_info *info, struct clef_plan **plan);
clef_status ocl_winograd_backward_weights(struct ocl_context *ocl,
                                          const struct ocl_winograd *winograd,
                                          const struct clef_conv2d_backward_weights_args *args,
                                          const struct clef_tensor *scratch,
                                          struct clef_plan_info *info, struct clef_plan **plan);

#endif
