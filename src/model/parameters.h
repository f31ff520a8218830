// SPDX-License-Identifier: Apache-2.0
// The parameters of a model on a device: one slab of values, and for training one each of gradients
// and of Adam's two moments. The slabs have the same layout, so that the optimiser is one op over
// extents; moving statistics come last and are in the first slab alone.
#ifndef CLEF_MODEL_PARAMETERS_H
#define CLEF_MODEL_PARAMETERS_H

#include "clef/ops.h"
#include "model/graph.h"

// Where a parameter is stored, in floats.
struct clef_parameter_place {
    size_t offset;
    size_t floats;                     // As stored: kernels are panels with their unused lanes.
    struct clef_weights_layout layout; // Of kernels.
};

struct clef_parameters {
    struct clef_device *device;
    const struct clef_graph *graph;
    struct clef_parameter_place *places;
    size_t trainable_floats;     // Length of the slabs for training.
    size_t total_floats;         // Length of the slab of values.
    struct clef_extent *extents; // What Adam has to touch: all that can have a gradient.
    size_t extent_count;
    struct clef_buffer *values, *gradients, *first_moments, *second_moments;
};

// Plans the slabs and allocates that of the values, zero-filled. The graph must outlive the result.
clef_status clef_parameters_create(struct clef_device *device, const struct clef_graph *graph,
                                   struct clef_parameters *parameters);

// Makes `extents` anew, after other layers were frozen.
clef_status clef_parameters_list_extents(struct clef_parameters *parameters);

// Allocates what training needs, zero-filled, unless it is there.
clef_status clef_parameters_require_gradients(struct clef_parameters *parameters);

void clef_parameters_release(struct clef_parameters *parameters);

// Sets what a new network starts with: glorot-uniform kernels, gamma and variance 1, the rest 0.
// The numbers depend on the seed, the parameter's number and the element's place in HWIO order
// alone.
clef_status clef_parameters_initialise(struct clef_parameters *parameters, uint64_t seed);

// What is kept of a parameter from step to step. Only trained ones have moments.
enum clef_slab { CLEF_SLAB_VALUES, CLEF_SLAB_FIRST_MOMENTS, CLEF_SLAB_SECOND_MOMENTS, CLEF_SLABS };

// Copy a parameter, its moments or its gradient between the host, in the order of its dims, and the
// device. Moments must have been required.
clef_status clef_parameters_read(const struct clef_parameters *parameters, enum clef_slab slab,
                                 int index, float *values);
clef_status clef_parameters_write(struct clef_parameters *parameters, enum clef_slab slab,
                                  int index, const float *values);
clef_status clef_parameters_read_gradient(const struct clef_parameters *parameters, int index,
                                          float *values);

#endif
