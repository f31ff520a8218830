// SPDX-License-Identifier: Apache-2.0
#include "check/check_distance.h"

#include "core/error.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

void check_length_add(struct check_length *length, double difference, double expected)
{
    length->difference += difference * difference;
    length->expected += expected * expected;
}

double check_length_relative(const struct check_length *length)
{
    return sqrt(length->expected > 0 ? length->difference / length->expected : length->difference);
}

const char *clef_check_distance_name(enum clef_check_kind kind)
{
    static const char *const names[CLEF_CHECK_KINDS] = {
        [CLEF_CHECK_LOGITS] = "logits",
        [CLEF_CHECK_LOSS] = "loss",
        [CLEF_CHECK_GRADIENTS] = "gradients",
        [CLEF_CHECK_WEIGHTS] = "weights",
        [CLEF_CHECK_STATISTICS] = "moving statistics",
    };
    return names[kind];
}

bool clef_check_training_has_same_bits(const struct clef_check_training *training)
{
    for (int kind = 0; kind < CLEF_CHECK_KINDS; kind++)
        if (!training->distances[kind].same_bits)
            return false;
    return true;
}

// The first NaN stays.
static void add(struct clef_check_distance *distance, double relative, bool same_bits,
                const char *where)
{
    bool is_first = !distance->where[0];
    distance->same_bits = same_bits && (is_first || distance->same_bits);
    if (is_first || (!isnan(distance->relative) && !(relative <= distance->relative))) {
        distance->relative = relative;
        snprintf(distance->where, sizeof distance->where, "%s", where);
    }
}

static void add_values(struct clef_check_distance *distance, const float *got,
                       const float *expected, size_t count, const char *where)
{
    struct check_length length = {0, 0};
    for (size_t k = 0; k < count; k++)
        check_length_add(&length, (double)got[k] - (double)expected[k], (double)expected[k]);
    add(distance, check_length_relative(&length), memcmp(got, expected, count * sizeof *got) == 0,
        where);
}

clef_status check_distance_add_step(struct check_pair *pair, struct clef_check_training *training)
{
    char where[32];
    snprintf(where, sizeof where, "step %d", training->steps);
    const double *got = &training->losses[training->steps - 1];
    const double *expected = &training->reference_losses[training->steps - 1];
    add(&training->distances[CLEF_CHECK_LOSS], fabs(*got - *expected) / *expected,
        memcmp(got, expected, sizeof *got) == 0, where);
    // The arrays hold all parameters, and so the logits of any batch.
    for (int i = 0; i < 2; i++)
        CLEF_TRY(clef_model_read_logits(pair->models[i], pair->values[i]));
    int classes = clef_model_get_config(pair->models[0])->classes;
    add_values(&training->distances[CLEF_CHECK_LOGITS], pair->values[0], pair->values[1],
               (size_t)training->batch_size * (size_t)classes, where);
    return CLEF_OK;
}

// Relative to all gradients of the layer: that of a bias before a batch norm is zero but for
// rounding, and has no size of its own.
static void add_gradients_of(const struct check_pair *pair, const struct check_layer *layer,
                             const char *name, size_t begin, size_t end,
                             struct clef_check_distance *distance)
{
    struct check_length length = {0, 0};
    for (size_t k = layer->begin; k < layer->end; k++) {
        if (!pair->is_trainable[k])
            continue;
        double expected = (double)pair->values[1][k];
        bool is_here = begin <= k && k < end;
        check_length_add(&length, is_here ? (double)pair->values[0][k] - expected : 0, expected);
    }
    add(distance, check_length_relative(&length),
        memcmp(pair->values[0] + begin, pair->values[1] + begin,
               (end - begin) * sizeof *pair->values[0]) == 0,
        name);
}

void check_distance_add_gradients(const struct check_pair *pair,
                                  struct clef_check_training *training)
{
    const struct check_layer *layer = pair->layers;
    size_t begin = 0, end;
    for (int i = 0; i < clef_model_parameter_count(pair->models[0]); i++, begin = end) {
        struct clef_parameter parameter = clef_model_get_parameter(pair->models[0], i);
        end = begin + parameter.count;
        while (begin >= layer->end)
            layer++;
        if (parameter.trainable)
            add_gradients_of(pair, layer, parameter.name, begin, end,
                             &training->distances[CLEF_CHECK_GRADIENTS]);
    }
}

void check_distance_add_parameters(const struct check_pair *pair,
                                   struct clef_check_training *training)
{
    const float *got = pair->values[0], *expected = pair->values[1];
    for (int i = 0; i < clef_model_parameter_count(pair->models[0]); i++) {
        struct clef_parameter parameter = clef_model_get_parameter(pair->models[0], i);
        enum clef_check_kind kind =
            parameter.trainable ? CLEF_CHECK_WEIGHTS : CLEF_CHECK_STATISTICS;
        add_values(&training->distances[kind], got, expected, parameter.count, parameter.name);
        got += parameter.count;
        expected += parameter.count;
    }
}
