// SPDX-License-Identifier: Apache-2.0
// Chooses the algorithm of a convolution.
#include "cpu/cpu_conv2d_choice.h"
#include "cpu/ops/cpu_conv2d_direct.h"
#include "cpu/ops/cpu_winograd.h"

clef_status CPU_NAME(conv2d_forward)(void *context, const struct clef_conv2d_forward_args *args,
                                     const struct clef_tensor *scratch, struct clef_plan_info *info,
                                     struct clef_plan **plan)
{
    enum clef_conv2d_algorithm algorithm;
    CLEF_TRY(cpu_conv2d_choose(context, CLEF_OP_conv2d_forward, args->src, args->dst, &args->window,
                               &algorithm));
    if (algorithm == CLEF_CONV2D_DIRECT)
        return CPU_NAME(conv2d_direct_forward)(context, args, scratch, info, plan);
    return CPU_NAME(winograd_forward)(context, algorithm, args, scratch, info, plan);
}

clef_status CPU_NAME(conv2d_backward_data)(void *context,
                                           const struct clef_conv2d_backward_data_args *args,
                                           const struct clef_tensor *scratch,
                                           struct clef_plan_info *info, struct clef_plan **plan)
{
    enum clef_conv2d_algorithm algorithm;
    CLEF_TRY(cpu_conv2d_choose(context, CLEF_OP_conv2d_backward_data, args->diff_src,
                               args->diff_dst, &args->window, &algorithm));
    if (algorithm == CLEF_CONV2D_DIRECT)
        return CPU_NAME(conv2d_direct_backward_data)(context, args, scratch, info, plan);
    return CPU_NAME(winograd_backward_data)(context, algorithm, args, scratch, info, plan);
}

clef_status CPU_NAME(conv2d_backward_weights)(void *context,
                                              const struct clef_conv2d_backward_weights_args *args,
                                              const struct clef_tensor *scratch,
                                              struct clef_plan_info *info, struct clef_plan **plan)
{
    enum clef_conv2d_algorithm algorithm;
    CLEF_TRY(cpu_conv2d_choose(context, CLEF_OP_conv2d_backward_weights, args->src, args->diff_dst,
                               &args->window, &algorithm));
    if (algorithm == CLEF_CONV2D_DIRECT)
        return CPU_NAME(conv2d_direct_backward_weights)(context, args, scratch, info, plan);
    return CPU_NAME(winograd_backward_weights)(context, algorithm, args, scratch, info, plan);
}
