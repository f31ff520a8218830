// SPDX-License-Identifier: Apache-2.0
#include "model/executable.h"

#include "core/error.h"

#include <stdlib.h>
#include <string.h>

static clef_status find_need(struct clef_executable *executable, const struct clef_graph *graph,
                             const struct clef_parameters *parameters)
{
    const struct clef_schedule *schedule = &executable->schedule;
    struct clef_workspace nothing = {.device = parameters->device};
    struct clef_binding binding = {
        .graph = graph, .parameters = parameters, .schedule = schedule, .workspace = &nothing};
    size_t scratch_floats = 0;
    for (int i = 0; i < schedule->step_count; i++) {
        struct clef_plan_info info = {0};
        CLEF_TRY(clef_bind_step(&binding, &schedule->steps[i], &info, NULL));
        if (info.scratch_floats > scratch_floats)
            scratch_floats = info.scratch_floats;
    }
    const struct clef_node *input = &graph->nodes[0];
    size_t batch = (size_t)executable->batch_size;
    executable->need = (struct clef_workspace_need){
        .arena = schedule->arena_floats * sizeof(float),
        .scratch = scratch_floats * sizeof(float),
        .images = batch * (size_t)input->height * (size_t)input->width * (size_t)input->channels,
        .labels = batch * sizeof(int32_t),
        .statistics =
            executable->training
                ? (parameters->total_floats - parameters->trainable_floats) * sizeof(float)
                : 0,
    };
    return CLEF_OK;
}

clef_status clef_executable_create(const struct clef_graph *graph,
                                   const struct clef_parameters *parameters, int batch_size,
                                   bool training, struct clef_executable *executable)
{
    memset(executable, 0, sizeof *executable);
    executable->batch_size = batch_size;
    executable->training = training;
    CLEF_TRY(clef_schedule_create(graph, batch_size, training, &executable->schedule));
    clef_status status = find_need(executable, graph, parameters);
    if (status != CLEF_OK)
        clef_executable_release(executable);
    return status;
}

clef_status clef_executable_bind(struct clef_executable *executable, const struct clef_graph *graph,
                                 const struct clef_parameters *parameters,
                                 const struct clef_workspace *workspace)
{
    const struct clef_schedule *schedule = &executable->schedule;
    size_t steps = (size_t)schedule->step_count;
    executable->plans = calloc(CLEF_SLOTS * steps, sizeof *executable->plans);
    if (!executable->plans)
        return clef_fail(CLEF_OUT_OF_MEMORY, "no memory for %zu plans", steps);
    for (int slot = 0; slot < CLEF_SLOTS; slot++) {
        struct clef_binding binding = {.graph = graph,
                                       .parameters = parameters,
                                       .schedule = schedule,
                                       .workspace = workspace,
                                       .slot = slot};
        for (size_t i = 0; i < steps; i++) {
            const struct clef_step *step = &schedule->steps[i];
            if (slot > 0 && !clef_step_depends_on_slot(step))
                continue;
            struct clef_plan_info info;
            clef_status status =
                clef_bind_step(&binding, step, &info, &executable->plans[(size_t)slot * steps + i]);
            if (status != CLEF_OK) {
                clef_executable_unbind(executable);
                return status;
            }
            clef_plan_set_layer(executable->plans[(size_t)slot * steps + i],
                                clef_step_layer_name(graph, step));
        }
    }
    return CLEF_OK;
}

void clef_executable_unbind(struct clef_executable *executable)
{
    size_t count = CLEF_SLOTS * (size_t)executable->schedule.step_count;
    for (size_t i = 0; executable->plans && i < count; i++)
        clef_plan_destroy(executable->plans[i]);
    free(executable->plans);
    executable->plans = NULL;
}

void clef_executable_release(struct clef_executable *executable)
{
    clef_executable_unbind(executable);
    clef_schedule_release(&executable->schedule);
    memset(executable, 0, sizeof *executable);
}

struct clef_plan *clef_executable_plan(const struct clef_executable *executable, int slot, int step)
{
    if (!clef_step_depends_on_slot(&executable->schedule.steps[step]))
        slot = 0;
    return executable->plans[slot * executable->schedule.step_count + step];
}

clef_status clef_executable_run(const struct clef_executable *executable, int slot, int first,
                                int end, const struct clef_run_values *values)
{
    for (int i = first; i < end; i++)
        CLEF_TRY(clef_plan_run(clef_executable_plan(executable, slot, i), values));
    return CLEF_OK;
}
