// SPDX-License-Identifier: Apache-2.0
#include "opencl/ocl_plan.h"

clef_status ocl_softmax_cross_entropy(void *context,
                                      const struct clef_softmax_cross_entropy_args *args,
                                      const struct clef_tensor *scratch,
                                      struct clef_plan_info *info, struct clef_plan **plan)
{
    (void)context, (void)args, (void)scratch, (void)info, (void)plan;
    return clef_fail(CLEF_UNSUPPORTED, "softmax_cross_entropy has no OpenCL kernel");
}
