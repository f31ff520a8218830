// SPDX-License-Identifier: Apache-2.0
// Turns a step of a schedule into a plan of the device, with its tensors bound.
#ifndef CLEF_MODEL_BIND_H
#define CLEF_MODEL_BIND_H

#include "clef/model.h"
#include "model/parameters.h"
#include "model/schedule.h"
#include "model/workspace.h"

// Where the tensors of a step are.
struct clef_binding {
    const struct clef_graph *graph;
    const struct clef_parameters *parameters;
    const struct clef_schedule *schedule;
    const struct clef_workspace *workspace;
    int slot;
    // Called in place of planning, unless it is NULL.
    clef_op_visitor visit;
    void *user;
};

// Plans a step, or hands its arguments to the visitor. With `plan` NULL only *info is filled in,
// and the workspace may be empty.
clef_status clef_bind_step(const struct clef_binding *binding, const struct clef_step *step,
                           struct clef_plan_info *info, struct clef_plan **plan);

// Whether the plan of a step differs from slot to slot.
bool clef_step_depends_on_slot(const struct clef_step *step);

#endif
