// SPDX-License-Identifier: Apache-2.0
// Layers as the operators of ONNX. Images are channels first there: extents and kernels change
// their order, and with it the inputs of a dense layer that reads a flattened image.
#include "onnx/onnx_records.h"

#include "core/error.h"

#include <stdio.h>
#include <string.h>

#define OUTPUT "logits"

static struct clef_layer layer_of(const struct onnx_file *file, int index)
{
    return clef_model_get_layer(file->model, index);
}

static struct clef_layer source_of(const struct onnx_file *file, const struct clef_layer *layer)
{
    return layer_of(file, layer->input[0]);
}

// The value that a layer computes has the layer's name, but for the last one.
static const char *value_of(const struct onnx_file *file, int index)
{
    bool is_last = index == clef_model_layer_count(file->model) - 1;
    return is_last ? OUTPUT : layer_of(file, index).name;
}

// Adds a node that has the layer's name, inputs and output.
static struct onnx_node *add_layer_node(struct onnx_file *file, const char *op, int index)
{
    struct clef_layer layer = layer_of(file, index);
    struct onnx_node *node = onnx_add_node(file, op, layer.name, value_of(file, index));
    for (int i = 0; i < layer.inputs; i++)
        onnx_add_input(node, value_of(file, layer.input[i]));
    return node;
}

// Lets an operator follow the first of a layer; the layer's output then is that of the second.
static void add_second(struct onnx_file *file, struct onnx_node *first, const char *op,
                       const char *suffix)
{
    struct onnx_node *second = onnx_add_node(file, op, NULL, first->output[0]);
    snprintf(second->name, sizeof second->name, "%s.%s", first->message.name, suffix);
    second->message.name = second->name;
    snprintf(first->output_name, sizeof first->output_name, "%s.input", second->name);
    first->output[0] = first->output_name;
    onnx_add_input(second, first->output_name);
}

// Parameters come in the order in which operators take them.
static void add_parameters(struct onnx_file *file, struct onnx_node *node,
                           const struct clef_layer *layer)
{
    for (int i = 0; i < layer->parameter_count; i++)
        onnx_add_input(node, file->map[layer->first_parameter + i].name);
}

// What follows the image for the window to end where dst does. A window may leave rows unseen; then
// nothing follows.
static int padding_after(int src, int dst, int kernel, int stride, int before)
{
    int after = (dst - 1) * stride + kernel - src - before;
    return after > 0 ? after : 0;
}

static void add_window(struct onnx_node *node, const struct clef_layer *layer,
                       const struct clef_layer *src)
{
    const struct clef_window *w = &layer->window;
    int bottom = padding_after(src->height, layer->height, w->kernel_h, w->stride_h, w->pad_top);
    int right = padding_after(src->width, layer->width, w->kernel_w, w->stride_w, w->pad_left);
    onnx_add_ints(node, "kernel_shape", (const int[]){w->kernel_h, w->kernel_w}, 2);
    onnx_add_ints(node, "strides", (const int[]){w->stride_h, w->stride_w}, 2);
    onnx_add_ints(node, "pads", (const int[]){w->pad_top, w->pad_left, bottom, right}, 4);
}

// ---------------------------------------------------------------- layers

static void add_input_layer(struct onnx_file *file, int index)
{
    struct clef_layer layer = layer_of(file, index);
    onnx_set_port(&file->input, layer.name,
                  (const int[]){0, layer.channels, layer.height, layer.width}, 4,
                  "Images, channels first, their pixels divided by 255.");
}

static void add_conv2d(struct onnx_file *file, int index)
{
    struct clef_layer layer = layer_of(file, index), src = source_of(file, &layer);
    struct onnx_node *node = add_layer_node(file, "Conv", index);
    add_window(node, &layer, &src);
    add_parameters(file, node, &layer);
    if (layer.relu)
        add_second(file, node, "Relu", "relu");
}

static void add_batchnorm(struct onnx_file *file, int index)
{
    struct clef_layer layer = layer_of(file, index);
    struct onnx_node *node = add_layer_node(file, "BatchNormalization", index);
    onnx_add_float(node, "epsilon", layer.epsilon);
    add_parameters(file, node, &layer);
}

static void add_relu(struct onnx_file *file, int index)
{
    add_layer_node(file, "Relu", index);
}

static void add_add(struct onnx_file *file, int index)
{
    add_layer_node(file, "Add", index);
}

// Padding takes no part in ONNX's MaxPool either.
static void add_maxpool(struct onnx_file *file, int index)
{
    struct clef_layer layer = layer_of(file, index), src = source_of(file, &layer);
    add_window(add_layer_node(file, "MaxPool", index), &layer, &src);
}

// ONNX's keeps the image, as one of 1x1.
static void add_global_avgpool(struct onnx_file *file, int index)
{
    add_second(file, add_layer_node(file, "GlobalAveragePool", index), "Flatten", "flatten");
}

static void add_flatten(struct onnx_file *file, int index)
{
    add_layer_node(file, "Flatten", index);
}

static void add_dense(struct onnx_file *file, int index)
{
    struct clef_layer layer = layer_of(file, index);
    struct onnx_node *node = add_layer_node(file, "Gemm", index);
    onnx_add_int(node, "transB", 1);
    add_parameters(file, node, &layer);
    if (layer.relu)
        add_second(file, node, "Relu", "relu");
}

static const struct {
    const char *type; // As struct clef_layer names it.
    void (*add)(struct onnx_file *file, int index);
} layer_types[] = {
    {"InputLayer", add_input_layer},
    {"Conv2D", add_conv2d},
    {"BatchNormalization", add_batchnorm},
    {"ReLU", add_relu},
    {"Add", add_add},
    {"MaxPooling2D", add_maxpool},
    {"GlobalAveragePooling2D", add_global_avgpool},
    {"Flatten", add_flatten},
    {"Dense", add_dense},
};
#define LAYER_TYPES (sizeof layer_types / sizeof *layer_types)

clef_status onnx_add_layers(struct onnx_file *file)
{
    int count = clef_model_layer_count(file->model);
    for (int i = 0; i < count; i++) {
        struct clef_layer layer = layer_of(file, i);
        size_t type = 0;
        while (type < LAYER_TYPES && strcmp(layer_types[type].type, layer.type) != 0)
            type++;
        if (type == LAYER_TYPES)
            return clef_fail(CLEF_UNSUPPORTED, "layer \"%s\": ONNX files of %s are not written",
                             layer.name, layer.type);
        layer_types[type].add(file, i);
    }
    struct clef_layer last = layer_of(file, count - 1);
    onnx_set_port(&file->output, OUTPUT, (const int[]){0, last.channels}, 2,
                  "Logits; their softmax gives the probabilities of the classes.");
    return CLEF_OK;
}
