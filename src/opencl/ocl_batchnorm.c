// SPDX-License-Identifier: Apache-2.0
#include "opencl/ocl_plan.h"

clef_status ocl_batchnorm_train(void *context, const struct clef_batchnorm_train_args *args,
                                const struct clef_tensor *scratch, struct clef_plan_info *info,
                                struct clef_plan **plan)
{
    (void)context, (void)args, (void)scratch, (void)info, (void)plan;
    return clef_fail(CLEF_UNSUPPORTED, "batchnorm_train has no OpenCL kernel");
}

clef_status ocl_batchnorm_infer(void *context, const struct clef_batchnorm_infer_args *args,
                                const struct clef_tensor *scratch, struct clef_plan_info *info,
                                struct clef_plan **plan)
{
    (void)context, (void)args, (void)scratch, (void)info, (void)plan;
    return clef_fail(CLEF_UNSUPPORTED, "batchnorm_infer has no OpenCL kernel");
}
