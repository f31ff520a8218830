// SPDX-License-Identifier: Apache-2.0
#include "check/check_training.h"

#include "check/check_timing.h"
#include "core/error.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEARNING_RATE 1e-3f
// Losses are means over the batch, with the rounding of some twenty layers.
#define LOSS_TOLERANCE 1e-5
// Backward, the rounding of as many layers again: 5e-5 is seen between two sets of instructions.
#define GRADIENT_TOLERANCE 1e-3
// Adam's first steps have the size of the learning rate whatever the gradient's, so that a
// parameter differs by as much as its own gradient does, relative to itself.
#define PARAMETER_TOLERANCE 1e-2
// Gradients below this part of their layer's root mean square may be all rounding. Their sign then
// decides the step, so that these parameters are only held to the longest way apart.
#define ROUNDING 1e-3

struct layer {
    char name[64];
    size_t begin, end; // Its parameters, among all parameters one after another.
};

// The same model on both devices, [0] on the one to check.
struct pair {
    struct clef_model *models[2];
    uint8_t *images;
    int32_t *labels;
    struct layer *layers;
    int layer_count;
    size_t total;       // Of all parameters, which the arrays below hold.
    float *initial;     // Values before the first step.
    float *values[2];   // What is compared.
    bool *is_trainable; // Not a moving statistic.
    bool *is_rounding;  // The gradient may be.
};

// ---------------------------------------------------------------- figures

bool clef_check_figure_passes(const struct clef_check_figure *figure)
{
    return figure->error <= figure->tolerance; // Never true of NaN.
}

const struct clef_check_figure *
clef_check_training_worst(const struct clef_check_training *training)
{
    const struct clef_check_figure *worst = NULL;
    for (int i = 0; i < training->figure_count; i++) {
        const struct clef_check_figure *figure = &training->figures[i];
        if (isnan(figure->error))
            return figure;
        if (!worst || figure->error / figure->tolerance > worst->error / worst->tolerance)
            worst = figure;
    }
    return worst;
}

static clef_status add_figure(struct clef_check_training *training, double error, double tolerance,
                              const char *format, ...)
{
    if (training->figure_count == training->figure_capacity) {
        int capacity = training->figure_capacity ? 2 * training->figure_capacity : 64;
        struct clef_check_figure *figures =
            realloc(training->figures, (size_t)capacity * sizeof *figures);
        if (!figures)
            return clef_fail(CLEF_OUT_OF_MEMORY, "no memory for %d comparisons", capacity);
        training->figures = figures;
        training->figure_capacity = capacity;
    }
    struct clef_check_figure *figure = &training->figures[training->figure_count++];
    *figure = (struct clef_check_figure){.error = error, .tolerance = tolerance};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(figure->name, sizeof figure->name, format, arguments);
    va_end(arguments);
    return CLEF_OK;
}

// ---------------------------------------------------------------- models and images

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
                 struct pair *pair)
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
static void find_layers(struct pair *pair)
{
    size_t begin = 0;
    for (int i = 0; i < clef_model_parameter_count(pair->models[0]); i++) {
        struct clef_parameter parameter = clef_model_get_parameter(pair->models[0], i);
        struct layer layer = {.begin = begin, .end = begin + parameter.count};
        snprintf(layer.name, sizeof layer.name, "%.*s",
                 (int)(strrchr(parameter.name, '.') - parameter.name), parameter.name);
        struct layer *last = &pair->layers[pair->layer_count - 1];
        if (pair->layer_count > 0 && strcmp(last->name, layer.name) == 0)
            last->end = layer.end;
        else
            pair->layers[pair->layer_count++] = layer;
        for (; begin < layer.end; begin++)
            pair->is_trainable[begin] = parameter.trainable;
    }
}

static clef_status allocate(const struct clef_resnet_config *config, int batch_size,
                            struct pair *pair)
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
static clef_status initialise(struct pair *pair)
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

static clef_status make_pair(struct clef_device *device, struct clef_device *reference,
                             int batch_size, uint64_t seed, struct pair *pair)
{
    const struct clef_resnet_config config = clef_resnet_default();
    CLEF_TRY(clef_model_create_resnet(device, &config, seed, &pair->models[0]));
    CLEF_TRY(clef_model_create_resnet(reference, &config, seed, &pair->models[1]));
    CLEF_TRY(allocate(&config, batch_size, pair));
    find_layers(pair);
    draw(&config, batch_size, seed, pair);
    return initialise(pair);
}

