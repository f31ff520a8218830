// SPDX-License-Identifier: Apache-2.0
// The inside of a plan, shared by the files that build and run it.
#ifndef CLEF_OCL_PLAN_STEPS_H
#define CLEF_OCL_PLAN_STEPS_H

#include "opencl/ocl_plan.h"

// A kernel with its arguments set, or a step of the caller's own.
struct ocl_step {
    const char *name; // Of the kernel or the custom step.
    cl_kernel kernel; // NULL for a custom step.
    size_t global[3], local[3];
    ocl_enqueue enqueue;
    void *state;
    void (*release)(void *state);
};

struct ocl_plan {
    struct clef_plan base;
    struct ocl_context *ocl;
    struct ocl_step *steps;
    int step_count;
    struct ocl_buffer **buffers; // That the steps use, each once.
    int buffer_count;
    cl_mem *tables;
    int table_count;
    ocl_before_run before;
    void *before_state;
    void (*before_release)(void *state);
    void *problem;      // See ocl_plan_set_problem.
    clef_status status; // The first failure while it is built.
};

// Appends a step with everything zero; NULL after a failure, the plan's own or an earlier one.
struct ocl_step *ocl_plan_add_step(struct ocl_plan *plan, const char *name);

// Sets a kernel's arguments from a list, and checks that the kernel has as many parameters.
clef_status ocl_set_args(cl_kernel kernel, const char *name, const struct ocl_arg *args);

// Chooses and checks the sizes of a launch.
clef_status ocl_set_sizes(const struct ocl_context *ocl, const struct ocl_launch *launch,
                          struct ocl_step *step);

// Enqueues one step on the context's queue.
clef_status ocl_step_enqueue(struct ocl_context *ocl, const struct ocl_step *step, cl_event *event);

// What a run does before its first step and after its last.
clef_status ocl_plan_before_steps(struct ocl_plan *plan, const struct clef_run_values *values);
clef_status ocl_plan_after_steps(struct ocl_plan *plan);

#endif
