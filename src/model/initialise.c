// SPDX-License-Identifier: Apache-2.0
// The values a network starts with (Glorot, Bengio, "Understanding the difficulty of training deep
// feedforward neural networks", 2010).
#include "core/error.h"
#include "core/philox.h"
#include "model/parameters.h"

#include <math.h>
#include <stdlib.h>

// Uniform in [-limit, limit) with limit = sqrt(6 / (fan_in + fan_out)); a fan is the number of
// channels times the area of the kernel.
static void fill_glorot_uniform(const struct clef_graph_parameter *parameter, uint64_t seed,
                                uint32_t stream, float *values)
{
    int rank = parameter->rank;
    double area = 1;
    for (int i = 0; i < rank - 2; i++)
        area *= parameter->dims[i];
    double fans = area * ((double)parameter->dims[rank - 2] + parameter->dims[rank - 1]);
    float limit = (float)sqrt(6 / fans);
    for (size_t first = 0; first < parameter->count; first += 4) {
        uint32_t words[4];
        clef_philox(seed, CLEF_RANDOM_INITIALISE, stream, first / 4, words);
        for (size_t i = 0; i < 4 && first + i < parameter->count; i++)
            values[first + i] = (2 * clef_uniform(words[i]) - 1) * limit;
    }
}

static void fill_constant(const struct clef_graph_parameter *parameter, float value, float *values)
{
    for (size_t i = 0; i < parameter->count; i++)
        values[i] = value;
}

clef_status clef_parameters_initialise(struct clef_parameters *parameters, uint64_t seed)
{
    const struct clef_graph *graph = parameters->graph;
    for (int i = 0; i < graph->parameter_count; i++) {
        const struct clef_graph_parameter *parameter = &graph->parameters[i];
        float *values = malloc(parameter->count * sizeof *values);
        if (!values)
            return clef_fail(CLEF_OUT_OF_MEMORY, "no memory to initialise \"%s\"", parameter->name);
        switch (parameter->kind) {
        case CLEF_PARAMETER_KERNEL:
            fill_glorot_uniform(parameter, seed, (uint32_t)i, values);
            break;
        case CLEF_PARAMETER_GAMMA:
        case CLEF_PARAMETER_MOVING_VARIANCE:
            fill_constant(parameter, 1, values);
            break;
        case CLEF_PARAMETER_BIAS:
        case CLEF_PARAMETER_BETA:
        case CLEF_PARAMETER_MOVING_MEAN:
            fill_constant(parameter, 0, values);
            break;
        }
        clef_status status = clef_parameters_write(parameters, CLEF_SLAB_VALUES, i, values);
        free(values);
        CLEF_TRY(status);
    }
    return CLEF_OK;
}
