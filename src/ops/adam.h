// SPDX-License-Identifier: Apache-2.0
// What Adam is to every backend.
#ifndef CLEF_OPS_ADAM_H
#define CLEF_OPS_ADAM_H

#include "clef/ops.h"

// Operations of one element's step.
#define CLEF_ADAM_FLOPS 12

// The learning rate of a run with both corrections.
float clef_adam_alpha(const struct clef_run_values *values, float beta1, float beta2);

// Adds to a plan's facts what the gradient of so many weights costs that is written, updates its
// weights, or both.
void clef_add_gradient_cost(struct clef_plan_info *info, const struct clef_tensor *diff_weights,
                            const struct clef_weights_update *update, double weights);

#endif
