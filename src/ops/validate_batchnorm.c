// SPDX-License-Identifier: Apache-2.0
#include "ops/validate.h"

static clef_status require_epsilon(const struct clef_validation *check, float epsilon)
{
    if (!(epsilon > 0.0f))
        return clef_invalid(check, "epsilon is %g: it must be above 0", (double)epsilon);
    return CLEF_OK;
}

// A row of channels: an input or output vector of src's c.
static clef_status check_channels(struct clef_validation *check, const char *name,
                                  const struct clef_tensor *tensor, int c, bool is_output)
{
    CLEF_TRY(is_output ? clef_check_output(check, name, tensor)
                       : clef_check_input(check, name, tensor));
    return clef_require_vector(check, name, tensor, (size_t)c);
}

clef_status clef_validate_batchnorm_train(struct clef_validation *check,
                                          const struct clef_batchnorm_train_args *args)
{
    CLEF_TRY(clef_check_input(check, "src", args->src));
    CLEF_TRY(clef_require_dense(check, "src", args->src));
    CLEF_TRY(clef_check_optional_input(check, "residual", args->residual));
    CLEF_TRY(clef_check_output(check, "dst", args->dst));
    CLEF_TRY(clef_require_same_layout(check, "residual", args->residual, "src", args->src));
    CLEF_TRY(clef_require_same_layout(check, "dst", args->dst, "src", args->src));
    int c = args->src->c;
    CLEF_TRY(check_channels(check, "gamma", args->gamma, c, false));
    CLEF_TRY(check_channels(check, "beta", args->beta, c, false));
    CLEF_TRY(check_channels(check, "moving_mean", args->moving_mean, c, true));
    CLEF_TRY(check_channels(check, "moving_variance", args->moving_variance, c, true));
    CLEF_TRY(check_channels(check, "saved_mean", args->saved_mean, c, true));
    CLEF_TRY(check_channels(check, "saved_inv_std", args->saved_inv_std, c, true));
    if (!(args->momentum >= 0.0f && args->momentum <= 1.0f))
        return clef_invalid(check, "momentum is %g: it must be from 0 to 1",
                            (double)args->momentum);
    return require_epsilon(check, args->epsilon);
}

clef_status clef_validate_batchnorm_infer(struct clef_validation *check,
                                          const struct clef_batchnorm_infer_args *args)
{
    CLEF_TRY(clef_check_input(check, "src", args->src));
    CLEF_TRY(clef_require_dense(check, "src", args->src));
    CLEF_TRY(clef_check_optional_input(check, "residual", args->residual));
    CLEF_TRY(clef_check_output(check, "dst", args->dst));
    CLEF_TRY(clef_require_same_layout(check, "residual", args->residual, "src", args->src));
    CLEF_TRY(clef_require_same_layout(check, "dst", args->dst, "src", args->src));
    int c = args->src->c;
    CLEF_TRY(check_channels(check, "gamma", args->gamma, c, false));
    CLEF_TRY(check_channels(check, "beta", args->beta, c, false));
    CLEF_TRY(check_channels(check, "moving_mean", args->moving_mean, c, false));
    CLEF_TRY(check_channels(check, "moving_variance", args->moving_variance, c, false));
    return require_epsilon(check, args->epsilon);
}

clef_status clef_validate_batchnorm_backward(struct clef_validation *check,
                                             const struct clef_batchnorm_backward_args *args)
{
    CLEF_TRY(clef_check_input(check, "src", args->src));
    CLEF_TRY(clef_require_dense(check, "src", args->src));
    if (args->relu && !args->dst)
        return clef_invalid(check, "dst is missing: the ReLU's backward pass needs it");
    CLEF_TRY(clef_check_optional_input(check, "dst", args->dst));
    CLEF_TRY(clef_check_input(check, "diff_dst", args->diff_dst));
    CLEF_TRY(clef_check_output(check, "diff_src", args->diff_src));
    CLEF_TRY(clef_check_optional_output(check, "diff_residual", args->diff_residual));
    CLEF_TRY(clef_require_same_layout(check, "dst", args->dst, "src", args->src));
    CLEF_TRY(clef_require_same_layout(check, "diff_dst", args->diff_dst, "src", args->src));
    CLEF_TRY(clef_require_same_layout(check, "diff_src", args->diff_src, "src", args->src));
    CLEF_TRY(
        clef_require_same_layout(check, "diff_residual", args->diff_residual, "src", args->src));
    int c = args->src->c;
    CLEF_TRY(check_channels(check, "gamma", args->gamma, c, false));
    CLEF_TRY(check_channels(check, "saved_mean", args->saved_mean, c, false));
    CLEF_TRY(check_channels(check, "saved_inv_std", args->saved_inv_std, c, false));
    CLEF_TRY(check_channels(check, "diff_gamma", args->diff_gamma, c, true));
    return check_channels(check, "diff_beta", args->diff_beta, c, true);
}
