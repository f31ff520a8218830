// SPDX-License-Identifier: Apache-2.0
#include "ops/validate.h"

static clef_status require_pool(const struct clef_validation *check,
                                const struct clef_window *window, const char *src_name,
                                const struct clef_tensor *src, const char *dst_name,
                                const struct clef_tensor *dst)
{
    if (src->c != dst->c)
        return clef_invalid(check, "%s has %d channels, but %s has %d", src_name, src->c, dst_name,
                            dst->c);
    return clef_require_window(check, window, src_name, src, dst_name, dst);
}

clef_status clef_validate_maxpool_forward(struct clef_validation *check,
                                          const struct clef_maxpool_forward_args *args)
{
    CLEF_TRY(clef_check_input(check, "src", args->src));
    CLEF_TRY(clef_check_output(check, "dst", args->dst));
    CLEF_TRY(clef_check_optional_output(check, "argmax", args->argmax));
    CLEF_TRY(require_pool(check, &args->window, "src", args->src, "dst", args->dst));
    return clef_require_same_layout(check, "argmax", args->argmax, "dst", args->dst);
}

clef_status clef_validate_maxpool_backward(struct clef_validation *check,
                                           const struct clef_maxpool_backward_args *args)
{
    CLEF_TRY(clef_check_input(check, "diff_dst", args->diff_dst));
    CLEF_TRY(clef_check_input(check, "argmax", args->argmax));
    CLEF_TRY(clef_check_optional_input(check, "relu_dst", args->relu_dst));
    CLEF_TRY(clef_check_output(check, "diff_src", args->diff_src));
    CLEF_TRY(
        require_pool(check, &args->window, "diff_src", args->diff_src, "diff_dst", args->diff_dst));
    CLEF_TRY(clef_require_same_layout(check, "argmax", args->argmax, "diff_dst", args->diff_dst));
    return clef_require_same_layout(check, "relu_dst", args->relu_dst, "diff_src", args->diff_src);
}

clef_status clef_validate_avgpool_forward(struct clef_validation *check,
                                          const struct clef_avgpool_forward_args *args)
{
    CLEF_TRY(clef_check_input(check, "src", args->src));
    CLEF_TRY(clef_check_output(check, "dst", args->dst));
    return require_pool(check, &args->window, "src", args->src, "dst", args->dst);
}

clef_status clef_validate_avgpool_backward(struct clef_validation *check,
                                           const struct clef_avgpool_backward_args *args)
{
    CLEF_TRY(clef_check_input(check, "diff_dst", args->diff_dst));
    CLEF_TRY(clef_check_output(check, "diff_src", args->diff_src));
    return require_pool(check, &args->window, "diff_src", args->diff_src, "diff_dst",
                        args->diff_dst);
}
