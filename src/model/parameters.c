// SPDX-License-Identifier: Apache-2.0
#include "model/parameters.h"

#include "core/error.h"
#include "model/memory_plan.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static struct clef_weights_layout kernel_layout(const struct clef_graph *graph, int index,
                                                int panel)
{
    const struct clef_graph_parameter *parameter = &graph->parameters[index];
    const struct clef_node *node = &graph->nodes[parameter->node];
    const struct clef_node *src = &graph->nodes[node->input[0]];
    struct clef_weights_layout layout = {
        .in = src->channels, .out = node->channels, .panel = panel};
    bool is_dense = node->kind == CLEF_NODE_DENSE;
    layout.kernel_h = is_dense ? src->height : node->window.kernel_h;
    layout.kernel_w = is_dense ? src->width : node->window.kernel_w;
    return layout;
}

// In the order of the slabs.
enum section { KERNELS, OTHER_TRAINED, NOT_TRAINED, SECTIONS };

static enum section section_of(const struct clef_graph_parameter *parameter)
{
    if (!clef_parameter_is_trainable(parameter->kind))
        return NOT_TRAINED;
    return parameter->kind == CLEF_PARAMETER_KERNEL ? KERNELS : OTHER_TRAINED;
}

static clef_status place_parameters(struct clef_parameters *parameters, int panel)
{
    const struct clef_graph *graph = parameters->graph;
    size_t offset = 0, *ends[SECTIONS] = {&parameters->kernel_floats, &parameters->trainable_floats,
                                          &parameters->total_floats};
    for (int section = 0; section < SECTIONS; section++) {
        for (int i = 0; i < graph->parameter_count; i++) {
            const struct clef_graph_parameter *parameter = &graph->parameters[i];
            struct clef_parameter_place *place = &parameters->places[i];
            if ((int)section_of(parameter) != section)
                continue;
            place->floats = parameter->count;
            if (section == KERNELS) {
                place->layout = kernel_layout(graph, i, panel);
                place->floats = clef_weights_count(&place->layout);
            }
            place->offset = offset;
            offset += clef_align_floats(place->floats);
        }
        *ends[section] = offset;
    }
    if (offset > INT_MAX)
        return clef_fail(CLEF_INVALID_ARGUMENT,
                         "the network has %zu million parameters, but at most %d million are "
                         "supported; use fewer filters or dense units",
                         offset / 1000000, INT_MAX / 1000000);
    return CLEF_OK;
}

static bool is_updated_by_adam(const struct clef_parameters *parameters, int index)
{
    const struct clef_graph_parameter *parameter = &parameters->graph->parameters[index];
    return section_of(parameter) == OTHER_TRAINED && clef_graph_trains(parameters->graph, index) &&
           !parameter->zero_gradient;
}

clef_status clef_parameters_list_extents(struct clef_parameters *parameters)
{
    int count = parameters->graph->parameter_count;
    free(parameters->extents);
    parameters->extents = calloc((size_t)count + 1, sizeof *parameters->extents);
    if (!parameters->extents)
        return clef_fail(CLEF_OUT_OF_MEMORY, "no memory for the list of parameters");
    size_t listed = 0;
    for (int i = 0; i < count; i++) {
        if (!is_updated_by_adam(parameters, i))
            continue;
        const struct clef_parameter_place *place = &parameters->places[i];
        size_t offset = place->offset - parameters->kernel_floats;
        // The floats up to the next parameter stay zero, and make one extent of neighbours.
        size_t floats = clef_align_floats(place->floats);
        struct clef_extent *last = listed ? &parameters->extents[listed - 1] : NULL;
        if (last && last->offset + last->count == offset)
            last->count += floats;
        else
            parameters->extents[listed++] = (struct clef_extent){offset, floats};
    }
    parameters->extent_count = listed;
    return CLEF_OK;
}

// One slab has all, of whatever batch size.
static clef_status check_size(const struct clef_parameters *parameters,
                              const struct clef_device_info *info)
{
    const double gib = 1024.0 * 1024 * 1024;
    uint64_t bytes = (uint64_t)parameters->total_floats * sizeof(float);
    uint64_t most = info->memory_bytes;
    bool one_buffer = info->max_buffer_bytes > 0 && bytes > info->max_buffer_bytes;
    if (one_buffer)
        most = info->max_buffer_bytes;
    if (most == 0 || bytes <= most)
        return CLEF_OK;
    return clef_fail(
        CLEF_OUT_OF_MEMORY,
        "the network has %.1f GiB of parameters, but the device \"%s\" has %.1f GiB%s; "
        "use a smaller network or image",
        (double)bytes / gib, info->name, (double)most / gib, one_buffer ? " in one buffer" : "");
}

static clef_status set_up(struct clef_parameters *parameters)
{
    const struct clef_device_info *info = clef_device_get_info(parameters->device);
    size_t count = (size_t)parameters->graph->parameter_count;
    parameters->places = calloc(count, sizeof *parameters->places);
    if (!parameters->places)
        return clef_fail(CLEF_OUT_OF_MEMORY, "no memory for the list of parameters");
    CLEF_TRY(place_parameters(parameters, info->filter_panel));
    CLEF_TRY(check_size(parameters, info));
    CLEF_TRY(clef_parameters_list_extents(parameters));
    return clef_buffer_create(parameters->device, parameters->total_floats * sizeof(float),
                              &parameters->values);
}

clef_status clef_parameters_create(struct clef_device *device, const struct clef_graph *graph,
                                   struct clef_parameters *parameters)
{
    memset(parameters, 0, sizeof *parameters);
    parameters->device = device;
    parameters->graph = graph;
    clef_status status = set_up(parameters);
    if (status != CLEF_OK)
        clef_parameters_release(parameters);
    return status;
}

