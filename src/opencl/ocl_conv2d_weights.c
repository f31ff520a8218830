// SPDX-License-Identifier: Apache-2.0
#include "opencl/ocl_plan.h"

clef_status ocl_conv2d_backward_weights(void *context,
                                        const struct clef_conv2d_backward_weights_args *args,
                                        const struct clef_tensor *scratch,
                                        struct clef_plan_info *info, struct clef_plan **plan)
{
    (void)context, (void)args, (void)scratch, (void)info, (void)plan;
    return clef_fail(CLEF_UNSUPPORTED, "conv2d_backward_weights has no OpenCL kernel");
}
