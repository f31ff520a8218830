// SPDX-License-Identifier: Apache-2.0
// Models in safetensors files: every parameter in the order of its dims, the configuration as
// metadata. The optimiser's moments follow, where there are any, under the same names with a
// prefix.
#include "model/model_file.h"

#include "core/dims_text.h"
#include "core/error.h"
#include "model/model_state.h"
#include "model/resnet.h"
#include "model/resnet_json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT "clef"
#define LAYOUT "keras" // Kernels are HWIO.
#define ADAM_STEP "adam_step"

static const char *const prefixes[CLEF_SLABS] = {
    [CLEF_SLAB_VALUES] = "",
    [CLEF_SLAB_FIRST_MOMENTS] = CLEF_SAFETENSORS_OPTIMISER "first_moment.",
    [CLEF_SLAB_SECOND_MOMENTS] = CLEF_SAFETENSORS_OPTIMISER "second_moment.",
};
#define TENSOR_NAME (CLEF_NODE_NAME + 40) // The longest prefix and the longest parameter.

static void name_tensor(const struct clef_graph_parameter *parameter, enum clef_slab slab,
                        char name[TENSOR_NAME])
{
    snprintf(name, TENSOR_NAME, "%s%s", prefixes[slab], parameter->name);
}

static bool has_tensor(const struct clef_graph_parameter *parameter, enum clef_slab slab)
{
    return slab == CLEF_SLAB_VALUES || clef_parameter_is_trainable(parameter->kind);
}

// ---------------------------------------------------------------- save

// The tensors of a file in their order.
struct contents {
    struct clef_model *model;
    int count;
    struct item {
        enum clef_slab slab;
        int parameter;
        char name[TENSOR_NAME];
    } * items;
    struct clef_safetensors_tensor *tensors;
};

static clef_status read_for_file(void *user, int index, float *values)
{
    const struct contents *contents = user;
    const struct item *item = &contents->items[index];
    return clef_parameters_read(&contents->model->parameters, item->slab, item->parameter, values);
}

static void list_tensors(struct contents *contents, int slabs)
{
    const struct clef_graph *graph = &contents->model->graph;
    for (int slab = 0; slab < slabs; slab++)
        for (int i = 0; i < graph->parameter_count; i++) {
            const struct clef_graph_parameter *parameter = &graph->parameters[i];
            struct item *item = &contents->items[contents->count];
            struct clef_safetensors_tensor *tensor = &contents->tensors[contents->count];
            if (!has_tensor(parameter, (enum clef_slab)slab))
                continue;
            item->slab = (enum clef_slab)slab;
            item->parameter = i;
            name_tensor(parameter, item->slab, item->name);
            tensor->name = item->name;
            tensor->rank = parameter->rank;
            for (int k = 0; k < parameter->rank; k++)
                tensor->dims[k] = parameter->dims[k];
            contents->count++;
        }
}

static clef_status write_contents(struct contents *contents, int batch_size, const char *config,
                                  const struct clef_model_extra *extra, const char *path)
{
    enum { OWN = 6 };
    char batch[16], step[32];
    snprintf(batch, sizeof batch, "%d", batch_size);
    snprintf(step, sizeof step, "%" PRIu64, contents->model->step);
    struct clef_safetensors_string metadata[OWN + CLEF_MODEL_EXTRA_METADATA] = {
        {"format", FORMAT},    {"version", clef_version()}, {"config", config},
        {"batch_size", batch}, {"layout", LAYOUT},          {ADAM_STEP, step},
    };
    int count = extra->optimiser ? OWN : OWN - 1;
    for (int i = 0; i < extra->metadata_count; i++)
        metadata[count++] = extra->metadata[i];
    return clef_safetensors_write(path, contents->tensors, contents->count, metadata, count,
                                  read_for_file, contents);
}

clef_status clef_model_write_file(struct clef_model *model, int batch_size,
                                  const struct clef_model_extra *extra, const char *path)
{
    if (!path || batch_size < 1 || batch_size > CLEF_MAX_BATCH)
        return clef_fail(CLEF_INVALID_ARGUMENT, "saving needs a path, and a batch size in 1..%d",
                         CLEF_MAX_BATCH);
    int slabs = extra->optimiser ? CLEF_SLABS : CLEF_SLAB_VALUES + 1;
    if (extra->optimiser)
        CLEF_TRY(clef_parameters_require_gradients(&model->parameters));
    size_t most = (size_t)model->graph.parameter_count * (size_t)slabs;
    struct contents contents = {.model = model,
                                .items = calloc(most, sizeof *contents.items),
                                .tensors = calloc(most, sizeof *contents.tensors)};
    char *config = clef_resnet_to_json(&model->config);
    clef_status status;
    if (contents.items && contents.tensors && config) {
        list_tensors(&contents, slabs);
        status = write_contents(&contents, batch_size, config, extra, path);
    } else {
        status = clef_fail(CLEF_OUT_OF_MEMORY, "no memory to save \"%s\"", path);
    }
    free(config);
    free(contents.items);
    free(contents.tensors);
    return status;
}

clef_status clef_model_save(struct clef_model *model, int batch_size, const char *path)
{
    return clef_model_write_file(model, batch_size, &(struct clef_model_extra){0}, path);
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
                     found->name, clef_dims_text(found->rank, found->dims, found_text),
                     clef_dims_text(expected->rank, expected->dims, expected_text));
}

