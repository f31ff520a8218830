// SPDX-License-Identifier: Apache-2.0
#include "core/dims_text.h"
#include "core/error.h"
#include "io/hdf5.h"
#include "weights/weights_map.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct loading {
    struct clef_model *model;
    struct clef_safetensors *file;
    int parameters;
    struct weights_tensor *map; // By parameter, in the file's layout.
    // The last dense layer, which may be for other classes: its first parameter, or the number of
    // parameters if it is taken from the file.
    int first_kept;
    bool *used; // By tensor of the file: whether it is a parameter's.
};

static bool same_dims(const struct weights_tensor *expected,
                      const struct clef_safetensors_tensor *found)
{
    return found->rank == expected->rank &&
           memcmp(found->dims, expected->dims, (size_t)found->rank * sizeof *found->dims) == 0;
}

// ---------------------------------------------------------------- layout

static int count_found(const struct loading *loading, const struct weights_tensor *map)
{
    int count = 0;
    for (int i = 0; i < loading->parameters; i++)
        count += clef_safetensors_find(loading->file, map[i].name) >= 0;
    return count;
}

// Takes the layout of which the file has most names.
static clef_status choose_layout(struct loading *loading, struct clef_weights_found *found)
{
    int most = 0;
    for (int naming = 0; naming < WEIGHTS_NAMINGS; naming++) {
        struct weights_tensor *map;
        CLEF_TRY(weights_map_create(loading->model, (enum weights_naming)naming, &map));
        int count = count_found(loading, map);
        if (count > most) {
            struct weights_tensor *former = loading->map;
            loading->map = map;
            map = former;
            most = count;
            found->layout = weights_naming_title((enum weights_naming)naming);
        }
        free(map);
    }
    if (most > 0)
        return CLEF_OK;
    return clef_fail(CLEF_FORMAT, "no tensor has the name of a parameter in the layout of Clef, "
                                  "PyTorch or Keras, such as \"conv1.weight\" in PyTorch's");
}

// ---------------------------------------------------------------- checks

static clef_status check_parameter(struct loading *loading, int index)
{
    const struct weights_tensor *expected = &loading->map[index];
    int number = clef_safetensors_find(loading->file, expected->name);
    if (number < 0)
        return clef_fail(CLEF_FORMAT, "tensor \"%s\" is missing", expected->name);
    loading->used[number] = true;
    struct clef_safetensors_tensor found = clef_safetensors_get(loading->file, number);
    if (index >= loading->first_kept || same_dims(expected, &found))
        return CLEF_OK;
    char expected_text[CLEF_DIMS_TEXT], found_text[CLEF_DIMS_TEXT];
    return clef_fail(CLEF_FORMAT, "tensor \"%s\" is %s, but the network asks for %s",
                     expected->name, clef_dims_text(found.rank, found.dims, found_text),
                     clef_dims_text(expected->rank, expected->dims, expected_text));
}

static bool has_ending(const char *text, const char *ending)
{
    size_t length = strlen(text), tail = strlen(ending);
    return length >= tail && strcmp(text + length - tail, ending) == 0;
}

// Whether a tensor that is no parameter may be there nevertheless.
static bool is_disposable(const char *name)
{
    return has_ending(name, ".num_batches_tracked") ||
           strncmp(name, CLEF_SAFETENSORS_OPTIMISER, strlen(CLEF_SAFETENSORS_OPTIMISER)) == 0;
}

static clef_status check(struct loading *loading)
{
    int count = clef_safetensors_count(loading->file);
    loading->used = calloc((size_t)count + 1, sizeof *loading->used);
    if (!loading->used)
        return clef_fail(CLEF_OUT_OF_MEMORY, "no memory to check the tensors");
    for (int i = 0; i < loading->parameters; i++)
        CLEF_TRY(check_parameter(loading, i));
    for (int i = 0; i < count; i++) {
        const char *name = clef_safetensors_get(loading->file, i).name;
        if (!loading->used[i] && !is_disposable(name))
            return clef_fail(CLEF_FORMAT, "tensor \"%s\" does not belong to the network", name);
    }
    return CLEF_OK;
}

// ---------------------------------------------------------------- classifier

// The number of classes if a tensor differs from what is expected in the filters alone, else 0.
static int other_filters(const struct loading *loading, int index)
{
    const struct weights_tensor *expected = &loading->map[index];
    int number = clef_safetensors_find(loading->file, expected->name);
    if (number < 0)
        return 0;
    struct clef_safetensors_tensor found = clef_safetensors_get(loading->file, number);
    int place = expected->order == CLEF_OIHW ? 0 : expected->rank - 1;
    if (found.rank != expected->rank || found.dims[place] == expected->dims[place])
        return 0;
    int filters = found.dims[place];
    found.dims[place] = expected->dims[place];
    return same_dims(expected, &found) ? filters : 0;
}

static void decide_classifier(struct loading *loading, struct clef_weights_found *found)
{
    struct clef_layer last =
        clef_model_get_layer(loading->model, clef_model_layer_count(loading->model) - 1);
    int classes = 0;
    for (int i = 0; i < last.parameter_count; i++) {
        int filters = other_filters(loading, last.first_parameter + i);
        if (filters == 0 || (i > 0 && filters != classes))
            return;
        classes = filters;
    }
    if (classes == 0)
        return;
    loading->first_kept = last.first_parameter;
    found->file_classes = classes;
    snprintf(found->head, sizeof found->head, "%s", last.name);
}

// ---------------------------------------------------------------- values

static clef_status read_parameter(const struct loading *loading, int index)
{
    const struct weights_tensor *tensor = &loading->map[index];
    size_t count = clef_model_get_parameter(loading->model, index).count;
    float *file_values = malloc(count * sizeof *file_values);
    float *values = malloc(count * sizeof *values);
    clef_status status;
    if (file_values && values)
        status = clef_safetensors_read(
            loading->file, clef_safetensors_find(loading->file, tensor->name), file_values, count);
    else
        status = clef_fail(CLEF_OUT_OF_MEMORY, "no memory to read \"%s\"", tensor->name);
    if (status == CLEF_OK) {
        clef_weights_pack(&tensor->kernel, tensor->order, file_values, values);
        status = clef_model_write_parameter(loading->model, index, values);
    }
    free(file_values);
    free(values);
    return status;
}

static clef_status open_file(const char *path, struct clef_safetensors **file)
{
    if (clef_hdf5_is(path))
        return clef_hdf5_open(path, "layers", file);
    return clef_safetensors_open(path, file);
}

static clef_status load(struct loading *loading, struct clef_weights_found *found)
{
    CLEF_TRY(choose_layout(loading, found));
    decide_classifier(loading, found);
    CLEF_TRY(check(loading));
    for (int i = 0; i < loading->first_kept; i++)
        CLEF_TRY(read_parameter(loading, i));
    return CLEF_OK;
}

clef_status clef_weights_load(struct clef_model *model, const char *path,
                              struct clef_weights_found *found)
{
    if (!model || !path || !found)
        return clef_fail(CLEF_INVALID_ARGUMENT,
                         "loading weights needs a model, a path and room for what was found");
    int count = clef_model_parameter_count(model);
    struct loading loading = {.model = model, .parameters = count, .first_kept = count};
    struct clef_weights_found result = {0};
    CLEF_TRY(open_file(path, &loading.file));
    clef_status status = load(&loading, &result);
    free(loading.map);
    free(loading.used);
    clef_safetensors_close(loading.file);
    if (status != CLEF_OK)
        return clef_fail_in(status, "\"%s\"", path);
    *found = result;
    return CLEF_OK;
}
