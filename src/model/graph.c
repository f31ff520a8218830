// SPDX-License-Identifier: Apache-2.0
#include "model/graph.h"

#include "core/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool clef_parameter_is_trainable(enum clef_parameter_kind kind)
{
    return kind != CLEF_PARAMETER_MOVING_MEAN && kind != CLEF_PARAMETER_MOVING_VARIANCE;
}

// Makes room for one more element of an array.
static bool reserve(void **array, int count, int *capacity, size_t size)
{
    if (count < *capacity)
        return true;
    int grown = *capacity ? *capacity * 2 : 32;
    void *moved = realloc(*array, (size_t)grown * size);
    if (!moved)
        return false;
    *array = moved;
    *capacity = grown;
    return true;
}

static bool extents_fit(int height, int width, int channels)
{
    return height >= 1 && height <= CLEF_MAX_EXTENT && width >= 1 && width <= CLEF_MAX_EXTENT &&
           channels >= 1 && channels <= CLEF_MAX_EXTENT &&
           (long long)height * width <= CLEF_MAX_IMAGE_ELEMENTS / channels;
}

// Adds a layer with the given output. The result is NULL after a failure.
static struct clef_node *add_node(struct clef_graph *graph, enum clef_node_kind kind,
                                  const char *name, const int shape[3])
{
    if (graph->status != CLEF_OK)
        return NULL;
    if (!extents_fit(shape[0], shape[1], shape[2])) {
        graph->status =
            clef_fail(CLEF_INVALID_ARGUMENT,
                      "layer \"%s\": an output of %dx%dx%d is outside of what is "
                      "supported (each extent 1..%d, %d elements in all)",
                      name, shape[0], shape[1], shape[2], CLEF_MAX_EXTENT, CLEF_MAX_IMAGE_ELEMENTS);
        return NULL;
    }
    if (!reserve((void **)&graph->nodes, graph->node_count, &graph->node_capacity,
                 sizeof *graph->nodes)) {
        graph->status = clef_fail(CLEF_OUT_OF_MEMORY, "no memory for the list of layers");
        return NULL;
    }
    struct clef_node *node = &graph->nodes[graph->node_count++];
    memset(node, 0, sizeof *node);
    snprintf(node->name, sizeof node->name, "%s", name);
    node->kind = kind;
    node->height = shape[0];
    node->width = shape[1];
    node->channels = shape[2];
    node->first_parameter = graph->parameter_count;
    return node;
}

static void set_input(struct clef_node *node, int index, int src)
{
    node->input[index] = src;
    node->inputs = index + 1;
}

static void add_parameter(struct clef_graph *graph, enum clef_parameter_kind kind,
                          const char *suffix, int rank, const int *dims)
{
    if (graph->status != CLEF_OK)
        return;
    if (!reserve((void **)&graph->parameters, graph->parameter_count, &graph->parameter_capacity,
                 sizeof *graph->parameters)) {
        graph->status = clef_fail(CLEF_OUT_OF_MEMORY, "no memory for the list of parameters");
        return;
    }
    int index = graph->node_count - 1;
    struct clef_node *node = &graph->nodes[index];
    struct clef_graph_parameter *parameter = &graph->parameters[graph->parameter_count++];
    memset(parameter, 0, sizeof *parameter);
    snprintf(parameter->name, sizeof parameter->name, "%s.%s", node->name, suffix);
    parameter->kind = kind;
    parameter->rank = rank;
    parameter->node = index;
    parameter->count = 1;
    for (int i = 0; i < rank; i++) {
        parameter->dims[i] = dims[i];
        if (__builtin_mul_overflow(parameter->count, (size_t)dims[i], &parameter->count))
            graph->status =
                clef_fail(CLEF_INVALID_ARGUMENT, "parameter \"%s\" is too large", parameter->name);
    }
    node->parameter_count++;
}

// The extents of a layer's output; harmless ones after a failure.
static void shape_of(const struct clef_graph *graph, int node, int shape[3])
{
    shape[0] = shape[1] = shape[2] = 1;
    if (graph->status != CLEF_OK)
        return;
    shape[0] = graph->nodes[node].height;
    shape[1] = graph->nodes[node].width;
    shape[2] = graph->nodes[node].channels;
}

int clef_graph_input(struct clef_graph *graph, const char *name, const int shape[3])
{
    add_node(graph, CLEF_NODE_INPUT, name, shape);
    return graph->node_count - 1;
}

// A square window with the same stride in both directions.
static struct clef_window make_window(enum clef_padding padding, int kernel, int stride,
                                      const int shape[3], int out[3])
{
    const int kernels[2] = {kernel, kernel}, strides[2] = {stride, stride};
    return padding == CLEF_PADDING_SYMMETRIC ? clef_window_symmetric(kernels, strides, shape, out)
                                             : clef_window_same(kernels, strides, shape, out);
}

int clef_graph_conv2d(struct clef_graph *graph, const char *name, int src,
                      const struct clef_conv2d_config *config)
{
    int shape[3], out[3];
    shape_of(graph, src, shape);
    struct clef_window window =
        make_window(config->padding, config->kernel, config->stride, shape, out);
    out[2] = config->filters;
    struct clef_node *node = add_node(graph, CLEF_NODE_CONV2D, name, out);
    if (node) {
        set_input(node, 0, src);
        node->window = window;
        node->relu = config->relu;
    }
    add_parameter(graph, CLEF_PARAMETER_KERNEL, "weight", 4,
                  (const int[]){config->kernel, config->kernel, shape[2], config->filters});
    if (config->bias)
        add_parameter(graph, CLEF_PARAMETER_BIAS, "bias", 1, &config->filters);
    return graph->node_count - 1;
}

