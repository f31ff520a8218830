// SPDX-License-Identifier: Apache-2.0
// Planning steps: what they need, whether the device has it, and making their plans.
#include "model/model_state.h"

#include "core/error.h"

#include <stdio.h>

// ---------------------------------------------------------------- memory

static struct clef_memory_plan memory_of(const struct clef_model *model,
                                         const struct clef_executable *executable)
{
    const struct clef_workspace_need *need = &executable->need;
    const struct clef_parameters *parameters = &model->parameters;
    uint64_t trainable = parameters->trainable_floats * sizeof(float);
    uint64_t skipped = clef_parameters_without_gradient(parameters) * sizeof(float);
    struct clef_memory_plan plan = {
        .parameters = parameters->total_floats * sizeof(float),
        .gradients = executable->training ? trainable - skipped : 0,
        .moments = executable->training ? 2 * trainable : 0,
        .activations = need->arena + CLEF_SLOTS * (need->images + need->labels + need->statistics),
        .scratch = need->scratch,
    };
    plan.total = plan.parameters + plan.gradients + plan.moments + plan.activations + plan.scratch;
    return plan;
}

// Bytes of the largest single buffer.
static uint64_t largest_of(const struct clef_model *model, const struct clef_executable *executable)
{
    struct clef_memory_plan plan = memory_of(model, executable);
    uint64_t largest = plan.parameters;
    if (executable->need.arena > largest)
        largest = executable->need.arena;
    return executable->need.scratch > largest ? executable->need.scratch : largest;
}

static bool buffers_fit(const struct clef_model *model, const struct clef_executable *executable)
{
    uint64_t limit = clef_device_get_info(model->device)->max_buffer_bytes;
    return limit == 0 || largest_of(model, executable) <= limit;
}

static bool fits(const struct clef_model *model, const struct clef_executable *executable)
{
    uint64_t present = clef_device_get_info(model->device)->memory_bytes;
    return (present == 0 || memory_of(model, executable).total <= present) &&
           buffers_fit(model, executable);
}

// The largest half, quarter, ... of a batch size that the device can do and has the memory for; 0
// if not even one image fits.
static clef_status find_smaller(const struct clef_model *model, int batch_size, bool training,
                                int *smaller)
{
    for (int batch = batch_size / 2; batch >= 1; batch /= 2) {
        struct clef_executable made;
        clef_status status =
            clef_executable_create(&model->graph, &model->parameters, batch, training, &made);
        if (status == CLEF_UNSUPPORTED)
            continue;
        CLEF_TRY(status);
        bool found = fits(model, &made);
        clef_executable_release(&made);
        if (found) {
            *smaller = batch;
            return CLEF_OK;
        }
    }
    *smaller = 0;
    return CLEF_OK;
}

// Tells how much is missing, and which batch size fits.
static clef_status refuse(const struct clef_model *model, const struct clef_executable *executable)
{
    const double gib = 1024.0 * 1024 * 1024;
    const struct clef_device_info *info = clef_device_get_info(model->device);
    bool whole = buffers_fit(model, executable); // Then it is the whole that is too large.
    const char *of = whole ? "" : " in one buffer";
    double needed =
        (double)(whole ? memory_of(model, executable).total : largest_of(model, executable)) / gib;
    double present = (double)(whole ? info->memory_bytes : info->max_buffer_bytes) / gib;
    int smaller;
    CLEF_TRY(find_smaller(model, executable->batch_size, executable->training, &smaller));
    if (smaller > 0)
        return clef_fail(CLEF_OUT_OF_MEMORY,
                         "a batch of %d needs %.1f GiB%s, but the device \"%s\" has %.1f GiB%s; a "
                         "batch size of %d fits",
                         executable->batch_size, needed, of, info->name, present, of, smaller);
    return clef_fail(CLEF_OUT_OF_MEMORY,
                     "a batch of %d needs %.1f GiB%s, but the device \"%s\" has %.1f GiB%s, and "
                     "not even one image fits; use a smaller network",
                     executable->batch_size, needed, of, info->name, present, of);
}

