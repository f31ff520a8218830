// SPDX-License-Identifier: Apache-2.0
// Adam's step in plans of other ops: as a launch of its own behind a gradient, or inside of the
// kernel that has the gradient.
#ifndef CLEF_OCL_ADAM_H
#define CLEF_OCL_ADAM_H

#include "opencl/ocl_plan.h"

// Appends a launch whose kernel ends with the parameters of cl/adam_step.h, which the list of its
// arguments leaves out; or, without an update, a launch as it stands. A plan has room for one
// update.
void ocl_adam_add_launch(struct ocl_plan *build, const struct ocl_launch *launch,
                         const struct clef_weights_update *update);

// Where a pass of backward_weights puts its gradient: into the caller's tensor, or where there is
// none behind the `*used` floats of scratch, which then are more.
struct clef_tensor ocl_gradient_place(const struct clef_conv2d_backward_weights_args *args,
                                      const struct clef_tensor *scratch, size_t *used);

// Appends a launch for all weights that the pass reaches, if they are to be updated.
void ocl_adam_launch_weights(struct ocl_plan *build, struct ocl_context *ocl,
                             const struct clef_conv2d_backward_weights_args *args,
                             const struct clef_tensor *gradient);

#endif