int clef_graph_batchnorm(struct clef_graph *graph, const char *name, int src,
                         const struct clef_batchnorm_config *config)
{
    int shape[3];
    shape_of(graph, src, shape);
    struct clef_node *node = add_node(graph, CLEF_NODE_BATCHNORM, name, shape);
    if (node) {
        set_input(node, 0, src);
        node->batchnorm = *config;
    }
    add_parameter(graph, CLEF_PARAMETER_GAMMA, "weight", 1, &shape[2]);
    add_parameter(graph, CLEF_PARAMETER_BETA, "bias", 1, &shape[2]);
    add_parameter(graph, CLEF_PARAMETER_MOVING_MEAN, "running_mean", 1, &shape[2]);
    add_parameter(graph, CLEF_PARAMETER_MOVING_VARIANCE, "running_var", 1, &shape[2]);
    return graph->node_count - 1;
}

int clef_graph_relu(struct clef_graph *graph, const char *name, int src)
{
    int shape[3];
    shape_of(graph, src, shape);
    struct clef_node *node = add_node(graph, CLEF_NODE_RELU, name, shape);
    if (node)
        set_input(node, 0, src);
    return graph->node_count - 1;
}

int clef_graph_add(struct clef_graph *graph, const char *name, int a, int b)
{
    int shape[3], other[3];
    shape_of(graph, a, shape);
    shape_of(graph, b, other);
    if (memcmp(shape, other, sizeof shape) != 0 && graph->status == CLEF_OK)
        graph->status =
            clef_fail(CLEF_INVALID_ARGUMENT, "layer \"%s\": cannot add %dx%dx%d and %dx%dx%d", name,
                      shape[0], shape[1], shape[2], other[0], other[1], other[2]);
    struct clef_node *node = add_node(graph, CLEF_NODE_ADD, name, shape);
    if (node) {
        set_input(node, 0, a);
        set_input(node, 1, b);
    }
    return graph->node_count - 1;
}

int clef_graph_maxpool(struct clef_graph *graph, const char *name, int src, int kernel, int stride,
                       enum clef_padding padding)
{
    int shape[3], out[3];
    shape_of(graph, src, shape);
    struct clef_window window = make_window(padding, kernel, stride, shape, out);
    out[2] = shape[2];
    struct clef_node *node = add_node(graph, CLEF_NODE_MAXPOOL, name, out);
    if (node) {
        set_input(node, 0, src);
        node->window = window;
    }
    return graph->node_count - 1;
}

int clef_graph_global_avgpool(struct clef_graph *graph, const char *name, int src)
{
    int shape[3], out[3];
    shape_of(graph, src, shape);
    struct clef_window window = clef_window_valid(shape, (const int[]){1, 1}, shape, out);
    out[2] = shape[2];
    struct clef_node *node = add_node(graph, CLEF_NODE_GLOBAL_AVGPOOL, name, out);
    if (node) {
        set_input(node, 0, src);
        node->window = window;
        node->flat = true;
    }
    return graph->node_count - 1;
}

int clef_graph_flatten(struct clef_graph *graph, const char *name, int src)
{
    int shape[3];
    shape_of(graph, src, shape);
    struct clef_node *node = add_node(graph, CLEF_NODE_FLATTEN, name, shape);
    if (node) {
        set_input(node, 0, src);
        node->flat = true;
    }
    return graph->node_count - 1;
}

int clef_graph_dense(struct clef_graph *graph, const char *name, int src, int units, bool relu)
{
    int shape[3];
    shape_of(graph, src, shape);
    struct clef_node *node = add_node(graph, CLEF_NODE_DENSE, name, (const int[]){1, 1, units});
    if (node) {
        set_input(node, 0, src);
        node->flat = true;
        node->relu = relu;
    }
    add_parameter(graph, CLEF_PARAMETER_KERNEL, "weight", 2,
                  (const int[]){shape[0] * shape[1] * shape[2], units});
    add_parameter(graph, CLEF_PARAMETER_BIAS, "bias", 1, &units);
    return graph->node_count - 1;
}

clef_status clef_graph_finish(struct clef_graph *graph)
{
    CLEF_TRY(graph->status);
    for (int i = 0; i < graph->node_count; i++)
        for (int k = 0; k < graph->nodes[i].inputs; k++) {
            struct clef_node *src = &graph->nodes[graph->nodes[i].input[k]];
            src->consumers++;
            src->normalisers += graph->nodes[i].kind == CLEF_NODE_BATCHNORM;
        }
    for (int i = 0; i < graph->node_count; i++) {
        const struct clef_node *node = &graph->nodes[i];
        bool has_bias = node->parameter_count > CLEF_SLOT_BIAS;
        if (node->kind == CLEF_NODE_CONV2D && has_bias && !node->relu && node->consumers > 0 &&
            node->consumers == node->normalisers)
            graph->parameters[node->first_parameter + CLEF_SLOT_BIAS].zero_gradient = true;
    }
    return CLEF_OK;
}

void clef_graph_release(struct clef_graph *graph)
{
    free(graph->nodes);
    free(graph->parameters);
    memset(graph, 0, sizeof *graph);
}
