// SPDX-License-Identifier: Apache-2.0
#include "opencl/ocl_conv2d_gemm.h"

clef_status ocl_conv2d_gemm_forward(void *context, const struct clef_conv2d_forward_args *args,
                                    const struct clef_tensor *scratch, struct clef_plan_info *info,
                                    struct clef_plan **plan)
{
    (void)context, (void)args, (void)scratch, (void)info, (void)plan;
    return clef_fail(CLEF_UNSUPPORTED, "conv2d_forward has no product by CLBlast");
}

clef_status ocl_conv2d_gemm_backward_data(void *context,
                                          const struct clef_conv2d_backward_data_args *args,
                                          const struct clef_tensor *scratch,
                                          struct clef_plan_info *info, struct clef_plan **plan)
{
    (void)context, (void)args, (void)scratch, (void)info, (void)plan;
    return clef_fail(CLEF_UNSUPPORTED, "conv2d_backward_data has no product by CLBlast");
}

clef_status ocl_conv2d_gemm_backward_weights(void *context,
                                             const struct clef_conv2d_backward_weights_args *args,
                                             const struct clef_tensor *scratch,
                                             struct clef_plan_info *info, struct clef_plan **plan)
{
    (void)context, (void)args, (void)scratch, (void)info, (void)plan;
    return clef_fail(CLEF_UNSUPPORTED, "conv2d_backward_weights has no product by CLBlast");
}
