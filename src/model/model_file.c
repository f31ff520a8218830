// SPDX-License-Identifier: Apache-2.0
// Models in safetensors files: every parameter in the order of its dims, the configuration as
// metadata.
#include "model/model_state.h"

#include "core/dims_text.h"
#include "core/error.h"
#include "io/safetensors.h"
#include "model/resnet.h"
#include "model/resnet_json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT "clef"
#define LAYOUT "keras" // Kernels are HWIO.

// ---------------------------------------------------------------- save

static clef_status read_for_file(void *user, int index, float *values)
{
    return clef_model_read_parameter(user, index, values);
}

clef_status clef_model_save(struct clef_model *model, int batch_size, const char *path)
{
    if (!path || batch_size < 1 || batch_size > CLEF_MAX_BATCH)
        return clef_fail(CLEF_INVALID_ARGUMENT, "saving needs a path, and a batch size in 1..%d",
                         CLEF_MAX_BATCH);
    int count = model->graph.parameter_count;
    struct clef_safetensors_tensor *tensors = calloc((size_t)count, sizeof *tensors);
    char *config = clef_resnet_to_json(&model->config);
    clef_status status;
    if (tensors && config) {
        for (int i = 0; i < count; i++) {
            const struct clef_graph_parameter *parameter = &model->graph.parameters[i];
            tensors[i].name = parameter->name;
            tensors[i].rank = parameter->rank;
            for (int k = 0; k < parameter->rank; k++)
                tensors[i].dims[k] = parameter->dims[k];
        }
        char batch[16];
        snprintf(batch, sizeof batch, "%d", batch_size);
        const struct clef_safetensors_string metadata[] = {
            {"format", FORMAT},    {"version", clef_version()}, {"config", config},
            {"batch_size", batch}, {"layout", LAYOUT},
        };
        status =
            clef_safetensors_write(path, tensors, count, metadata,
                                   (int)(sizeof metadata / sizeof *metadata), read_for_file, model);
    } else {
        status = clef_fail(CLEF_OUT_OF_MEMORY, "no memory to save \"%s\"", path);
    }
    free(config);
    free(tensors);
    return status;
}

// ---------------------------------------------------------------- load

static clef_status check_metadata(const struct clef_safetensors *file, const char *key,
                                  const char *expected)
{
    const char *value = clef_safetensors_metadata(file, key);
    if (!value)
        return clef_fail(CLEF_FORMAT, "the metadata has no \"%s\": not a model of Clef", key);
    if (strcmp(value, expected) != 0)
        return clef_fail(CLEF_UNSUPPORTED, "the metadata's \"%s\" is \"%s\", not \"%s\"", key,
                         value, expected);
    return CLEF_OK;
}

static clef_status read_config(const struct clef_safetensors *file,
                               struct clef_resnet_config *config)
{
    CLEF_TRY(check_metadata(file, "format", FORMAT));
    CLEF_TRY(check_metadata(file, "layout", LAYOUT));
    const char *text = clef_safetensors_metadata(file, "config");
    if (!text)
        return clef_fail(CLEF_FORMAT, "the metadata has no \"config\"");
    clef_status status = clef_resnet_from_json(text, config);
    return status == CLEF_OK ? CLEF_OK : clef_fail_in(status, "the metadata's \"config\"");
}

static clef_status read_batch_size(const struct clef_safetensors *file, int *batch_size)
{
    const char *text = clef_safetensors_metadata(file, "batch_size");
    char *end = NULL;
    errno = 0;
    long value = text ? strtol(text, &end, 10) : 0;
    if (!text || errno || end == text || *end != '\0' || value < 1 || value > CLEF_MAX_BATCH)
        return clef_fail(CLEF_FORMAT,
                         "the metadata's \"batch_size\" is \"%s\", but must be in 1..%d",
                         text ? text : "", CLEF_MAX_BATCH);
    *batch_size = (int)value;
    return CLEF_OK;
}

