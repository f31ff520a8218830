// SPDX-License-Identifier: Apache-2.0
// Convolution as a matrix product by CLBlast: patches of the image as rows of a matrix (im2col),
// or the image itself where the kernel is 1x1. Planning entries like those of ocl_plan.h.
#ifndef CLEF_OCL_CONV2D_GEMM_H
#define CLEF_OCL_CONV2D_GEMM_H

#include "opencl/ocl_plan.h"

clef_status ocl_conv2d_gemm_forward(void *context, const struct clef_conv2d_forward_args *args,
                                    const struct clef_tensor *scratch, struct clef_plan_info *info,
                                    struct clef_plan **plan);

clef_status ocl_conv2d_gemm_backward_data(void *context,
                                          const struct clef_conv2d_backward_data_args *args,
                                          const struct clef_tensor *scratch,
                                          struct clef_plan_info *info, struct clef_plan **plan);

clef_status ocl_conv2d_gemm_backward_weights(void *context,
                                             const struct clef_conv2d_backward_weights_args *args,
                                             const struct clef_tensor *scratch,
                                             struct clef_plan_info *info, struct clef_plan **plan);

#endif
