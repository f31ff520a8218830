// SPDX-License-Identifier: Apache-2.0
#include "opencl/ocl_plan.h"

clef_status ocl_add(void *context, const struct clef_add_args *args,
                    const struct clef_tensor *scratch, struct clef_plan_info *info,
                    struct clef_plan **plan)
{
    (void)context, (void)args, (void)scratch, (void)info, (void)plan;
    return clef_fail(CLEF_UNSUPPORTED, "add has no OpenCL kernel");
}
