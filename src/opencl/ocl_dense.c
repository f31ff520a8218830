// SPDX-License-Identifier: Apache-2.0
#include "opencl/ocl_plan.h"

clef_status ocl_dense_forward(void *context, const struct clef_dense_forward_args *args,
                              const struct clef_tensor *scratch, struct clef_plan_info *info,
                              struct clef_plan **plan)
{
    (void)context, (void)args, (void)scratch, (void)info, (void)plan;
    return clef_fail(CLEF_UNSUPPORTED, "dense_forward has no OpenCL kernel");
}

clef_status ocl_dense_backward_data(void *context, const struct clef_dense_backward_data_args *args,
                                    const struct clef_tensor *scratch, struct clef_plan_info *info,
                                    struct clef_plan **plan)
{
    (void)context, (void)args, (void)scratch, (void)info, (void)plan;
    return clef_fail(CLEF_UNSUPPORTED, "dense_backward_data has no OpenCL kernel");
}

clef_status ocl_dense_backward_weights(void *context,
                                       const struct clef_dense_backward_weights_args *args,
                                       const struct clef_tensor *scratch,
                                       struct clef_plan_info *info, struct clef_plan **plan)
{
    (void)context, (void)args, (void)scratch, (void)info, (void)plan;
    return clef_fail(CLEF_UNSUPPORTED, "dense_backward_weights has no OpenCL kernel");
}
