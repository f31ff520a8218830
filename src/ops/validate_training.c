// SPDX-License-Identifier: Apache-2.0
// The loss and the optimiser.
#include "ops/validate.h"

#include <stdint.h>

_Static_assert(sizeof(int32_t) == sizeof(float), "int32 and float32 elements are sized alike");

clef_status clef_validate_softmax_cross_entropy(struct clef_validation *check,
                                                const struct clef_softmax_cross_entropy_args *args)
{
    CLEF_TRY(clef_check_input(check, "logits", args->logits));
    CLEF_TRY(clef_check_input(check, "labels", args->labels));
    CLEF_TRY(clef_check_optional_output(check, "diff_logits", args->diff_logits));
    CLEF_TRY(clef_check_output(check, "metrics", args->metrics));
    CLEF_TRY(clef_check_optional_output(check, "fault", args->fault));
    if (args->logits->h != 1 || args->logits->w != 1)
        return clef_invalid(check, "logits is [%d, %d, %d, %d]: it must be [n, 1, 1, classes]",
                            args->logits->n, args->logits->h, args->logits->w, args->logits->c);
    CLEF_TRY(clef_require_dense(check, "logits", args->logits));
    CLEF_TRY(
        clef_require_same_layout(check, "diff_logits", args->diff_logits, "logits", args->logits));
    CLEF_TRY(clef_require_vector(check, "labels", args->labels, (size_t)args->logits->n));
    CLEF_TRY(clef_require_vector(check, "metrics", args->metrics, 2));
    return clef_require_vector(check, "fault", args->fault, 1);
}

static clef_status require_adam_rates(const struct clef_validation *check, float beta1, float beta2,
                                      float epsilon)
{
    if (!(beta1 >= 0.0f && beta1 < 1.0f) || !(beta2 >= 0.0f && beta2 < 1.0f))
        return clef_invalid(check, "beta1 is %g and beta2 is %g: each must be from 0 to below 1",
                            (double)beta1, (double)beta2);
    if (!(epsilon > 0.0f))
        return clef_invalid(check, "epsilon is %g: it must be above 0", (double)epsilon);
    return CLEF_OK;
}

clef_status clef_check_weights_gradient(struct clef_validation *check,
                                        const struct clef_tensor *diff_weights,
                                        const struct clef_weights_update *update, int kernel_h,
                                        int kernel_w, int in, int out)
{
    if (diff_weights || !update) {
        CLEF_TRY(clef_check_output(check, "diff_weights", diff_weights));
        CLEF_TRY(
            clef_require_weights(check, "diff_weights", diff_weights, kernel_h, kernel_w, in, out));
    }
    if (!update)
        return CLEF_OK;
    check->takes_step = true;
    CLEF_TRY(clef_check_output(check, "update.weights", update->weights));
    CLEF_TRY(clef_check_output(check, "update.m", update->m));
    CLEF_TRY(clef_check_output(check, "update.v", update->v));
    CLEF_TRY(clef_check_optional_input(check, "update.fault", update->fault));
    CLEF_TRY(clef_require_weights(check, "update.weights", update->weights, kernel_h, kernel_w, in,
                                  out));
    CLEF_TRY(clef_require_weights(check, "update.m", update->m, kernel_h, kernel_w, in, out));
    CLEF_TRY(clef_require_weights(check, "update.v", update->v, kernel_h, kernel_w, in, out));
    CLEF_TRY(clef_require_vector(check, "update.fault", update->fault, 1));
    return require_adam_rates(check, update->beta1, update->beta2, update->epsilon);
}

static clef_status require_extents(const struct clef_validation *check,
                                   const struct clef_adam_args *args)
{
    if (!args->extents || args->extent_count == 0)
        return clef_invalid(check, "extents is empty: at least one is needed");
    size_t length = (size_t)args->param->c, end = 0;
    for (size_t i = 0; i < args->extent_count; i++) {
        const struct clef_extent *extent = &args->extents[i];
        if (extent->offset < end || extent->count == 0)
            return clef_invalid(check,
                                "extent %zu (offset %zu, count %zu) must not be empty and must "
                                "begin at or after %zu, the end of the one before",
                                i, extent->offset, extent->count, end);
        if (extent->offset > length || extent->count > length - extent->offset)
            return clef_invalid(check,
                                "extent %zu (offset %zu, count %zu) exceeds the %zu parameters", i,
                                extent->offset, extent->count, length);
        end = extent->offset + extent->count;
    }
    return CLEF_OK;
}

clef_status clef_validate_adam(struct clef_validation *check, const struct clef_adam_args *args)
{
    check->takes_step = true;
    CLEF_TRY(clef_check_input(check, "grad", args->grad));
    CLEF_TRY(clef_check_output(check, "param", args->param));
    CLEF_TRY(clef_check_output(check, "m", args->m));
    CLEF_TRY(clef_check_output(check, "v", args->v));
    CLEF_TRY(clef_check_optional_input(check, "fault", args->fault));
    CLEF_TRY(clef_require_vector(check, "param", args->param, (size_t)args->param->c));
    CLEF_TRY(clef_require_vector(check, "grad", args->grad, (size_t)args->param->c));
    CLEF_TRY(clef_require_vector(check, "m", args->m, (size_t)args->param->c));
    CLEF_TRY(clef_require_vector(check, "v", args->v, (size_t)args->param->c));
    CLEF_TRY(clef_require_vector(check, "fault", args->fault, 1));
    CLEF_TRY(require_adam_rates(check, args->beta1, args->beta2, args->epsilon));
    return require_extents(check, args);
}
