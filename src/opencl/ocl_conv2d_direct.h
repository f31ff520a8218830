// SPDX-License-Identifier: Apache-2.0
// Convolution by our own kernels, cl/conv2d.cl and cl/conv2d_weights.cl. Planning entries like
// those of ocl_plan.h.
#ifndef CLEF_OCL_CONV2D_DIRECT_H
#define CLEF_OCL_CONV2D_DIRECT_H

#include "opencl/ocl_plan.h"

clef_status ocl_conv2d_direct_forward(void *context, const struct clef_conv2d_forward_args *args,
                                      const struct clef_tensor *scratch,
                                      struct clef_plan_info *info, struct clef_plan **plan);

clef_status ocl_conv2d_direct_backward_data(void *context,
                                            const struct clef_conv2d_backward_data_args *args,
                                            const struct clef_tensor *scratch,
                                            struct clef_plan_info *info, struct clef_plan **plan);

clef_status ocl_conv2d_direct_backward_weights(void *context,
                                               const struct clef_conv2d_backward_weights_args *args,
                                               const struct clef_tensor *scratch,
                                               struct clef_plan_info *info,
                                               struct clef_plan **plan);

#endif
