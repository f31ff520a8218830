// SPDX-License-Identifier: Apache-2.0
#include "opencl/ocl_plan.h"

clef_status ocl_batchnorm_backward(void *context, const struct clef_batchnorm_backward_args *args,
                                   const struct clef_tensor *scratch, struct clef_plan_info *info,
                                   struct clef_plan **plan)
{
    (void)context, (void)args, (void)scratch, (void)info, (void)plan;
    return clef_fail(CLEF_UNSUPPORTED, "batchnorm_backward has no OpenCL kernel");
}
