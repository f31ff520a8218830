// SPDX-License-Identifier: Apache-2.0
#include "opencl/ocl_plan.h"

clef_status ocl_avgpool_forward(void *context, const struct clef_avgpool_forward_args *args,
                                const struct clef_tensor *scratch, struct clef_plan_info *info,
                                struct clef_plan **plan)
{
    (void)context, (void)args, (void)scratch, (void)info, (void)plan;
    return clef_fail(CLEF_UNSUPPORTED, "avgpool_forward has no OpenCL kernel");
}

clef_status ocl_avgpool_backward(void *context, const struct clef_avgpool_backward_args *args,
                                 const struct clef_tensor *scratch, struct clef_plan_info *info,
                                 struct clef_plan **plan)
{
    (void)context, (void)args, (void)scratch, (void)info, (void)plan;
    return clef_fail(CLEF_UNSUPPORTED, "avgpool_backward has no OpenCL kernel");
}
