// SPDX-License-Identifier: Apache-2.0
#include "model/resnet_json.h"

#include "core/error.h"
#include "io/json_build.h"

#include <jansson.h>
#include <limits.h>
#include <string.h>

#define ARCHITECTURE "resnet"

static const char *const head_names[] = {
    [CLEF_HEAD_FLATTEN_DENSE] = "flatten-dense",
    [CLEF_HEAD_AVGPOOL] = "avgpool",
};
static const char *const padding_names[] = {
    [CLEF_PADDING_SAME] = "same",
    [CLEF_PADDING_SYMMETRIC] = "symmetric",
};

static json_t *int_array(const int *values, int count)
{
    json_t *array = json_array();
    for (int i = 0; array && i < count; i++)
        clef_json_append(&array, json_integer(values[i]));
    return array;
}

char *clef_resnet_to_json(const struct clef_resnet_config *config)
{
    const int input[] = {config->input_height, config->input_width, config->input_channels};
    const struct clef_batchnorm_config *batchnorm = &config->batchnorm;
    json_t *object =
        json_pack("{s:s, s:o, s:i, s:o, s:o, s:s, s:i, s:s, s:b, s:b, s:{s:f, s:f, s:b}}",
                  "architecture", ARCHITECTURE, "input", int_array(input, 3), "classes",
                  config->classes, "blocks", int_array(config->blocks, config->stages), "filters",
                  int_array(config->filters, config->stages), "head", head_names[config->head],
                  "dense_units", config->dense_units, "padding", padding_names[config->padding],
                  "stem_batchnorm", config->stem_batchnorm, "conv_bias", config->conv_bias,
                  "batchnorm", "momentum", batchnorm->momentum, "epsilon", batchnorm->epsilon,
                  "unbiased_variance", batchnorm->unbiased_variance);
    char *text = clef_json_text(object, JSON_COMPACT);
    json_decref(object);
    return text;
}

static clef_status read_int(const json_t *value, const char *what, int *result)
{
    if (!json_is_integer(value) || json_integer_value(value) < INT_MIN ||
        json_integer_value(value) > INT_MAX)
        return clef_fail(CLEF_FORMAT, "\"%s\" must be a whole number", what);
    *result = (int)json_integer_value(value);
    return CLEF_OK;
}

static clef_status read_ints(const json_t *object, const char *key, int low, int high, int *values,
                             int *count)
{
    const json_t *array = json_object_get(object, key);
    size_t size = json_array_size(array);
    if (!json_is_array(array) || size < (size_t)low || size > (size_t)high)
        return clef_fail(CLEF_FORMAT, "\"%s\" must be a list of %d to %d numbers", key, low, high);
    for (size_t i = 0; i < size; i++)
        CLEF_TRY(read_int(json_array_get(array, i), key, &values[i]));
    *count = (int)size;
    return CLEF_OK;
}

// One of two names.
static clef_status read_name(const json_t *object, const char *key, const char *const names[2],
                             int *index)
{
    const char *name = json_string_value(json_object_get(object, key));
    for (int i = 0; name && i < 2; i++)
        if (strcmp(name, names[i]) == 0) {
            *index = i;
            return CLEF_OK;
        }
    return clef_fail(CLEF_FORMAT, "\"%s\" must be \"%s\" or \"%s\"", key, names[0], names[1]);
}

static clef_status read_bool(const json_t *object, const char *key, bool *value)
{
    const json_t *found = json_object_get(object, key);
    if (!json_is_boolean(found))
        return clef_fail(CLEF_FORMAT, "\"%s\" must be true or false", key);
    *value = json_is_true(found);
    return CLEF_OK;
}

static clef_status read_real(const json_t *object, const char *key, double *value)
{
    const json_t *found = json_object_get(object, key);
    if (!json_is_number(found))
        return clef_fail(CLEF_FORMAT, "\"%s\" must be a number", key);
    *value = json_number_value(found);
    return CLEF_OK;
}

static clef_status read_batchnorm(const json_t *object, struct clef_batchnorm_config *batchnorm)
{
    const json_t *found = json_object_get(object, "batchnorm");
    CLEF_TRY(read_real(found, "momentum", &batchnorm->momentum));
    CLEF_TRY(read_real(found, "epsilon", &batchnorm->epsilon));
    return read_bool(found, "unbiased_variance", &batchnorm->unbiased_variance);
}

// Files of versions in which these were fixed have none of them, and mean the defaults.
static clef_status read_conventions(const json_t *object, struct clef_resnet_config *config)
{
    if (!json_object_get(object, "padding") && !json_object_get(object, "stem_batchnorm") &&
        !json_object_get(object, "conv_bias") && !json_object_get(object, "batchnorm"))
        return CLEF_OK;
    int padding = config->padding;
    CLEF_TRY(read_name(object, "padding", padding_names, &padding));
    config->padding = (enum clef_padding)padding;
    CLEF_TRY(read_bool(object, "stem_batchnorm", &config->stem_batchnorm));
    CLEF_TRY(read_bool(object, "conv_bias", &config->conv_bias));
    return read_batchnorm(object, &config->batchnorm);
}

static clef_status read_object(const json_t *object, struct clef_resnet_config *config)
{
    const char *architecture = json_string_value(json_object_get(object, "architecture"));
    if (!architecture || strcmp(architecture, ARCHITECTURE) != 0)
        return clef_fail(CLEF_UNSUPPORTED, "the architecture is \"%s\", but only \"%s\" is known",
                         architecture ? architecture : "", ARCHITECTURE);
    int input[3], ignored, filter_stages, head = config->head;
    CLEF_TRY(read_ints(object, "input", 3, 3, input, &ignored));
    config->input_height = input[0];
    config->input_width = input[1];
    config->input_channels = input[2];
    CLEF_TRY(read_int(json_object_get(object, "classes"), "classes", &config->classes));
    CLEF_TRY(read_ints(object, "blocks", 1, CLEF_MAX_STAGES, config->blocks, &config->stages));
    CLEF_TRY(read_ints(object, "filters", 1, CLEF_MAX_STAGES, config->filters, &filter_stages));
    if (filter_stages != config->stages)
        return clef_fail(CLEF_FORMAT, "\"blocks\" has %d stages, but \"filters\" has %d",
                         config->stages, filter_stages);
    CLEF_TRY(read_int(json_object_get(object, "dense_units"), "dense_units", &config->dense_units));
    CLEF_TRY(read_name(object, "head", head_names, &head));
    config->head = (enum clef_head)head;
    return read_conventions(object, config);
}

clef_status clef_resnet_from_json(const char *text, struct clef_resnet_config *config)
{
    *config = clef_resnet_default();
    memset(config->blocks, 0, sizeof config->blocks);
    memset(config->filters, 0, sizeof config->filters);
    json_t *object;
    CLEF_TRY(clef_json_read(text, &object));
    clef_status status = read_object(object, config);
    json_decref(object);
    return status;
}
