// SPDX-License-Identifier: Apache-2.0
// What batch normalisation takes of a batch's variance for the moving one.
#ifndef CLEF_OPS_MOVING_VARIANCE_H
#define CLEF_OPS_MOVING_VARIANCE_H

#include "clef/ops.h"

// The factor of the biased variance, with Bessel's correction where that is asked for. A single row
// has no unbiased variance; its biased one is zero, and so is what is taken.
static inline double clef_batchnorm_take_variance(const struct clef_batchnorm_train_args *args)
{
    double take = 1 - (double)args->momentum, rows = (double)clef_tensor_rows(args->src);
    return args->unbiased && rows > 1 ? take * (rows / (rows - 1)) : take;
}

#endif