size_t clef_parameters_without_gradient(const struct clef_parameters *parameters)
{
    return parameters->keep_gradients ? 0 : parameters->kernel_floats;
}

void clef_parameters_keep_gradients(struct clef_parameters *parameters)
{
    parameters->keep_gradients = true;
    clef_buffer_destroy(parameters->gradients); // It may be too small.
    parameters->gradients = NULL;
}

clef_status clef_parameters_require_gradients(struct clef_parameters *parameters)
{
    size_t all = parameters->trainable_floats;
    struct {
        struct clef_buffer **buffer;
        size_t floats;
    } slabs[] = {{&parameters->gradients, all - clef_parameters_without_gradient(parameters)},
                 {&parameters->first_moments, all},
                 {&parameters->second_moments, all}};
    for (int i = 0; i < 3; i++)
        if (!*slabs[i].buffer)
            CLEF_TRY(clef_buffer_create(parameters->device, slabs[i].floats * sizeof(float),
                                        slabs[i].buffer));
    return CLEF_OK;
}

void clef_parameters_release(struct clef_parameters *parameters)
{
    clef_buffer_destroy(parameters->values);
    clef_buffer_destroy(parameters->gradients);
    clef_buffer_destroy(parameters->first_moments);
    clef_buffer_destroy(parameters->second_moments);
    free(parameters->places);
    free(parameters->extents);
    memset(parameters, 0, sizeof *parameters);
}

static clef_status check_index(const struct clef_parameters *parameters, int index)
{
    if (index < 0 || index >= parameters->graph->parameter_count)
        return clef_fail(CLEF_INVALID_ARGUMENT, "there is no parameter %d; the model has %d", index,
                         parameters->graph->parameter_count);
    return CLEF_OK;
}

// Reads from a slab that lacks the first `skipped` floats.
static clef_status read_from(const struct clef_parameters *parameters, struct clef_buffer *buffer,
                             size_t skipped, int index, float *values)
{
    const struct clef_parameter_place *place = &parameters->places[index];
    size_t offset = (place->offset - skipped) * sizeof(float),
           bytes = place->floats * sizeof(float);
    if (parameters->graph->parameters[index].kind != CLEF_PARAMETER_KERNEL)
        return clef_buffer_download(buffer, offset, values, bytes, NULL);
    float *panels = malloc(bytes);
    if (!panels)
        return clef_fail(CLEF_OUT_OF_MEMORY, "no memory to convert %zu bytes of weights", bytes);
    clef_status status = clef_buffer_download(buffer, offset, panels, bytes, NULL);
    if (status == CLEF_OK)
        clef_weights_unpack(&place->layout, CLEF_HWIO, panels, values);
    free(panels);
    return status;
}

static clef_status find_slab(const struct clef_parameters *parameters, enum clef_slab slab,
                             int index, struct clef_buffer **buffer)
{
    struct clef_buffer *const buffers[CLEF_SLABS] = {parameters->values, parameters->first_moments,
                                                     parameters->second_moments};
    CLEF_TRY(check_index(parameters, index));
    const struct clef_graph_parameter *parameter = &parameters->graph->parameters[index];
    if (slab != CLEF_SLAB_VALUES && !clef_parameter_is_trainable(parameter->kind))
        return clef_fail(CLEF_INVALID_ARGUMENT, "\"%s\" is not trained and has no moments",
                         parameter->name);
    *buffer = buffers[slab];
    return CLEF_OK;
}

clef_status clef_parameters_read(const struct clef_parameters *parameters, enum clef_slab slab,
                                 int index, float *values)
{
    struct clef_buffer *buffer = NULL;
    CLEF_TRY(find_slab(parameters, slab, index, &buffer));
    return read_from(parameters, buffer, 0, index, values);
}

clef_status clef_parameters_write(struct clef_parameters *parameters, enum clef_slab slab,
                                  int index, const float *values)
{
    struct clef_buffer *buffer = NULL;
    CLEF_TRY(find_slab(parameters, slab, index, &buffer));
    const struct clef_parameter_place *place = &parameters->places[index];
    size_t offset = place->offset * sizeof(float), bytes = place->floats * sizeof(float);
    if (parameters->graph->parameters[index].kind != CLEF_PARAMETER_KERNEL)
        return clef_buffer_upload(buffer, offset, values, bytes, NULL);
    float *panels = malloc(bytes);
    if (!panels)
        return clef_fail(CLEF_OUT_OF_MEMORY, "no memory to convert %zu bytes of weights", bytes);
    clef_weights_pack(&place->layout, CLEF_HWIO, values, panels);
    clef_status status = clef_buffer_upload(buffer, offset, panels, bytes, NULL);
    free(panels);
    return status;
}

clef_status clef_parameters_read_gradient(const struct clef_parameters *parameters, int index,
                                          float *values)
{
    CLEF_TRY(check_index(parameters, index));
    const struct clef_graph_parameter *parameter = &parameters->graph->parameters[index];
    if (!clef_graph_trains(parameters->graph, index))
        return clef_fail(CLEF_INVALID_ARGUMENT, "\"%s\" is not trained and has no gradient",
                         parameter->name);
    if (!parameters->gradients)
        return clef_fail(CLEF_INVALID_ARGUMENT,
                         "there are no gradients before the first training step");
    size_t skipped = clef_parameters_without_gradient(parameters);
    if (parameters->places[index].offset < skipped)
        return clef_fail(
            CLEF_INVALID_ARGUMENT,
            "the gradient of \"%s\" is not kept; call clef_model_keep_gradients before "
            "the first step",
            parameter->name);
    return read_from(parameters, parameters->gradients, skipped, index, values);
}
