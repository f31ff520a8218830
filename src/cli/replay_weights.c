// SPDX-License-Identifier: Apache-2.0
#include "cli/replay_weights.h"

#include "core/error.h"

#include <math.h>
#include <stdlib.h>

// Chris Wellons's 32-bit integer hash of low bias ("Prospecting for hash functions", 2018).
static uint32_t lowbias32(uint32_t x)
{
    x ^= x >> 16;
    x *= 0x7feb352dU;
    x ^= x >> 15;
    x *= 0x846ca68bU;
    x ^= x >> 16;
    return x;
}

// The last two dimensions are the channels in and out, those before them the kernel's window.
static double glorot_limit(const struct clef_parameter *parameter)
{
    double window = 1;
    for (int i = 0; i < parameter->rank - 2; i++)
        window *= parameter->dims[i];
    double channels =
        (double)parameter->dims[parameter->rank - 2] + parameter->dims[parameter->rank - 1];
    return sqrt(6 / (window * channels));
}

static void fill_kernel(const struct clef_parameter *parameter, uint32_t k, float *values)
{
    double limit = glorot_limit(parameter);
    for (size_t i = 0; i < parameter->count; i++) {
        uint32_t x = lowbias32((uint32_t)i + 0x9E3779B9U * (k + 1));
        double u = (x >> 8) * 0x1p-24;
        values[i] = (float)((2 * u - 1) * limit);
    }
}

static clef_status write_parameter(struct clef_model *model, int index, uint32_t k)
{
    struct clef_parameter parameter = clef_model_get_parameter(model, index);
    float *values = calloc(parameter.count, sizeof *values);
    if (values == NULL)
        return clef_fail(CLEF_OUT_OF_MEMORY, "no memory for the %zu values of \"%s\"",
                         parameter.count, parameter.name);
    if (parameter.kind == CLEF_PARAMETER_KERNEL)
        fill_kernel(&parameter, k, values);
    if (parameter.kind == CLEF_PARAMETER_GAMMA || parameter.kind == CLEF_PARAMETER_MOVING_VARIANCE)
        for (size_t i = 0; i < parameter.count; i++)
            values[i] = 1;
    clef_status status = clef_model_write_parameter(model, index, values);
    free(values);
    return status;
}

clef_status replay_write_weights(struct clef_model *model, uint32_t key)
{
    uint32_t position = 0;
    int count = clef_model_parameter_count(model);
    for (int i = 0; i < count; i++) {
        CLEF_TRY(write_parameter(model, i, 1000 * key + position));
        position += clef_model_get_parameter(model, i).trainable;
    }
    return CLEF_OK;
}
