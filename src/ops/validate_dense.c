// SPDX-License-Identifier: Apache-2.0
#include "ops/validate.h"

// `image` is src or diff_src, `flat` is dst or diff_dst.
static clef_status require_dense_rows(const struct clef_validation *check, const char *image_name,
                                      const struct clef_tensor *image, const char *flat_name,
                                      const struct clef_tensor *flat)
{
    if (flat->h != 1 || flat->w != 1 || flat->n != image->n)
        return clef_invalid(check,
                            "%s is [%d, %d, %d, %d]: it must be [%d, 1, 1, units], for %s "
                            "has %d images",
                            flat_name, flat->n, flat->h, flat->w, flat->c, image->n, image_name,
                            image->n);
    return CLEF_OK;
}

clef_status clef_validate_dense_forward(struct clef_validation *check,
                                        const struct clef_dense_forward_args *args)
{
    CLEF_TRY(clef_check_input(check, "src", args->src));
    CLEF_TRY(clef_check_input(check, "weights", args->weights));
    CLEF_TRY(clef_check_optional_input(check, "bias", args->bias));
    CLEF_TRY(clef_check_output(check, "dst", args->dst));
    CLEF_TRY(require_dense_rows(check, "src", args->src, "dst", args->dst));
    CLEF_TRY(clef_require_weights(check, "weights", args->weights, args->src->h, args->src->w,
                                  args->src->c, args->dst->c));
    return clef_require_vector(check, "bias", args->bias, (size_t)args->dst->c);
}

clef_status clef_validate_dense_backward_data(struct clef_validation *check,
                                              const struct clef_dense_backward_data_args *args)
{
    CLEF_TRY(clef_check_input(check, "diff_dst", args->diff_dst));
    CLEF_TRY(clef_check_input(check, "weights", args->weights));
    CLEF_TRY(clef_check_output(check, "diff_src", args->diff_src));
    CLEF_TRY(require_dense_rows(check, "diff_src", args->diff_src, "diff_dst", args->diff_dst));
    return clef_require_weights(check, "weights", args->weights, args->diff_src->h,
                                args->diff_src->w, args->diff_src->c, args->diff_dst->c);
}

clef_status
clef_validate_dense_backward_weights(struct clef_validation *check,
                                     const struct clef_dense_backward_weights_args *args)
{
    CLEF_TRY(clef_check_input(check, "src", args->src));
    CLEF_TRY(clef_check_input(check, "diff_dst", args->diff_dst));
    CLEF_TRY(clef_check_optional_output(check, "diff_bias", args->diff_bias));
    CLEF_TRY(require_dense_rows(check, "src", args->src, "diff_dst", args->diff_dst));
    CLEF_TRY(clef_check_weights_gradient(check, args->diff_weights, args->update, args->src->h,
                                         args->src->w, args->src->c, args->diff_dst->c));
    return clef_require_vector(check, "diff_bias", args->diff_bias, (size_t)args->diff_dst->c);
}
