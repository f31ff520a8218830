// SPDX-License-Identifier: Apache-2.0
#include "opencl/ocl_plan.h"

clef_status ocl_relu_forward(void *context, const struct clef_relu_forward_args *args,
                             const struct clef_tensor *scratch, struct clef_plan_info *info,
                             struct clef_plan **plan)
{
    (void)context, (void)args, (void)scratch, (void)info, (void)plan;
    return clef_fail(CLEF_UNSUPPORTED, "relu_forward has no OpenCL kernel");
}

clef_status ocl_relu_backward(void *context, const struct clef_relu_backward_args *args,
                              const struct clef_tensor *scratch, struct clef_plan_info *info,
                              struct clef_plan **plan)
{
    (void)context, (void)args, (void)scratch, (void)info, (void)plan;
    return clef_fail(CLEF_UNSUPPORTED, "relu_backward has no OpenCL kernel");
}
