// SPDX-License-Identifier: Apache-2.0
#include "check/check_pair.h"

#include "core/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// SplitMix64's finaliser over a counter, as in session_random.
static uint32_t noise(uint64_t seed, uint64_t index)
{
    uint64_t x = seed * 0x9e3779b97f4a7c15u + index + 1;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return (uint32_t)((x ^ (x >> 31)) >> 32);
}

// Stripes whose direction and width tell the label, under noise.
static void draw(const struct clef_resnet_config *config, int batch_size, uint64_t seed,
                 struct check_pair *pair)
{
    size_t k = 0;
    for (int n = 0; n < batch_size; n++) {
        int label = (int)(noise(seed + 1, (uint64_t)n) % (uint32_t)config->classes);
        pair->labels[n] = label;
        for (int y = 0; y < config->input_height; y++)
            for (int x = 0; x < config->input_width; x++, k++)
                pair->images[k] = (uint8_t)(((label + 1) * (x + n) + label % 3 * 5 * y) * 8 % 192 +
                                            (int)(noise(seed, k) % 64));
    }
}

// Finds the layers by the parameters' names, "LAYER.weight".
static void find_layers(struct check_pair *pair)
{
    size_t begin = 0;
    for (int i = 0; i < clef_model_parameter_count(pair->models[0]); i++) {
        struct clef_parameter parameter = clef_model_get_parameter(pair->models[0], i);
        struct check_layer layer = {.begin = begin, .end = begin + parameter.count};
        const char *dot = strrchr(parameter.name, '.');
        int length = dot ? (int)(dot - parameter.name) : (int)strlen(parameter.name);
        snprintf(layer.name, sizeof layer.name, "%.*s", length, parameter.name);
        int last = pair->layer_count - 1;
        if (last >= 0 && strcmp(pair->layers[last].name, layer.name) == 0)
            pair->layers[last].end = layer.end;
        else
            pair->layers[pair->layer_count++] = layer;
        for (; begin < layer.end; begin++)
            pair->is_trainable[begin] = parameter.trainable;
    }
}

static clef_status allocate(const struct clef_resnet_config *config, int batch_size,
                            struct check_pair *pair)
{
    int count = clef_model_parameter_count(pair->models[0]);
    for (int i = 0; i < count; i++)
        pair->total += clef_model_get_parameter(pair->models[0], i).count;
    size_t pixels = (size_t)config->input_height * (size_t)config->input_width;
    pair->images = malloc(pixels * (size_t)batch_size);
    pair->labels = malloc((size_t)batch_size * sizeof *pair->labels);
    pair->layers = calloc((size_t)count, sizeof *pair->layers);
    pair->initial = malloc(pair->total * sizeof *pair->initial);
    pair->values[0] = malloc(pair->total * sizeof *pair->values[0]);
    pair->values[1] = malloc(pair->total * sizeof *pair->values[1]);
    pair->is_trainable = malloc(pair->total * sizeof *pair->is_trainable);
    pair->is_rounding = malloc(pair->total * sizeof *pair->is_rounding);
    if (pair->images && pair->labels && pair->layers && pair->initial && pair->values[0] &&
        pair->values[1] && pair->is_trainable && pair->is_rounding)
        return CLEF_OK;
    return clef_fail(CLEF_OUT_OF_MEMORY, "no memory to compare %zu parameters", pair->total);
}

// What enters a ReLU is shifted by several deviations, up or down by channel: three of four
// channels pass and the fourth is cut off, but hardly a value lies so near zero that rounding
// decides, from where two correct results would go different ways.
static float shifted(const struct clef_parameter *parameter, size_t channel)
{
    float sign = channel % 4 == 3 ? -1 : 1;
    if (parameter->kind == CLEF_PARAMETER_GAMMA)
        return 1 / 16.f;
    return parameter->kind == CLEF_PARAMETER_BETA ? sign / 4 : 2 * sign;
}

// Gives both models the same values.
static clef_status initialise(struct check_pair *pair)
{
    float *values = pair->initial;
    int count = clef_model_parameter_count(pair->models[0]);
    for (int i = 0; i < count; i++) {
        struct clef_parameter parameter = clef_model_get_parameter(pair->models[0], i);
        CLEF_TRY(clef_model_read_parameter(pair->models[1], i, values));
        // The last bias is that of the logits, which no ReLU follows.
        if (parameter.trainable && parameter.kind != CLEF_PARAMETER_KERNEL && i < count - 1)
            for (size_t k = 0; k < parameter.count; k++)
                values[k] = shifted(&parameter, k);
        for (int k = 0; k < 2; k++)
            CLEF_TRY(clef_model_write_parameter(pair->models[k], i, values));
        values += parameter.count;
    }
    return CLEF_OK;
}

clef_status check_pair_create(struct clef_device *device, struct clef_device *reference,
                              int batch_size, uint64_t seed, struct check_pair *pair)
{
    const struct clef_resnet_config config = clef_resnet_default();
    CLEF_TRY(clef_model_create_resnet(device, &config, seed, &pair->models[0]));
    CLEF_TRY(clef_model_create_resnet(reference, &config, seed, &pair->models[1]));
    for (int k = 0; k < 2; k++)
        CLEF_TRY(clef_model_keep_gradients(pair->models[k]));
    CLEF_TRY(allocate(&config, batch_size, pair));
    find_layers(pair);
    draw(&config, batch_size, seed, pair);
    return initialise(pair);
}

void check_pair_release(struct check_pair *pair)
{
    for (int i = 0; i < 2; i++) {
        clef_model_destroy(pair->models[i]);
        free(pair->values[i]);
    }
    free(pair->images);
    free(pair->labels);
    free(pair->layers);
    free(pair->initial);
    free(pair->is_trainable);
    free(pair->is_rounding);
}

clef_status check_pair_read(struct check_pair *pair, bool gradients)
{
    size_t at = 0;
    for (int i = 0; i < clef_model_parameter_count(pair->models[0]); i++) {
        struct clef_parameter parameter = clef_model_get_parameter(pair->models[0], i);
        for (int k = 0; k < 2 && (parameter.trainable || !gradients); k++)
            CLEF_TRY((gradients ? clef_model_read_gradient : clef_model_read_parameter)(
                pair->models[k], i, pair->values[k] + at));
        at += parameter.count;
    }
    return CLEF_OK;
}
