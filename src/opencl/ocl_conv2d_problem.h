// SPDX-License-Identifier: Apache-2.0
// One pass of a convolution as something to be solved: everything that the speed of the ways to
// compute it depends on. Its plan remembers it, for whoever tunes the device, and what tuning has
// found for it is taken when a plan is made.
#ifndef CLEF_OCL_CONV2D_PROBLEM_H
#define CLEF_OCL_CONV2D_PROBLEM_H

#include "opencl/ocl_context.h"

struct ocl_conv2d_problem {
    enum clef_op op;                  // One of conv2d_*; dense layers are convolutions too.
    struct clef_tensor image, result; // Shapes and strides alone.
    struct clef_window window;
};

struct ocl_conv2d_problem ocl_conv2d_problem(enum clef_op op, const struct clef_tensor *image,
                                             const struct clef_tensor *result,
                                             const struct clef_window *window);

// Describes a problem as one line of text, which is the same for equal problems alone.
#define OCL_CONV2D_KEY_SIZE 256
void ocl_conv2d_problem_key(const struct ocl_conv2d_problem *problem,
                            char key[OCL_CONV2D_KEY_SIZE]);

// Between `begin` and `end` the context prefers what tuning has found for the problem, unless it
// prefers something already, or CLEF_CONV or CLEF_CONV_CONFIG decides. `end` also gives the problem
// to the plan, if one was made; it returns `status`, or the failure of that.
struct ocl_conv2d_planning {
    struct ocl_context *ocl;
    struct ocl_conv2d_problem problem;
    const char *preferred; // By the context, before.
};
struct ocl_conv2d_planning ocl_conv2d_begin(struct ocl_context *ocl, enum clef_op op,
                                            const struct clef_tensor *image,
                                            const struct clef_tensor *result,
                                            const struct clef_window *window);
clef_status ocl_conv2d_end(const struct ocl_conv2d_planning *planning, clef_status status,
                           struct clef_plan **plan);

#endif
