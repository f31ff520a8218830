// SPDX-License-Identifier: Apache-2.0
// Adam's step on a run of elements: what the op does to its extents, and backward_weights to each
// part of its gradient.
#ifndef CLEF_CPU_ADAM_H
#define CLEF_CPU_ADAM_H

#include "cpu/ops/cpu_isa.h"

struct cpu_adam {
    float *param, *m, *v; // param is NULL if there is nothing to update.
    const int *fault;     // May be NULL.
    float beta1, beta2, epsilon;
    // Of the run under way: the learning rate with both corrections, and whether anything may
    // change.
    float alpha;
    bool active;
};

// NULL gives a step that never does anything.
struct cpu_adam CPU_NAME(adam_of_weights)(const struct clef_weights_update *update);

// Prepares a run.
void CPU_NAME(adam_begin)(struct cpu_adam *adam, const struct clef_run_values *values);

// Updates `count` elements from `at` on, of which grad[0] is the first one's gradient.
void CPU_NAME(adam_update)(const struct cpu_adam *adam, const float *grad, size_t at, size_t count);

#endif
