// SPDX-License-Identifier: Apache-2.0
// A naive forward pass of a network in double precision, layer by layer and image by image, as an
// oracle. It takes the list of layers from the graph, and nothing else from the library.
#ifndef CLEF_SUPPORT_NETWORK_REFERENCE_H
#define CLEF_SUPPORT_NETWORK_REFERENCE_H

#include "model/graph.h"

#define MOST_NODES 64
#define MOST_PARAMETERS 128
#define MOST_BATCH 8

struct network_reference {
    const struct clef_graph *graph;
    enum clef_padding padding; // Of convolutions and poolings; as `same` unless it is changed.
    int batch;
    uint8_t *images;
    int32_t labels[MOST_BATCH];
    double *parameters[MOST_PARAMETERS];
    double *outputs[MOST_NODES];                     // [batch][height][width][channels]
    double *mean[MOST_NODES], *variance[MOST_NODES]; // What the moving ones take.
};

// Allocates the outputs, and draws images and labels. The parameters are left NULL.
void network_reference_create(struct network_reference *reference, const struct clef_graph *graph,
                              int batch);

void network_reference_release(struct network_reference *reference);

// The loss of a training step with the present parameters; fills outputs, mean and variance.
double network_reference_loss(struct network_reference *reference);

// Number of elements of one image's output.
size_t network_image_size(const struct clef_node *node);

// A fixed number in -1 .. 1 for each (stream, index).
double network_random(uint32_t stream, uint64_t index);

#endif
