// SPDX-License-Identifier: Apache-2.0
// Forward and backward_data of a Winograd convolution on a processor, by cl/winograd_panel.cl:
// panel by panel of the weights, so that these, of which there are more than rows, stay in the
// second-level cache between their transform and the products.
#ifndef CLEF_OCL_WINOGRAD_PANELS_H
#define CLEF_OCL_WINOGRAD_PANELS_H

#include "opencl/ocl_conv2d_product.h"
#include "opencl/ocl_winograd_steps.h"

// Where a group's panels lie in its local memory.
struct ocl_winograd_panels {
    size_t weights_step, sums_step; // Floats between points.
    size_t floats;                  // Of local memory; 0 if a device should not work so.
};
struct ocl_winograd_panels ocl_winograd_cut_panels(const struct ocl_context *ocl,
                                                   const struct ocl_conv2d_config *config,
                                                   const struct ocl_winograd_tiles *tiles,
                                                   int filters);

// The product's target is images, its source is at the points; `weights` are as the layer has them,
// transposed in backward_data.
void ocl_winograd_launch_panels(struct ocl_plan *build, const struct ocl_context *ocl,
                                const struct ocl_conv2d_config *config,
                                const struct ocl_winograd_tiles *tiles,
                                const struct ocl_winograd_panels *panels,
                                const struct ocl_conv2d_product *product);

#endif
