// SPDX-License-Identifier: Apache-2.0
#include "weights/weights_map.h"

#include "core/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// A layer that has parameters, and how many of its type come before it.
struct place {
    struct clef_layer layer;
    int number;
};

// A text and what stands for it elsewhere.
struct renaming {
    const char *from, *to;
};

static const char *rename_text(const struct renaming *rows, const char *text)
{
    for (; rows->from; rows++)
        if (strcmp(rows->from, text) == 0)
            return rows->to;
    return text;
}

static void name_for_clef(const struct place *place, char *name)
{
    snprintf(name, WEIGHTS_NAME, "%s", place->layer.name);
}

// Torchvision counts the blocks of a stage from 0, and calls a stage a layer.
static void name_for_pytorch(const struct place *place, char *name)
{
    static const struct renaming rows[] = {{"stem.conv", "conv1"},
                                           {"stem.bn", "bn1"},
                                           {"downsample.conv", "downsample.0"},
                                           {"downsample.bn", "downsample.1"},
                                           {NULL, NULL}};
    const char *text = place->layer.name;
    int stage, block, length = 0;
    // NOLINTNEXTLINE(cert-err34-c): the names are our own, and their numbers small.
    if (sscanf(text, "stage%d.block%d.%n", &stage, &block, &length) == 2 && length > 0)
        snprintf(name, WEIGHTS_NAME, "layer%d.%d.%s", stage, block - 1,
                 rename_text(rows, text + length));
    else
        snprintf(name, WEIGHTS_NAME, "%s", rename_text(rows, text));
}

static void name_for_keras(const struct place *place, char *name)
{
    static const struct renaming rows[] = {{"Conv2D", "conv2d"},
                                           {"BatchNormalization", "batch_normalization"},
                                           {"Dense", "dense"},
                                           {NULL, NULL}};
    const char *type = rename_text(rows, place->layer.type);
    if (place->number == 0)
        snprintf(name, WEIGHTS_NAME, "%s", type);
    else
        snprintf(name, WEIGHTS_NAME, "%s_%d", type, place->number);
}

static void name_for_keras_h5(const struct place *place, char *name)
{
    char layer[WEIGHTS_NAME];
    name_for_keras(place, layer);
    snprintf(name, WEIGHTS_NAME, "layers/%.*s/vars", WEIGHTS_NAME - 13, layer);
}

// The one table of the layouts: title, order of kernels, the layer's name, and what follows it for
// each kind of parameter.
static const struct naming {
    const char *title;
    enum clef_weights_order order;
    void (*name_layer)(const struct place *place, char *name);
    const char *suffix[CLEF_PARAMETER_MOVING_VARIANCE + 1];
} namings[WEIGHTS_NAMINGS] = {
    [CLEF_LAYOUT_CLEF] = {"clef",
                          CLEF_HWIO,
                          name_for_clef,
                          {".weight", ".bias", ".weight", ".bias", ".running_mean",
                           ".running_var"}},
    [CLEF_LAYOUT_PYTORCH] = {"pytorch",
                             CLEF_OIHW,
                             name_for_pytorch,
                             {".weight", ".bias", ".weight", ".bias", ".running_mean",
                              ".running_var"}},
    [CLEF_LAYOUT_KERAS] = {"keras",
                           CLEF_HWIO,
                           name_for_keras,
                           {"/kernel", "/bias", "/gamma", "/beta", "/moving_mean",
                            "/moving_variance"}},
    [WEIGHTS_KERAS_H5] = {"keras",
                          CLEF_HWIO,
                          name_for_keras_h5,
                          {"/0", "/1", "/0", "/1", "/2", "/3"}},
    [WEIGHTS_ONNX] = {"onnx",
                      CLEF_OIHW,
                      name_for_clef,
                      {".weight", ".bias", ".weight", ".bias", ".running_mean", ".running_var"}},
};

const char *weights_naming_title(enum weights_naming naming)
{
    return namings[naming].title;
}

static int count_of_type(const struct clef_model *model, const char *type, int before)
{
    int count = 0;
    for (int i = 0; i < before; i++)
        count += strcmp(clef_model_get_layer(model, i).type, type) == 0;
    return count;
}

// Extents of the image that a layer reads, which a flatten layer hides.
static struct clef_layer input_image(const struct clef_model *model, const struct clef_layer *layer)
{
    struct clef_layer input = clef_model_get_layer(model, layer->input[0]);
    while (input.height == 0 && strcmp(input.type, "Flatten") == 0)
        input = clef_model_get_layer(model, input.input[0]);
    return input;
}

static void set_kernel(const struct clef_model *model, const struct clef_layer *layer,
                       const struct clef_parameter *parameter, struct weights_tensor *tensor)
{
    int out = parameter->dims[parameter->rank - 1];
    tensor->kernel = (struct clef_weights_layout){1, 1, 1, out, out};
    if (parameter->rank == 4) {
        tensor->kernel.kernel_h = parameter->dims[0];
        tensor->kernel.kernel_w = parameter->dims[1];
        tensor->kernel.in = parameter->dims[2];
    } else if (parameter->rank == 2) {
        struct clef_layer image = input_image(model, layer);
        if (image.height > 0) {
            tensor->kernel.kernel_h = image.height;
            tensor->kernel.kernel_w = image.width;
        }
        tensor->kernel.in = image.channels;
    }
}

// The dims in the file: those of the model, or with the filters and then the inputs in front.
static void set_dims(const struct clef_parameter *parameter, enum clef_weights_order order,
                     struct weights_tensor *tensor)
{
    int rank = tensor->rank = parameter->rank;
    for (int i = 0; i < rank; i++)
        tensor->dims[i] = parameter->dims[i];
    if (order == CLEF_HWIO || rank < 2)
        return;
    tensor->dims[0] = parameter->dims[rank - 1];
    tensor->dims[1] = parameter->dims[rank - 2];
    for (int i = 2; i < rank; i++)
        tensor->dims[i] = parameter->dims[i - 2];
}

clef_status weights_map_create(const struct clef_model *model, enum weights_naming naming,
                               struct weights_tensor **tensors)
{
    const struct naming *row = &namings[naming];
    *tensors = calloc((size_t)clef_model_parameter_count(model), sizeof **tensors);
    if (!*tensors)
        return clef_fail(CLEF_OUT_OF_MEMORY, "no memory for the names of the parameters");
    for (int i = 0; i < clef_model_layer_count(model); i++) {
        struct place place = {clef_model_get_layer(model, i), 0};
        place.number = count_of_type(model, place.layer.type, i);
        for (int k = 0; k < place.layer.parameter_count; k++) {
            int index = place.layer.first_parameter + k;
            struct clef_parameter parameter = clef_model_get_parameter(model, index);
            struct weights_tensor *tensor = &(*tensors)[index];
            char name[WEIGHTS_NAME];
            row->name_layer(&place, name);
            snprintf(tensor->name, sizeof tensor->name, "%.*s%s", WEIGHTS_NAME - 20, name,
                     row->suffix[parameter.kind]);
            tensor->order = row->order;
            set_dims(&parameter, row->order, tensor);
            set_kernel(model, &place.layer, &parameter, tensor);
        }
    }
    return CLEF_OK;
}
