// SPDX-License-Identifier: Apache-2.0
// Weights that an op updates as it makes their gradient: what it is given, and what it must have
// done.
#ifndef CLEF_CHECK_CHECK_UPDATE_H
#define CLEF_CHECK_CHECK_UPDATE_H

#include "check/check_session.h"

struct check_update {
    const struct weights_shape *shape;
    struct check_tensor *weights, *m, *v, *fault; // fault may be NULL.
    bool is_stopped;                              // By a fault.
    struct clef_weights_update args;
    struct clef_run_values values;
};

// Makes the tensors, with moments as of gradients about as large as `scale`. The shape must live as
// long as the result.
struct check_update session_update(struct session *s, struct weights_shape *shape, double scale,
                                   bool is_stopped);

// Compares with Adam's step after a gradient in the order HWIO. `reached` as in check_weights.
void check_updated(struct session *s, const struct check_update *update, const double *gradient,
                   const bool *reached);

// Operations of so many weights' steps.
double check_update_flops(double weights);

#endif
