// SPDX-License-Identifier: Apache-2.0
// Backward_weights of a Winograd convolution on a processor, by cl/winograd_outer.cl: set by set of
// the channels and panels, so that what is between the images and the weights' gradient stays in
// the second-level cache. No sum depends on how channels and panels are cut.
#ifndef CLEF_OCL_WINOGRAD_OUTER_H
#define CLEF_OCL_WINOGRAD_OUTER_H

#include "opencl/ocl_conv2d_config.h"
#include "opencl/ocl_winograd_steps.h"

// How channels and panels are cut into sets, and where a set lies in the part of scratch that its
// group has.
struct ocl_winograd_sets {
    size_t channels, panels;                                  // Of a set.
    size_t groups;                                            // 0 if a device should not work so.
    size_t source_row, source_step, gradient_step, sums_step; // Floats between rows, and points.
    size_t floats;                                            // Of a group.
};
struct ocl_winograd_sets ocl_winograd_cut_sets(const struct ocl_context *ocl,
                                               const struct ocl_conv2d_config *config,
                                               const struct ocl_winograd_tiles *tiles, int channels,
                                               int filters);

// The groups' parts lie at the beginning of scratch.
void ocl_winograd_launch_sets(struct ocl_plan *build, const struct ocl_context *ocl,
                              const struct ocl_conv2d_config *config,
                              const struct ocl_winograd_tiles *tiles,
                              const struct ocl_winograd_sets *sets,
                              const struct clef_conv2d_backward_weights_args *args,
                              const struct clef_tensor *scratch);

#endif
