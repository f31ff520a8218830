// SPDX-License-Identifier: Apache-2.0
// Running steps. Two may be under way: while the device computes one, the input of the next is
// uploaded.
#include "model/model_state.h"

#include "core/error.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

static size_t image_bytes(const struct clef_model *model)
{
    const struct clef_node *input = &model->graph.nodes[0];
    return (size_t)input->height * (size_t)input->width * (size_t)input->channels;
}

static clef_status check_batch(const struct clef_model *model, const struct clef_batch *batch,
                               bool needs_labels)
{
    if (!batch || !batch->images || batch->count < 1)
        return clef_fail(CLEF_INVALID_ARGUMENT, "a step needs a batch of at least one image");
    if (!needs_labels)
        return CLEF_OK;
    if (!batch->labels)
        return clef_fail(CLEF_INVALID_ARGUMENT, "a step needs the labels of its images");
    for (int i = 0; i < batch->count; i++)
        if (batch->labels[i] < 0 || batch->labels[i] >= model->config.classes)
            return clef_fail(CLEF_INVALID_ARGUMENT,
                             "label %d of the batch is %d, but the model has %d classes (0..%d)", i,
                             (int)batch->labels[i], model->config.classes,
                             model->config.classes - 1);
    return CLEF_OK;
}

static int free_slot(const struct clef_model *model)
{
    for (int slot = 0; slot < CLEF_SLOTS; slot++)
        if (!model->tickets[slot].open)
            return slot;
    return CLEF_SLOTS;
}

// Waits for what a ticket has under way, and returns the first failure.
static clef_status wait_events(struct clef_ticket *ticket)
{
    clef_status first = CLEF_OK;
    for (int i = 0; i < 3; i++) {
        clef_status status = clef_event_wait(ticket->events[i]);
        ticket->events[i] = NULL;
        if (first == CLEF_OK)
            first = status;
    }
    return first;
}

// How far a step goes.
enum extent {
    EVALUATION, // Forward and loss in inference mode.
    STATISTICS, // The same in training mode, so that moving statistics follow.
    TRAINING    // And backward and Adam.
};

static clef_status enqueue(struct clef_model *model, const struct clef_executable *executable,
                           int slot, enum extent extent, const struct clef_run_values *values)
{
    struct clef_ticket *ticket = &model->tickets[slot];
    struct clef_workspace *workspace = &model->workspace;
    const struct clef_schedule *schedule = &executable->schedule;
    int end = extent == TRAINING ? schedule->step_count : schedule->forward_count + 1;
    size_t count = (size_t)ticket->batch.count;
    CLEF_TRY(clef_buffer_upload(workspace->images[slot], 0, ticket->batch.images,
                                count * image_bytes(model), &ticket->events[0]));
    CLEF_TRY(clef_buffer_upload(workspace->labels[slot], 0, ticket->batch.labels,
                                count * sizeof(int32_t), &ticket->events[1]));
    CLEF_TRY(clef_executable_run(executable, slot, 0, end, values));
    return clef_buffer_download(workspace->metrics, (size_t)slot * sizeof ticket->metrics,
                                ticket->metrics, sizeof ticket->metrics, &ticket->events[2]);
}

static clef_status start_step(struct clef_model *model, const struct clef_batch *batch,
                              enum extent extent, float learning_rate, int *ticket_number)
{
    bool training = extent != EVALUATION;
    CLEF_TRY(check_batch(model, batch, true));
    int slot = free_slot(model);
    if (slot == CLEF_SLOTS)
        return clef_fail(CLEF_INVALID_ARGUMENT,
                         "%d steps are under way; wait for one before starting another",
                         CLEF_SLOTS);
    struct clef_executable *executable;
    CLEF_TRY(clef_model_get_executable(model, batch->count, training, &executable));
    struct clef_run_values values = {.learning_rate = learning_rate, .step = model->step + 1};
    struct clef_ticket *ticket = &model->tickets[slot];
    *ticket = (struct clef_ticket){.training = training, .batch = *batch, .step = values.step};
    clef_status status = enqueue(model, executable, slot, extent, &values);
    if (status != CLEF_OK) {
        (void)wait_events(ticket);
        return status;
    }
    const struct clef_value *logits = &executable->schedule.values[executable->schedule.logits];
    model->logits_offset = logits->offset;
    model->logits_floats = logits->floats;
    ticket->open = true;
    if (extent == TRAINING)
        model->step = values.step;
    *ticket_number = slot;
    return CLEF_OK;
}

// After a step whose loss was not finite nothing is trained until every step that had been enqueued
// has been waited for; then training may go on from the parameters as they were before that step.
static clef_status clear_fault(struct clef_model *model)
{
    if (model->fault_step == 0)
        return CLEF_OK;
    for (int slot = 0; slot < CLEF_SLOTS; slot++)
        if (model->tickets[slot].open)
            return clef_fail(CLEF_NOT_FINITE,
                             "the loss was not finite at step %" PRIu64
                             "; wait for the steps under way before training on",
                             model->fault_step);
    const int32_t none = 0;
    CLEF_TRY(clef_buffer_upload(model->workspace.fault, 0, &none, sizeof none, NULL));
    model->fault_step = 0;
    return CLEF_OK;
}

