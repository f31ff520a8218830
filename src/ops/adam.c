// SPDX-License-Identifier: Apache-2.0
#include "ops/adam.h"

#include <math.h>

float clef_adam_alpha(const struct clef_run_values *values, float beta1, float beta2)
{
    double step = (double)values->step;
    return (float)((double)values->learning_rate * sqrt(1 - pow((double)beta2, step)) /
                   (1 - pow((double)beta1, step)));
}

void clef_add_gradient_cost(struct clef_plan_info *info, const struct clef_tensor *diff_weights,
                            const struct clef_weights_update *update, double weights)
{
    if (diff_weights)
        info->bytes += sizeof(float) * weights;
    if (!update)
        return;
    info->flops += CLEF_ADAM_FLOPS * weights;
    info->bytes += 6 * sizeof(float) * weights; // Weights and moments, read and written.
}
