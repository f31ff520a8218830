// SPDX-License-Identifier: Apache-2.0
// Chooses the algorithm of a convolution forward and in backward_data: our own kernels, or CLBlast
// if that is preferred.
#include "opencl/ocl_conv2d_config.h"
#include "opencl/ocl_conv2d_direct.h"
#include "opencl/ocl_conv2d_gemm.h"
#include "opencl/ocl_conv2d_problem.h"
#include "opencl/ocl_winograd.h"

clef_status ocl_conv2d_forward(void *context, const struct clef_conv2d_forward_args *args,
                               const struct clef_tensor *scratch, struct clef_plan_info *info,
                               struct clef_plan **plan)
{
    struct ocl_conv2d_planning planning =
        ocl_conv2d_begin(context, CLEF_OP_conv2d_forward, args->src, args->dst, &args->window);
    enum clef_conv2d_algorithm algorithm = CLEF_CONV2D_DIRECT;
    clef_status status = ocl_conv2d_choose(context, &planning.problem, &algorithm);
    const struct ocl_winograd *winograd = ocl_winograd_find(algorithm);
    if (status == CLEF_OK && winograd)
        status = ocl_winograd_forward(context, winograd, args, scratch, info, plan);
    else if (status == CLEF_OK && algorithm == CLEF_CONV2D_DIRECT)
        status = ocl_conv2d_direct_forward(context, args, scratch, info, plan);
    if (algorithm == CLEF_CONV2D_CLBLAST ||
        (status != CLEF_OK && ocl_conv2d_nothing_fits(context, OCL_CONV2D)))
        status = ocl_conv2d_gemm_forward(context, args, scratch, info, plan);
    return ocl_conv2d_end(&planning, status, plan);
}

clef_status ocl_conv2d_backward_data(void *context,
                                     const struct clef_conv2d_backward_data_args *args,
                                     const struct clef_tensor *scratch, struct clef_plan_info *info,
                                     struct clef_plan **plan)
{
    struct ocl_conv2d_planning planning = ocl_conv2d_begin(
        context, CLEF_OP_conv2d_backward_data, args->diff_src, args->diff_dst, &args->window);
    enum clef_conv2d_algorithm algorithm = CLEF_CONV2D_DIRECT;
    clef_status status = ocl_conv2d_choose(context, &planning.problem, &algorithm);
    const struct ocl_winograd *winograd = ocl_winograd_find(algorithm);
    if (status == CLEF_OK && winograd)
        status = ocl_winograd_backward_data(context, winograd, args, scratch, info, plan);
    else if (status == CLEF_OK && algorithm == CLEF_CONV2D_DIRECT)
        status = ocl_conv2d_direct_backward_data(context, args, scratch, info, plan);
    if (algorithm == CLEF_CONV2D_CLBLAST ||
        (status != CLEF_OK && ocl_conv2d_nothing_fits(context, OCL_CONV2D)))
        status = ocl_conv2d_gemm_backward_data(context, args, scratch, info, plan);
    return ocl_conv2d_end(&planning, status, plan);
}
