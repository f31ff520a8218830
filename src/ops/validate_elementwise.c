// SPDX-License-Identifier: Apache-2.0
#include "ops/validate.h"

#include <math.h>

clef_status clef_validate_relu_forward(struct clef_validation *check,
                                       const struct clef_relu_forward_args *args)
{
    CLEF_TRY(clef_check_input(check, "src", args->src));
    CLEF_TRY(clef_check_output(check, "dst", args->dst));
    CLEF_TRY(clef_require_dense(check, "src", args->src));
    return clef_require_same_layout(check, "dst", args->dst, "src", args->src);
}

clef_status clef_validate_relu_backward(struct clef_validation *check,
                                        const struct clef_relu_backward_args *args)
{
    CLEF_TRY(clef_check_input(check, "dst", args->dst));
    CLEF_TRY(clef_check_input(check, "diff_dst", args->diff_dst));
    CLEF_TRY(clef_check_output(check, "diff_src", args->diff_src));
    CLEF_TRY(clef_require_dense(check, "dst", args->dst));
    CLEF_TRY(clef_require_same_layout(check, "diff_dst", args->diff_dst, "dst", args->dst));
    return clef_require_same_layout(check, "diff_src", args->diff_src, "dst", args->dst);
}

clef_status clef_validate_add(struct clef_validation *check, const struct clef_add_args *args)
{
    CLEF_TRY(clef_check_input(check, "a", args->a));
    CLEF_TRY(clef_check_input(check, "b", args->b));
    CLEF_TRY(clef_check_output(check, "dst", args->dst));
    CLEF_TRY(clef_require_dense(check, "a", args->a));
    CLEF_TRY(clef_require_same_layout(check, "b", args->b, "a", args->a));
    return clef_require_same_layout(check, "dst", args->dst, "a", args->a);
}

clef_status clef_validate_fill(struct clef_validation *check, const struct clef_fill_args *args)
{
    CLEF_TRY(clef_check_output(check, "dst", args->dst));
    return clef_require_dense(check, "dst", args->dst);
}

clef_status clef_validate_copy(struct clef_validation *check, const struct clef_copy_args *args)
{
    CLEF_TRY(clef_check_input(check, "src", args->src));
    CLEF_TRY(clef_check_output(check, "dst", args->dst));
    return clef_require_same_shape(check, "dst", args->dst, "src", args->src);
}

clef_status clef_validate_cast(struct clef_validation *check, const struct clef_cast_args *args)
{
    CLEF_TRY(clef_check_byte_input(check, "src", args->src));
    CLEF_TRY(clef_check_output(check, "dst", args->dst));
    CLEF_TRY(clef_require_same_shape(check, "dst", args->dst, "src", args->src));
    if (!isfinite(args->divisor) || args->divisor == 0.0f)
        return clef_invalid(check, "divisor is %g: it must be finite and not 0",
                            (double)args->divisor);
    return CLEF_OK;
}
