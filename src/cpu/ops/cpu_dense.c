// SPDX-License-Identifier: Apache-2.0
// A dense layer is a convolution whose kernel is as large as the image.
#include "cpu/ops/cpu_isa.h"

static struct clef_window whole_image(const struct clef_tensor *image)
{
    return (struct clef_window){
        .kernel_h = image->h, .kernel_w = image->w, .stride_h = 1, .stride_w = 1};
}

clef_status CPU_NAME(dense_forward)(void *context, const struct clef_dense_forward_args *args,
                                    const struct clef_tensor *scratch, struct clef_plan_info *info,
                                    struct clef_plan **plan)
{
    struct clef_conv2d_forward_args conv = {
        args->src, args->weights, args->bias, args->dst, whole_image(args->src), args->relu,
    };
    return CPU_NAME(conv2d_forward)(context, &conv, scratch, info, plan);
}

clef_status CPU_NAME(dense_backward_data)(void *context,
                                          const struct clef_dense_backward_data_args *args,
                                          const struct clef_tensor *scratch,
                                          struct clef_plan_info *info, struct clef_plan **plan)
{
    struct clef_conv2d_backward_data_args conv = {
        args->diff_dst, args->weights, NULL, args->diff_src, whole_image(args->diff_src),
    };
    return CPU_NAME(conv2d_backward_data)(context, &conv, scratch, info, plan);
}

clef_status CPU_NAME(dense_backward_weights)(void *context,
                                             const struct clef_dense_backward_weights_args *args,
                                             const struct clef_tensor *scratch,
                                             struct clef_plan_info *info, struct clef_plan **plan)
{
    struct clef_conv2d_backward_weights_args conv = {
        args->src,       args->diff_dst,         args->diff_weights,
        args->diff_bias, whole_image(args->src), args->update,
    };
    return CPU_NAME(conv2d_backward_weights)(context, &conv, scratch, info, plan);
}
