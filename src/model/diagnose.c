// SPDX-License-Identifier: Apache-2.0
// Where NaN or infinity came from.
#include "core/error.h"
#include "model/model_state.h"

#include <math.h>
#include <stdlib.h>

// Downloads a part of a buffer and tells whether every float is finite. `room` holds it.
static clef_status check_finite(struct clef_buffer *buffer, size_t offset, size_t floats,
                                float *room, bool *finite)
{
    CLEF_TRY(
        clef_buffer_download(buffer, offset * sizeof(float), room, floats * sizeof(float), NULL));
    *finite = true;
    for (size_t i = 0; i < floats; i++)
        *finite = *finite && isfinite(room[i]);
    return CLEF_OK;
}

// Looks for the first parameter of a layer that is not finite; -1 if there is none. In training the
// moving statistics have no influence, but for those of a frozen layer.
static clef_status check_parameters(const struct clef_model *model, int node, bool training,
                                    float *room, int *found)
{
    const struct clef_node *layer = &model->graph.nodes[node];
    *found = -1;
    for (int i = 0; i < layer->parameter_count && *found < 0; i++) {
        int index = layer->first_parameter + i;
        const struct clef_parameter_place *place = &model->parameters.places[index];
        if (training && !layer->frozen &&
            !clef_parameter_is_trainable(model->graph.parameters[index].kind))
            continue;
        bool finite;
        CLEF_TRY(
            check_finite(model->parameters.values, place->offset, place->floats, room, &finite));
        if (!finite)
            *found = index;
    }
    return CLEF_OK;
}

// Room for the largest output and the largest parameter.
static size_t room_floats(const struct clef_model *model, const struct clef_schedule *schedule)
{
    size_t most = 1;
    for (int i = 0; i < schedule->value_count; i++)
        if (schedule->values[i].floats > most)
            most = schedule->values[i].floats;
    for (int i = 0; i < model->graph.parameter_count; i++)
        if (model->parameters.places[i].floats > most)
            most = model->parameters.places[i].floats;
    return most;
}

static clef_status search(struct clef_model *model, const struct clef_executable *executable,
                          int slot, const char *when, float *room)
{
    const struct clef_schedule *schedule = &executable->schedule;
    // What to say behind the place, if it is a parameter and if it is not. In training the step
    // itself changed nothing; but one before may have, when a gradient overflowed below a finite
    // loss.
    const char *lost = "the parameters are damaged, train or load others", *kept = lost;
    if (executable->training) {
        lost =
            "it was set so, or an earlier step left it so, whose gradient or update was too large; "
            "train anew with a lower learning rate";
        kept = "this step changed no parameter; lower the learning rate";
    }
    for (int i = 0; i < schedule->forward_count; i++) {
        const struct clef_step *step = &schedule->steps[i];
        if (step->node == CLEF_NO_NODE)
            continue;
        const char *layer = model->graph.nodes[step->node].name;
        int parameter;
        CLEF_TRY(check_parameters(model, step->node, executable->training, room, &parameter));
        if (parameter >= 0)
            return clef_fail(CLEF_NOT_FINITE,
                             "%s: layer \"%s\" is the first with a value that is NaN or infinite, "
                             "in its parameter \"%s\"; %s",
                             when, layer, model->graph.parameters[parameter].name, lost);
        CLEF_TRY(clef_executable_run(executable, slot, i, i + 1, NULL));
        const struct clef_value *dst = &schedule->values[step->value[CLEF_ROLE_DST]];
        bool finite;
        CLEF_TRY(check_finite(model->workspace.arena, dst->offset, dst->floats, room, &finite));
        if (!finite)
            return clef_fail(CLEF_NOT_FINITE,
                             "%s: layer \"%s\" is the first with a value that is NaN or infinite, "
                             "in its output; %s",
                             when, layer, kept);
    }
    return clef_fail(CLEF_NOT_FINITE, "%s, although every layer's values are finite; %s", when,
                     kept);
}

clef_status clef_model_diagnose(struct clef_model *model, int slot, const char *when)
{
    const struct clef_ticket *ticket = &model->tickets[slot];
    struct clef_executable *executable;
    CLEF_TRY(clef_model_get_executable(model, ticket->batch.count, ticket->training, &executable));
    size_t image = (size_t)model->graph.nodes[0].height * (size_t)model->graph.nodes[0].width *
                   (size_t)model->graph.nodes[0].channels;
    CLEF_TRY(clef_buffer_upload(model->workspace.images[slot], 0, ticket->batch.images,
                                (size_t)ticket->batch.count * image, NULL));
    float *room = malloc(room_floats(model, &executable->schedule) * sizeof *room);
    if (!room)
        return clef_fail(CLEF_NOT_FINITE, "%s; there is no memory to find out where", when);
    clef_status status = search(model, executable, slot, when, room);
    free(room);
    return status;
}