// Sets `used` of the tensor that it finds.
static clef_status check_tensor(const struct clef_graph_parameter *parameter, enum clef_slab slab,
                                const struct clef_safetensors *file, bool *used)
{
    char name[TENSOR_NAME];
    name_tensor(parameter, slab, name);
    int number = clef_safetensors_find(file, name);
    if (number < 0)
        return clef_fail(CLEF_FORMAT, "tensor \"%s\" is missing", name);
    used[number] = true;
    struct clef_safetensors_tensor found = clef_safetensors_get(file, number);
    return check_shape(parameter, &found);
}

// Each tensor that the network has, in its shape, and no other. `used` has an element for each of
// the file's, all false.
static clef_status check_tensors(const struct clef_graph *graph,
                                 const struct clef_safetensors *file, bool *used)
{
    bool has_optimiser = clef_safetensors_metadata(file, ADAM_STEP) != NULL;
    int slabs = has_optimiser ? CLEF_SLABS : CLEF_SLAB_VALUES + 1;
    for (int slab = 0; slab < slabs; slab++)
        for (int i = 0; i < graph->parameter_count; i++)
            if (has_tensor(&graph->parameters[i], (enum clef_slab)slab))
                CLEF_TRY(check_tensor(&graph->parameters[i], (enum clef_slab)slab, file, used));
    for (int i = 0; i < clef_safetensors_count(file); i++)
        if (!used[i])
            return clef_fail(CLEF_FORMAT, "tensor \"%s\" does not belong to the configuration",
                             clef_safetensors_get(file, i).name);
    return CLEF_OK;
}

// A configuration of a few bytes can ask for any amount of memory. So what it asks for is compared
// with what the file holds before a model is made of it.
static clef_status check_file(const struct clef_resnet_config *config,
                              const struct clef_safetensors *file)
{
    CLEF_TRY(clef_resnet_check(config));
    struct clef_graph graph = {0};
    bool *used = calloc((size_t)clef_safetensors_count(file) + 1, sizeof *used);
    clef_status status = used ? clef_resnet_build(config, &graph)
                              : clef_fail(CLEF_OUT_OF_MEMORY, "no memory to check the tensors");
    if (status == CLEF_OK)
        status = check_tensors(&graph, file, used);
    free(used);
    clef_graph_release(&graph);
    return status;
}

// Reads a tensor that has been checked.
static clef_status read_tensor(struct clef_model *model, const struct clef_safetensors *file,
                               enum clef_slab slab, int index)
{
    const struct clef_graph_parameter *parameter = &model->graph.parameters[index];
    char name[TENSOR_NAME];
    name_tensor(parameter, slab, name);
    float *values = malloc(parameter->count * sizeof *values);
    if (!values)
        return clef_fail(CLEF_OUT_OF_MEMORY, "no memory to read \"%s\"", name);
    clef_status status =
        clef_safetensors_read(file, clef_safetensors_find(file, name), values, parameter->count);
    if (status == CLEF_OK)
        status = clef_parameters_write(&model->parameters, slab, index, values);
    free(values);
    return status;
}

static clef_status read_parameters(struct clef_model *model, const struct clef_safetensors *file)
{
    for (int i = 0; i < model->graph.parameter_count; i++)
        CLEF_TRY(read_tensor(model, file, CLEF_SLAB_VALUES, i));
    return CLEF_OK;
}

clef_status clef_model_read_file(struct clef_device *device, const struct clef_safetensors *file,
                                 struct clef_model **model, int *batch_size)
{
    struct clef_resnet_config config;
    *model = NULL;
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

clef_status clef_model_read_step(const struct clef_safetensors *file, uint64_t *step)
{
    const char *text = clef_safetensors_metadata(file, ADAM_STEP);
    if (!text)
        return clef_fail(CLEF_FORMAT, "the metadata has no \"" ADAM_STEP
                                      "\": a model, but no checkpoint of a training");
    bool is_digits = *text && strspn(text, "0123456789") == strlen(text);
    errno = 0;
    *step = is_digits ? strtoull(text, NULL, 10) : 0;
    if (!is_digits || errno != 0)
        return clef_fail(CLEF_FORMAT, "the metadata's \"" ADAM_STEP "\" is \"%s\", not a number",
                         text);
    return CLEF_OK;
}

clef_status clef_model_read_optimiser(struct clef_model *model, const struct clef_safetensors *file)
{
    uint64_t step = 0;
    CLEF_TRY(clef_model_read_step(file, &step));
    CLEF_TRY(clef_parameters_require_gradients(&model->parameters));
    for (int slab = CLEF_SLAB_FIRST_MOMENTS; slab < CLEF_SLABS; slab++)
        for (int i = 0; i < model->graph.parameter_count; i++)
            if (has_tensor(&model->graph.parameters[i], (enum clef_slab)slab))
                CLEF_TRY(read_tensor(model, file, (enum clef_slab)slab, i));
    model->step = step;
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
    clef_status status = clef_model_read_file(device, file, model, batch_size);
    clef_safetensors_close(file);
    return status == CLEF_OK ? CLEF_OK : clef_fail_in(status, "\"%s\"", path);
}
