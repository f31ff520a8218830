// SPDX-License-Identifier: Apache-2.0
#include "core/error.h"
#include "io/hdf5.h"
#include "model/resnet_json.h"
#include "weights/weights_map.h"

#include <stdlib.h>

struct saving {
    struct clef_model *model;
    struct weights_tensor *map;              // By parameter.
    struct clef_safetensors_tensor *tensors; // The same for the writer of files.
    float *values;                           // Room for the largest parameter, as the model has it.
};

static void release(struct saving *saving)
{
    free(saving->map);
    free(saving->tensors);
    free(saving->values);
}

static clef_status begin(struct clef_model *model, enum weights_naming naming,
                         struct saving *saving)
{
    size_t count = (size_t)clef_model_parameter_count(model), largest = 0;
    saving->model = model;
    CLEF_TRY(weights_map_create(model, naming, &saving->map));
    for (size_t i = 0; i < count; i++) {
        size_t size = clef_model_get_parameter(model, (int)i).count;
        largest = size > largest ? size : largest;
    }
    saving->tensors = calloc(count, sizeof *saving->tensors);
    saving->values = calloc(largest, sizeof *saving->values);
    if (!saving->tensors || !saving->values)
        return clef_fail(CLEF_OUT_OF_MEMORY, "no memory to convert the weights");
    for (size_t i = 0; i < count; i++) {
        saving->tensors[i].name = saving->map[i].name;
        saving->tensors[i].rank = saving->map[i].rank;
        for (int k = 0; k < saving->map[i].rank; k++)
            saving->tensors[i].dims[k] = saving->map[i].dims[k];
    }
    return CLEF_OK;
}

static clef_status provide(void *user, int index, float *values)
{
    struct saving *saving = user;
    const struct weights_tensor *tensor = &saving->map[index];
    CLEF_TRY(clef_model_read_parameter(saving->model, index, saving->values));
    clef_weights_unpack(&tensor->kernel, tensor->order, saving->values, values);
    return CLEF_OK;
}

clef_status clef_weights_save(struct clef_model *model, enum clef_layout layout, const char *path)
{
    if (!model || !path || (layout != CLEF_LAYOUT_PYTORCH && layout != CLEF_LAYOUT_KERAS))
        return clef_fail(CLEF_INVALID_ARGUMENT,
                         "saving weights needs a model, a path, and PyTorch's or Keras's layout");
    char *config = clef_resnet_to_json(clef_model_get_config(model));
    if (!config)
        return clef_fail(CLEF_OUT_OF_MEMORY, "no memory to save \"%s\"", path);
    // Readers of safetensors know the frameworks by these short names.
    const struct clef_safetensors_string metadata[] = {
        {"format", layout == CLEF_LAYOUT_PYTORCH ? "pt" : "tf"},
        {"layout", weights_naming_title((enum weights_naming)layout)},
        {"config", config},
        {"clef", clef_version()},
    };
    struct saving saving = {0};
    clef_status status = begin(model, (enum weights_naming)layout, &saving);
    if (status == CLEF_OK)
        status = clef_safetensors_write(path, saving.tensors, clef_model_parameter_count(model),
                                        metadata, (int)(sizeof metadata / sizeof *metadata),
                                        provide, &saving);
    release(&saving);
    free(config);
    return status;
}

clef_status clef_weights_save_keras(struct clef_model *model, const char *path)
{
    if (!model || !path)
        return clef_fail(CLEF_INVALID_ARGUMENT, "saving weights needs a model and a path");
    struct saving saving = {0};
    clef_status status = begin(model, WEIGHTS_KERAS_H5, &saving);
    // The group is that of the model itself, without which early versions of Keras 3 load nothing.
    if (status == CLEF_OK)
        status = clef_hdf5_write(path, saving.tensors, clef_model_parameter_count(model), "vars",
                                 provide, &saving);
    release(&saving);
    return status;
}
