// SPDX-License-Identifier: Apache-2.0
// Making a model, and what can be asked of it.
#include "model/model_state.h"

#include "core/error.h"
#include "model/resnet.h"

#include <stdlib.h>

clef_status clef_model_create_empty(struct clef_device *device,
                                    const struct clef_resnet_config *config,
                                    struct clef_model **model)
{
    *model = NULL;
    if (!device)
        return clef_fail(CLEF_INVALID_ARGUMENT, "a model needs a device, but it is NULL");
    CLEF_TRY(clef_resnet_check(config));
    struct clef_model *made = calloc(1, sizeof *made);
    if (!made)
        return clef_fail(CLEF_OUT_OF_MEMORY, "no memory for a model");
    made->device = device;
    made->config = *config;
    made->workspace.device = device;
    clef_status status = clef_resnet_build(config, &made->graph);
    if (status == CLEF_OK)
        status = clef_parameters_create(device, &made->graph, &made->parameters);
    if (status != CLEF_OK) {
        clef_model_destroy(made);
        return status;
    }
    *model = made;
    return CLEF_OK;
}

clef_status clef_model_create_resnet(struct clef_device *device,
                                     const struct clef_resnet_config *config, uint64_t seed,
                                     struct clef_model **model)
{
    CLEF_TRY(clef_model_create_empty(device, config, model));
    clef_status status = clef_parameters_initialise(&(*model)->parameters, seed);
    if (status != CLEF_OK) {
        clef_model_destroy(*model);
        *model = NULL;
    }
    return status;
}

clef_status clef_model_freeze(struct clef_model *model, const char *layers)
{
    if (model->executable_count > 0)
        return clef_fail(CLEF_INVALID_ARGUMENT,
                         "layers can be frozen before the first step of a model only");
    clef_status status = clef_graph_freeze(&model->graph, layers);
    CLEF_TRY(clef_parameters_list_extents(&model->parameters));
    return status;
}

clef_status clef_model_keep_gradients(struct clef_model *model)
{
    if (model->executable_count > 0)
        return clef_fail(
            CLEF_INVALID_ARGUMENT,
            "to keep gradients can be asked for before the first step of a model only");
    clef_parameters_keep_gradients(&model->parameters);
    return CLEF_OK;
}

void clef_model_destroy(struct clef_model *model)
{
    if (!model)
        return;
    for (int slot = 0; slot < CLEF_SLOTS; slot++)
        for (int i = 0; i < 3; i++)
            (void)clef_event_wait(model->tickets[slot].events[i]);
    for (int i = 0; i < model->executable_count; i++)
        clef_executable_release(&model->executables[i]);
    clef_workspace_release(&model->workspace);
    clef_parameters_release(&model->parameters);
    clef_graph_release(&model->graph);
    free(model);
}

const struct clef_resnet_config *clef_model_get_config(const struct clef_model *model)
{
    return &model->config;
}

uint64_t clef_model_get_step(const struct clef_model *model)
{
    return model->step;
}

// ---------------------------------------------------------------- parameters

int clef_model_parameter_count(const struct clef_model *model)
{
    return model->graph.parameter_count;
}

struct clef_parameter clef_model_get_parameter(const struct clef_model *model, int index)
{
    if (index < 0 || index >= model->graph.parameter_count)
        return (struct clef_parameter){.name = ""};
    const struct clef_graph_parameter *known = &model->graph.parameters[index];
    struct clef_parameter parameter = {.name = known->name,
                                       .kind = known->kind,
                                       .rank = known->rank,
                                       .count = known->count,
                                       .trainable = clef_graph_trains(&model->graph, index)};
    for (int i = 0; i < known->rank; i++)
        parameter.dims[i] = known->dims[i];
    return parameter;
}

clef_status clef_model_read_parameter(struct clef_model *model, int index, float *values)
{
    return clef_parameters_read(&model->parameters, CLEF_SLAB_VALUES, index, values);
}

clef_status clef_model_write_parameter(struct clef_model *model, int index, const float *values)
{
    return clef_parameters_write(&model->parameters, CLEF_SLAB_VALUES, index, values);
}

clef_status clef_model_read_gradient(struct clef_model *model, int index, float *values)
{
    return clef_parameters_read_gradient(&model->parameters, index, values);
}

clef_status clef_model_read_moments(struct clef_model *model, int index, float *first,
                                    float *second)
{
    CLEF_TRY(clef_parameters_require_gradients(&model->parameters));
    CLEF_TRY(clef_parameters_read(&model->parameters, CLEF_SLAB_FIRST_MOMENTS, index, first));
    return clef_parameters_read(&model->parameters, CLEF_SLAB_SECOND_MOMENTS, index, second);
}

// ---------------------------------------------------------------- layers

int clef_model_layer_count(const struct clef_model *model)
{
    return model->graph.node_count;
}

struct clef_layer clef_model_get_layer(const struct clef_model *model, int index)
{
    static const char *const types[] = {
        [CLEF_NODE_INPUT] = "InputLayer",
        [CLEF_NODE_CONV2D] = "Conv2D",
        [CLEF_NODE_BATCHNORM] = "BatchNormalization",
        [CLEF_NODE_RELU] = "ReLU",
        [CLEF_NODE_ADD] = "Add",
        [CLEF_NODE_MAXPOOL] = "MaxPooling2D",
        [CLEF_NODE_GLOBAL_AVGPOOL] = "GlobalAveragePooling2D",
        [CLEF_NODE_FLATTEN] = "Flatten",
        [CLEF_NODE_DENSE] = "Dense",
    };
    if (index < 0 || index >= model->graph.node_count)
        return (struct clef_layer){.name = "", .type = ""};
    const struct clef_node *node = &model->graph.nodes[index];
    struct clef_layer layer = {.name = node->name,
                               .type = types[node->kind],
                               .height = node->height,
                               .width = node->width,
                               .channels = node->channels,
                               .inputs = node->inputs,
                               .input = {node->input[0], node->input[1]},
                               .first_parameter = node->first_parameter,
                               .parameter_count = node->parameter_count,
                               .window = node->window,
                               .relu = node->relu,
                               .epsilon = (float)node->batchnorm.epsilon};
    if (node->flat) {
        layer.channels = node->height * node->width * node->channels;
        layer.height = layer.width = 0;
    }
    for (int i = 0; i < node->parameter_count; i++)
        layer.parameters += model->graph.parameters[node->first_parameter + i].count;
    return layer;
}
