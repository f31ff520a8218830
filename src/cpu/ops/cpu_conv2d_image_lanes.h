// SPDX-License-Identifier: Apache-2.0
// Convolution backward_data with images as the lanes of vectors.
#ifndef CLEF_CPU_CONV2D_IMAGE_LANES_H
#define CLEF_CPU_CONV2D_IMAGE_LANES_H

#include "cpu/ops/cpu_isa.h"

// Whether it takes less to transpose activations than the weights, of which `weight_rows` rows are
// met.
bool CPU_NAME(conv2d_image_lanes_pay)(const struct clef_conv2d_backward_data_args *args,
                                      int weight_rows);

// Floats of scratch that the plan needs.
size_t CPU_NAME(conv2d_image_lanes_scratch)(const struct clef_conv2d_backward_data_args *args);

// Creates the plan.
clef_status CPU_NAME(conv2d_image_lanes_create)(void *context,
                                                const struct clef_conv2d_backward_data_args *args,
                                                const struct clef_tensor *scratch,
                                                struct clef_plan **plan);

#endif
