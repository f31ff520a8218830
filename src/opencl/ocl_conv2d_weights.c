// SPDX-License-Identifier: Apache-2.0
// Chooses the algorithm of a convolution's backward_weights, as ocl_conv2d.c does.
#include "opencl/ocl_conv2d_config.h"
#include "opencl/ocl_conv2d_direct.h"
#include "opencl/ocl_conv2d_gemm.h"

clef_status ocl_conv2d_backward_weights(void *context,
                                        const struct clef_conv2d_backward_weights_args *args,
                                        const struct clef_tensor *scratch,
                                        struct clef_plan_info *info, struct clef_plan **plan)
{
    bool clblast;
    CLEF_TRY(ocl_conv2d_use_clblast(context, &clblast));
    return clblast ? ocl_conv2d_gemm_backward_weights(context, args, scratch, info, plan)
                   : ocl_conv2d_direct_backward_weights(context, args, scratch, info, plan);
}