static void release_pair(struct pair *pair)
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

// ---------------------------------------------------------------- comparisons

// The length of a difference, relative to that of what is expected. What has no length must not
// differ at all.
struct distance {
    double difference, length; // Squares.
};

static void add_element(struct distance *distance, double difference, double length)
{
    distance->difference += difference * difference;
    distance->length += length * length;
}

static double relative(const struct distance *distance)
{
    return sqrt(distance->length > 0 ? distance->difference / distance->length
                                     : distance->difference);
}

static clef_status read_values(struct pair *pair, bool gradients)
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

// Also finds out which gradients may be rounding.
static clef_status compare_gradients(struct pair *pair, struct clef_check_training *training)
{
    CLEF_TRY(read_values(pair, true));
    const float *got = pair->values[0], *expected = pair->values[1];
    for (int i = 0; i < pair->layer_count; i++) {
        const struct layer *layer = &pair->layers[i];
        struct distance distance = {0, 0};
        size_t count = 0;
        for (size_t k = layer->begin; k < layer->end; k++) {
            if (!pair->is_trainable[k])
                continue;
            add_element(&distance, (double)got[k] - (double)expected[k], (double)expected[k]);
            count++;
        }
        double limit = ROUNDING * sqrt(distance.length / (double)count);
        for (size_t k = layer->begin; k < layer->end; k++)
            pair->is_rounding[k] = pair->is_trainable[k] && fabs((double)expected[k]) <= limit;
        CLEF_TRY(add_figure(training, relative(&distance), GRADIENT_TOLERANCE,
                            "step %d: gradients of %s", training->steps, layer->name));
    }
    return CLEF_OK;
}

// Relative to how far the steps have moved the parameters.
static clef_status compare_parameters(struct pair *pair, struct clef_check_training *training)
{
    CLEF_TRY(read_values(pair, false));
    const float *got = pair->values[0], *expected = pair->values[1];
    double longest = 2 * CLEF_CHECK_STEPS * (double)LEARNING_RATE;
    for (int i = 0; i < pair->layer_count; i++) {
        const struct layer *layer = &pair->layers[i];
        struct distance distance = {0, 0};
        for (size_t k = layer->begin; k < layer->end; k++) {
            double difference = (double)got[k] - (double)expected[k];
            if (pair->is_rounding[k] && fabs(difference) <= longest)
                continue;
            add_element(&distance, difference, (double)expected[k] - (double)pair->initial[k]);
        }
        CLEF_TRY(add_figure(training, relative(&distance), PARAMETER_TOLERANCE,
                            "step %d: parameters of %s", training->steps, layer->name));
    }
    return CLEF_OK;
}

static clef_status train_step(struct pair *pair, struct clef_check_training *training)
{
    int step = training->steps++;
    const struct clef_batch batch = {
        .images = pair->images, .labels = pair->labels, .count = training->batch_size};
    double *losses[2] = {&training->losses[step], &training->reference_losses[step]};
    for (int i = 0; i < 2; i++) {
        int ticket;
        struct clef_metrics metrics;
        CLEF_TRY(clef_model_train_step(pair->models[i], &batch, LEARNING_RATE, &ticket));
        CLEF_TRY(clef_model_wait(pair->models[i], ticket, &metrics));
        *losses[i] = metrics.loss;
    }
    return add_figure(training, fabs(*losses[0] - *losses[1]) / *losses[1], LOSS_TOLERANCE,
                      "step %d: loss", training->steps);
}

clef_status clef_check_train(struct clef_device *device, struct clef_device *reference,
                             int batch_size, uint64_t seed, struct clef_check_training *training)
{
    struct pair pair = {0};
    *training = (struct clef_check_training){.batch_size = batch_size};
    clef_status status = make_pair(device, reference, batch_size, seed, &pair);
    for (int step = 0; status == CLEF_OK && step < CLEF_CHECK_STEPS; step++) {
        status = train_step(&pair, training);
        if (status == CLEF_OK && step == 0)
            status = compare_gradients(&pair, training);
    }
    if (status == CLEF_OK)
        status = compare_parameters(&pair, training);
    if (status == CLEF_OK)
        status = check_time_plans(pair.models[0], training);
    release_pair(&pair);
    return status;
}

void clef_check_training_release(struct clef_check_training *training)
{
    free(training->figures);
    *training = (struct clef_check_training){0};
}
