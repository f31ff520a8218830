// SPDX-License-Identifier: Apache-2.0
#include "check/check_training.h"

#include "check/check_distance.h"
#include "check/check_pair.h"
#include "check/check_timing.h"
#include "core/error.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

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

// ---------------------------------------------------------------- comparisons

// Also finds out which gradients may be rounding.
static clef_status compare_gradients(struct check_pair *pair, struct clef_check_training *training)
{
    CLEF_TRY(check_pair_read(pair, true));
    check_distance_add_gradients(pair, training);
    const float *got = pair->values[0], *expected = pair->values[1];
    for (int i = 0; i < pair->layer_count; i++) {
        const struct check_layer *layer = &pair->layers[i];
        struct check_length length = {0, 0};
        size_t count = 0;
        for (size_t k = layer->begin; k < layer->end; k++) {
            if (!pair->is_trainable[k])
                continue;
            check_length_add(&length, (double)got[k] - (double)expected[k], (double)expected[k]);
            count++;
        }
        double limit = ROUNDING * sqrt(length.expected / (double)count);
        for (size_t k = layer->begin; k < layer->end; k++)
            pair->is_rounding[k] = pair->is_trainable[k] && fabs((double)expected[k]) <= limit;
        CLEF_TRY(add_figure(training, check_length_relative(&length), GRADIENT_TOLERANCE,
                            "step %d: gradients of %s", training->steps, layer->name));
    }
    return CLEF_OK;
}

// Relative to how far the steps have moved the parameters.
static clef_status compare_parameters(struct check_pair *pair, struct clef_check_training *training)
{
    CLEF_TRY(check_pair_read(pair, false));
    check_distance_add_parameters(pair, training);
    const float *got = pair->values[0], *expected = pair->values[1];
    double longest = 2 * CLEF_CHECK_STEPS * (double)LEARNING_RATE;
    for (int i = 0; i < pair->layer_count; i++) {
        const struct check_layer *layer = &pair->layers[i];
        struct check_length length = {0, 0};
        for (size_t k = layer->begin; k < layer->end; k++) {
            double difference = (double)got[k] - (double)expected[k];
            if (pair->is_rounding[k] && fabs(difference) <= longest)
                continue;
            check_length_add(&length, difference, (double)expected[k] - (double)pair->initial[k]);
        }
        CLEF_TRY(add_figure(training, check_length_relative(&length), PARAMETER_TOLERANCE,
                            "step %d: parameters of %s", training->steps, layer->name));
    }
    return CLEF_OK;
}

static clef_status train_step(struct check_pair *pair, struct clef_check_training *training)
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
    CLEF_TRY(check_distance_add_step(pair, training));
    return add_figure(training, fabs(*losses[0] - *losses[1]) / *losses[1], LOSS_TOLERANCE,
                      "step %d: loss", training->steps);
}

clef_status clef_check_train(struct clef_device *device, struct clef_device *reference,
                             int batch_size, uint64_t seed, struct clef_check_training *training)
{
    struct check_pair pair = {0};
    *training = (struct clef_check_training){.batch_size = batch_size};
    clef_status status = check_pair_create(device, reference, batch_size, seed, &pair);
    for (int step = 0; status == CLEF_OK && step < CLEF_CHECK_STEPS; step++) {
        status = train_step(&pair, training);
        if (status == CLEF_OK && step == 0)
            status = compare_gradients(&pair, training);
    }
    if (status == CLEF_OK)
        status = compare_parameters(&pair, training);
    if (status == CLEF_OK)
        status = check_time_plans(pair.models[0], training);
    check_pair_release(&pair);
    return status;
}

void clef_check_training_release(struct clef_check_training *training)
{
    free(training->figures);
    *training = (struct clef_check_training){0};
}
