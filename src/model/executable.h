// SPDX-License-Identifier: Apache-2.0
// All plans of one step, for one batch size, in training or inference mode.
#ifndef CLEF_MODEL_EXECUTABLE_H
#define CLEF_MODEL_EXECUTABLE_H

#include "model/bind.h"

struct clef_executable {
    int batch_size;
    bool training;
    struct clef_schedule schedule;
    struct clef_workspace_need need;
    struct clef_plan **plans; // [slot][step], of slot 1 only those that differ; NULL if not bound.
    uint64_t last_use;
};

// Makes the schedule and learns what it needs, without allocating on the device.
clef_status clef_executable_create(const struct clef_graph *graph,
                                   const struct clef_parameters *parameters, int batch_size,
                                   bool training, struct clef_executable *executable);

// Makes the plans. The workspace must suffice.
clef_status clef_executable_bind(struct clef_executable *executable, const struct clef_graph *graph,
                                 const struct clef_parameters *parameters,
                                 const struct clef_workspace *workspace);

// Destroys the plans, so that the workspace may change.
void clef_executable_unbind(struct clef_executable *executable);

void clef_executable_release(struct clef_executable *executable);

// The plan of a step for a slot.
struct clef_plan *clef_executable_plan(const struct clef_executable *executable, int slot,
                                       int step);

// Enqueues steps first .. end-1.
clef_status clef_executable_run(const struct clef_executable *executable, int slot, int first,
                                int end, const struct clef_run_values *values);

#endif