// Plans a step. What a device cannot do for a batch of this size it may do for a smaller one, which
// the error then names.
static clef_status plan_step(const struct clef_model *model, int batch_size, bool training,
                             struct clef_executable *executable)
{
    char reason[1024];
    int smaller;
    clef_status status =
        clef_executable_create(&model->graph, &model->parameters, batch_size, training, executable);
    if (status != CLEF_UNSUPPORTED)
        return status;
    snprintf(reason, sizeof reason, "%s", clef_last_error());
    CLEF_TRY(find_smaller(model, batch_size, training, &smaller));
    if (smaller == 0)
        return clef_fail(status, "%s", reason);
    return clef_fail(
        CLEF_OUT_OF_MEMORY,
        "a batch of %d is too large for the device \"%s\": a batch size of %d fits (%s)",
        batch_size, clef_device_get_info(model->device)->name, smaller, reason);
}

clef_status clef_model_plan_memory(struct clef_model *model, int batch_size, bool training,
                                   struct clef_memory_plan *plan)
{
    struct clef_executable executable;
    CLEF_TRY(plan_step(model, batch_size, training, &executable));
    *plan = memory_of(model, &executable);
    clef_executable_release(&executable);
    return CLEF_OK;
}

// ---------------------------------------------------------------- executables

static struct clef_executable *find(struct clef_model *model, int batch_size, bool training)
{
    for (int i = 0; i < model->executable_count; i++)
        if (model->executables[i].batch_size == batch_size &&
            model->executables[i].training == training)
            return &model->executables[i];
    return NULL;
}

// Makes room for one more executable; the one not used for longest goes.
static struct clef_executable *take_place(struct clef_model *model)
{
    if (model->executable_count < CLEF_MAX_EXECUTABLES)
        return &model->executables[model->executable_count++];
    struct clef_executable *oldest = &model->executables[0];
    for (int i = 1; i < CLEF_MAX_EXECUTABLES; i++)
        if (model->executables[i].last_use < oldest->last_use)
            oldest = &model->executables[i];
    clef_executable_release(oldest);
    return oldest;
}

static clef_status make_ready(struct clef_model *model, struct clef_executable *executable)
{
    if (executable->plans)
        return CLEF_OK;
    if (executable->training)
        CLEF_TRY(clef_parameters_require_gradients(&model->parameters));
    if (!clef_workspace_suffices(&model->workspace, &executable->need)) {
        for (int i = 0; i < model->executable_count; i++)
            clef_executable_unbind(&model->executables[i]);
        CLEF_TRY(clef_workspace_grow(&model->workspace, &executable->need));
    }
    return clef_executable_bind(executable, &model->graph, &model->parameters, &model->workspace);
}

clef_status clef_model_get_executable(struct clef_model *model, int batch_size, bool training,
                                      struct clef_executable **executable)
{
    struct clef_executable *found = find(model, batch_size, training);
    if (!found) {
        struct clef_executable made;
        CLEF_TRY(plan_step(model, batch_size, training, &made));
        if (!fits(model, &made)) {
            clef_status status = refuse(model, &made);
            clef_executable_release(&made);
            return status;
        }
        found = take_place(model);
        *found = made;
    }
    CLEF_TRY(make_ready(model, found));
    found->last_use = ++model->uses;
    *executable = found;
    return CLEF_OK;
}

clef_status clef_model_prepare(struct clef_model *model, int batch_size, bool training)
{
    struct clef_executable *executable;
    return clef_model_get_executable(model, batch_size, training, &executable);
}

clef_status clef_model_visit_plans(struct clef_model *model, int batch_size, bool training,
                                   clef_plan_visitor visit, void *user)
{
    struct clef_executable *executable;
    CLEF_TRY(clef_model_get_executable(model, batch_size, training, &executable));
    for (int i = 0; i < executable->schedule.step_count; i++) {
        const struct clef_step *step = &executable->schedule.steps[i];
        CLEF_TRY(visit(user, clef_step_layer_name(&model->graph, step), clef_step_op_name(step->op),
                       clef_executable_plan(executable, 0, i)));
    }
    return CLEF_OK;
}

clef_status clef_model_visit_ops(struct clef_model *model, int batch_size, bool training,
                                 clef_op_visitor visit, void *user)
{
    struct clef_schedule schedule;
    CLEF_TRY(clef_schedule_create(&model->graph, batch_size, training, &schedule));
    struct clef_workspace nothing = {.device = model->device};
    const struct clef_binding binding = {.graph = &model->graph,
                                         .parameters = &model->parameters,
                                         .schedule = &schedule,
                                         .workspace = &nothing,
                                         .visit = visit,
                                         .user = user};
    clef_status status = CLEF_OK;
    for (int i = 0; status == CLEF_OK && i < schedule.step_count; i++)
        status = clef_bind_step(&binding, &schedule.steps[i], NULL, NULL);
    clef_schedule_release(&schedule);
    return status;
}
