// SPDX-License-Identifier: Apache-2.0
// Chooses the algorithm of a convolution forward and in backward_data: our own kernels, or CLBlast
// if that is preferred.
#include "opencl/ocl_conv2d_config.h"
#include "opencl/ocl_conv2d_direct.h"
#include "opencl/ocl_conv2d_gemm.h"
#include "opencl/ocl_conv2d_problem.h"

clef_status ocl_conv2d_forward(void *context, const struct clef_conv2d_forward_args *args,
                               const struct clef_tensor *scratch, struct clef_plan_info *info,
                               struct clef_plan **plan)
{
    bool clblast;
    struct ocl_conv2d_planning planning =
        ocl_conv2d_begin(context, CLEF_OP_conv2d_forward, args->src, args->dst, &args->window);
    clef_status status = ocl_conv2d_use_clblast(context, CLEF_OP_conv2d_forward, &clblast);
    if (status == CLEF_OK && !clblast) {
        status = ocl_conv2d_direct_forward(context, args, scratch, info, plan);
        clblast = status != CLEF_OK && ocl_conv2d_nothing_fits(context, OCL_CONV2D);
    }
    if (clblast)
        status = ocl_conv2d_gemm_forward(context, args, scratch, info, plan);
    return ocl_conv2d_end(&planning, status, plan);
}

clef_status ocl_conv2d_backward_data(void *context,
                                     const struct clef_conv2d_backward_data_args *args,
                                     const struct clef_tensor *scratch, struct clef_plan_info *info,
                                     struct clef_plan **plan)
{
    bool clblast;
    struct ocl_conv2d_planning planning = ocl_conv2d_begin(
        context, CLEF_OP_conv2d_backward_data, args->diff_src, args->diff_dst, &args->window);
    clef_status status = ocl_conv2d_use_clblast(context, CLEF_OP_conv2d_backward_data, &clblast);
    if (status == CLEF_OK && !clblast) {
        status = ocl_conv2d_direct_backward_data(context, args, scratch, info, plan);
        clblast = status != CLEF_OK && ocl_conv2d_nothing_fits(context, OCL_CONV2D);
    }
    if (clblast)
        status = ocl_conv2d_gemm_backward_data(context, args, scratch, info, plan);
    return ocl_conv2d_end(&planning, status, plan);
}