static clef_status check_shape(const struct clef_graph_parameter *expected,
                               const struct clef_safetensors_tensor *found)
{
    size_t bytes = (size_t)expected->rank * sizeof *expected->dims;
    if (found->rank == expected->rank && memcmp(found->dims, expected->dims, bytes) == 0)
        return CLEF_OK;
    char expected_text[CLEF_DIMS_TEXT], found_text[CLEF_DIMS_TEXT];
    return clef_fail(CLEF_FORMAT, "tensor \"%s\" is %s, but the configuration asks for %s",
                     expected->name, clef_dims_text(found->rank, found->dims, found_text),
                     clef_dims_text(expected->rank, expected->dims, expected_text));
}

static bool is_parameter(const struct clef_graph *graph, const char *name)
{
    for (int i = 0; i < graph->parameter_count; i++)
        if (strcmp(graph->parameters[i].name, name) == 0)
            return true;
    return false;
}

// No tensor that the network has not got, and each that it has, in its shape. Strays come first, so
// that the search for a name never goes through more tensors than the network has parameters.
static clef_status check_tensors(const struct clef_graph *graph,
                                 const struct clef_safetensors *file)
{
    for (int i = 0; i < clef_safetensors_count(file); i++) {
        const char *name = clef_safetensors_get(file, i).name;
        if (!is_parameter(graph, name))
            return clef_fail(CLEF_FORMAT, "tensor \"%s\" does not belong to the configuration",
                             name);
    }
    for (int i = 0; i < graph->parameter_count; i++) {
        const struct clef_graph_parameter *parameter = &graph->parameters[i];
        int number = clef_safetensors_find(file, parameter->name);
        if (number < 0)
            return clef_fail(CLEF_FORMAT, "tensor \"%s\" is missing", parameter->name);
        struct clef_safetensors_tensor found = clef_safetensors_get(file, number);
        CLEF_TRY(check_shape(parameter, &found));
    }
    return CLEF_OK;
}

// A configuration of a few bytes can ask for any amount of memory. So what it asks for is compared
// with what the file holds before a model is made of it.
static clef_status check_file(const struct clef_resnet_config *config,
                              const struct clef_safetensors *file)
{
    CLEF_TRY(clef_resnet_check(config));
    struct clef_graph graph = {0};
    clef_status status = clef_resnet_build(config, &graph);
    if (status == CLEF_OK)
        status = check_tensors(&graph, file);
    clef_graph_release(&graph);
    return status;
}

static clef_status read_parameter(struct clef_model *model, const struct clef_safetensors *file,
                                  int index)
{
    const struct clef_graph_parameter *parameter = &model->graph.parameters[index];
    float *values = malloc(parameter->count * sizeof *values);
    if (!values)
        return clef_fail(CLEF_OUT_OF_MEMORY, "no memory to read \"%s\"", parameter->name);
    clef_status status = clef_safetensors_read(file, clef_safetensors_find(file, parameter->name),
                                               values, parameter->count);
    if (status == CLEF_OK)
        status = clef_model_write_parameter(model, index, values);
    free(values);
    return status;
}

static clef_status read_parameters(struct clef_model *model, const struct clef_safetensors *file)
{
    for (int i = 0; i < model->graph.parameter_count; i++)
        CLEF_TRY(read_parameter(model, file, i));
    return CLEF_OK;
}

static clef_status load(struct clef_device *device, const struct clef_safetensors *file,
                        struct clef_model **model, int *batch_size)
{
    struct clef_resnet_config config;
    CLEF_TRY(read_config(file, &config));
    int kept_batch_size = 0;
    CLEF_TRY(read_batch_size(file, &kept_batch_size));
    CLEF_TRY(check_file(&config, file));
    CLEF_TRY(clef_model_create_empty(device, &config, model));
    clef_status status = read_parameters(*model, file);
    if (status != CLEF_OK) {
        clef_model_destroy(*model);
        *model = NULL;
        return status;
    }
    if (batch_size)
        *batch_size = kept_batch_size;
    return CLEF_OK;
}

clef_status clef_model_load(struct clef_device *device, const char *path, struct clef_model **model,
                            int *batch_size)
{
    *model = NULL;
    if (!path)
        return clef_fail(CLEF_INVALID_ARGUMENT, "loading a model needs a path");
    struct clef_safetensors *file;
    CLEF_TRY(clef_safetensors_open(path, &file));
    clef_status status = load(device, file, model, batch_size);
    clef_safetensors_close(file);
    return status == CLEF_OK ? CLEF_OK : clef_fail_in(status, "\"%s\"", path);
}
