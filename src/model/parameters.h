// SPDX-License-Identifier: Apache-2.0
// The parameters of a model on a device: one slab of values, and for training one each of Adam's
// two moments and of gradients. The slabs have the same layout: kernels, then the other trained
// parameters, so that the optimiser is one op over their extents, then moving statistics, which are
// in the first slab alone.
//
// Kernels are updated by the op that has their gradient, so that this need not be kept: the slab of
// gradients begins behind them, unless gradients are to be read.
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
    size_t kernel_floats;    // Length of the kernels.
    size_t trainable_floats; // Length of the slabs for training.
    size_t total_floats;     // Length of the slab of values.
    // What the op `adam` has to touch, counted from kernel_floats on: all but kernels that can have
    // a gradient.
    struct clef_extent *extents;
    size_t extent_count;
    bool keep_gradients; // Also of kernels.
    struct clef_buffer *values, *gradients, *first_moments, *second_moments;
};

// Plans the slabs and allocates that of the values, zero-filled. The graph must outlive the result.
clef_status clef_parameters_create(struct clef_device *device, const struct clef_graph *graph,
                                   struct clef_parameters *parameters);

// Makes `extents` anew, after other layers were frozen.
clef_status clef_parameters_list_extents(struct clef_parameters *parameters);

// Lets gradients of kernels be kept too, by plans that are made from now on.
void clef_parameters_keep_gradients(struct clef_parameters *parameters);

// Allocates what training needs, zero-filled, unless it is there.
clef_status clef_parameters_require_gradients(struct clef_parameters *parameters);

// How many floats at the beginning of the other slabs that of gradients does without.
size_t clef_parameters_without_gradient(const struct clef_parameters *parameters);

void clef_parameters_release(struct clef_parameters *parameters);

// Sets what a new network starts with: glorot-uniform kernels, gamma and variance 1, the rest 0.
// The numbers depend on the seed, the parameter's number and the element's place in HWIO order
// alone.
clef_status clef_parameters_initialise(struct clef_parameters *parameters, uint64_t seed);

// What is kept of a parameter from step to step. Only trained ones have moments.
enum clef_slab { CLEF_SLAB_VALUES, CLEF_SLAB_FIRST_MOMENTS, CLEF_SLAB_SECOND_MOMENTS, CLEF_SLABS };

// Copy a parameter, its moments or its gradient between the host, in the order of its dims, and the
// device. Moments must have been required; gradients of kernels must be kept.
clef_status clef_parameters_read(const struct clef_parameters *parameters, enum clef_slab slab,
                                 int index, float *values);
clef_status clef_parameters_write(struct clef_parameters *parameters, enum clef_slab slab,
                                  int index, const float *values);
clef_status clef_parameters_read_gradient(const struct clef_parameters *parameters, int index,
                                          float *values);

#endif