clef_status clef_model_train_step(struct clef_model *model, const struct clef_batch *batch,
                                  float learning_rate, int *ticket)
{
    CLEF_TRY(clear_fault(model));
    return start_step(model, batch, TRAINING, learning_rate, ticket);
}

clef_status clef_model_statistics_step(struct clef_model *model, const struct clef_batch *batch,
                                       int *ticket)
{
    CLEF_TRY(clear_fault(model));
    return start_step(model, batch, STATISTICS, 0, ticket);
}

clef_status clef_model_evaluate_step(struct clef_model *model, const struct clef_batch *batch,
                                     int *ticket)
{
    return start_step(model, batch, EVALUATION, 0, ticket);
}

// Puts back the moving statistics as they were before a slot's training step.
static clef_status restore_statistics(struct clef_model *model, int slot)
{
    struct clef_parameters *parameters = &model->parameters;
    size_t floats = parameters->total_floats - parameters->trainable_floats;
    struct clef_tensor src = clef_tensor_vector(model->workspace.statistics[slot], 0, floats);
    struct clef_tensor dst =
        clef_tensor_vector(parameters->values, parameters->trainable_floats, floats);
    struct clef_copy_args args = {.src = &src, .dst = &dst};
    struct clef_plan *plan = NULL;
    CLEF_TRY(clef_plan_copy(model->device, &args, NULL, NULL, &plan));
    clef_status status = clef_plan_run(plan, NULL);
    if (status == CLEF_OK)
        status = clef_device_synchronize(model->device);
    clef_plan_destroy(plan);
    return status;
}

// The device has skipped the update of this step and of those after it. What remains is to undo
// their moving statistics, and to find out where it began.
static clef_status explain_fault(struct clef_model *model, int slot)
{
    struct clef_ticket *ticket = &model->tickets[slot];
    const char *value = isnan(ticket->metrics[0]) ? "NaN" : "infinite";
    char when[96];
    if (!ticket->training) {
        snprintf(when, sizeof when, "the loss is %s in evaluation", value);
        return clef_model_diagnose(model, slot, when);
    }
    snprintf(when, sizeof when, "the loss became %s at step %" PRIu64, value, ticket->step);
    model->fault_step = ticket->step;
    model->step = ticket->step - 1;
    CLEF_TRY(clef_device_synchronize(model->device));
    CLEF_TRY(restore_statistics(model, slot));
    clef_status status = clef_model_diagnose(model, slot, when);
    if (status == CLEF_NOT_FINITE)
        CLEF_TRY(restore_statistics(model, slot));
    return status;
}

clef_status clef_model_wait(struct clef_model *model, int ticket_number,
                            struct clef_metrics *metrics)
{
    if (ticket_number < 0 || ticket_number >= CLEF_SLOTS || !model->tickets[ticket_number].open)
        return clef_fail(CLEF_INVALID_ARGUMENT, "there is no step under way with ticket %d",
                         ticket_number);
    struct clef_ticket *ticket = &model->tickets[ticket_number];
    ticket->open = false;
    CLEF_TRY(wait_events(ticket));
    *metrics = (struct clef_metrics){.loss = ticket->metrics[0],
                                     .correct = (int)ticket->metrics[1],
                                     .count = ticket->batch.count};
    if (ticket->training && model->fault_step != 0)
        return clef_fail(CLEF_NOT_FINITE,
                         "step %" PRIu64 " changed nothing, since the loss was not finite at step "
                         "%" PRIu64,
                         ticket->step, model->fault_step);
    return isfinite(metrics->loss) ? CLEF_OK : explain_fault(model, ticket_number);
}

clef_status clef_model_predict(struct clef_model *model, const struct clef_batch *batch,
                               float *logits)
{
    CLEF_TRY(check_batch(model, batch, false));
    struct clef_executable *executable;
    CLEF_TRY(clef_model_get_executable(model, batch->count, false, &executable));
    // Work is done in order, so that even a slot in use has been read before it is overwritten.
    int slot = free_slot(model) % CLEF_SLOTS;
    size_t count = (size_t)batch->count;
    CLEF_TRY(clef_buffer_upload(model->workspace.images[slot], 0, batch->images,
                                count * image_bytes(model), NULL));
    const struct clef_schedule *schedule = &executable->schedule;
    CLEF_TRY(clef_executable_run(executable, slot, 0, schedule->forward_count, NULL));
    const struct clef_value *value = &schedule->values[schedule->logits];
    return clef_buffer_download(model->workspace.arena, value->offset * sizeof(float), logits,
                                value->floats * sizeof(float), NULL);
}

clef_status clef_model_read_logits(struct clef_model *model, float *logits)
{
    if (model->logits_floats == 0)
        return clef_fail(CLEF_INVALID_ARGUMENT, "there are no logits before the first step");
    return clef_buffer_download(model->workspace.arena, model->logits_offset * sizeof(float),
                                logits, model->logits_floats * sizeof(float), NULL);
}
