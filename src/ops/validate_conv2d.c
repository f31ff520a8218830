// SPDX-License-Identifier: Apache-2.0
#include "ops/validate.h"

clef_status clef_validate_conv2d_forward(struct clef_validation *check,
                                         const struct clef_conv2d_forward_args *args)
{
    CLEF_TRY(clef_check_input(check, "src", args->src));
    CLEF_TRY(clef_check_input(check, "weights", args->weights));
    CLEF_TRY(clef_check_optional_input(check, "bias", args->bias));
    CLEF_TRY(clef_check_output(check, "dst", args->dst));
    CLEF_TRY(clef_require_window(check, &args->window, "src", args->src, "dst", args->dst));
    CLEF_TRY(clef_require_weights(check, "weights", args->weights, args->window.kernel_h,
                                  args->window.kernel_w, args->src->c, args->dst->c));
    return clef_require_vector(check, "bias", args->bias, (size_t)args->dst->c);
}

clef_status clef_validate_conv2d_backward_data(struct clef_validation *check,
                                               const struct clef_conv2d_backward_data_args *args)
{
    CLEF_TRY(clef_check_input(check, "diff_dst", args->diff_dst));
    CLEF_TRY(clef_check_input(check, "weights", args->weights));
    CLEF_TRY(clef_check_optional_input(check, "addend", args->addend));
    CLEF_TRY(clef_check_output(check, "diff_src", args->diff_src));
    CLEF_TRY(clef_require_window(check, &args->window, "diff_src", args->diff_src, "diff_dst",
                                 args->diff_dst));
    CLEF_TRY(clef_require_weights(check, "weights", args->weights, args->window.kernel_h,
                                  args->window.kernel_w, args->diff_src->c, args->diff_dst->c));
    return clef_require_same_layout(check, "addend", args->addend, "diff_src", args->diff_src);
}

clef_status
clef_validate_conv2d_backward_weights(struct clef_validation *check,
                                      const struct clef_conv2d_backward_weights_args *args)
{
    CLEF_TRY(clef_check_input(check, "src", args->src));
    CLEF_TRY(clef_check_input(check, "diff_dst", args->diff_dst));
    CLEF_TRY(clef_check_optional_output(check, "diff_bias", args->diff_bias));
    CLEF_TRY(
        clef_require_window(check, &args->window, "src", args->src, "diff_dst", args->diff_dst));
    CLEF_TRY(clef_check_weights_gradient(check, args->diff_weights, args->update,
                                         args->window.kernel_h, args->window.kernel_w, args->src->c,
                                         args->diff_dst->c));
    return clef_require_vector(check, "diff_bias", args->diff_bias, (size_t)args->diff_dst->c);
}
