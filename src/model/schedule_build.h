// SPDX-License-Identifier: Apache-2.0
// What the two halves of making a schedule share.
#ifndef CLEF_MODEL_SCHEDULE_BUILD_H
#define CLEF_MODEL_SCHEDULE_BUILD_H

#include "model/schedule.h"

// Layers that become one step. It is executed where its last layer stands, since only there all its
// inputs are known.
struct clef_chain {
    int head;     // The layer that computes, or CLEF_NO_NODE if this layer is not the last of one.
    int residual; // The layer that is added, or CLEF_NO_NODE.
    bool relu;
};

// Per layer, indexed by its number.
struct clef_node_state {
    int input[2]; // With flatten layers looked through.
    int uses;     // How many layers read it.
    int user;     // One of them.
    struct clef_chain chain;
    bool absorbed;                         // It is part of the chain of a later layer.
    bool needs_gradient;                   // It or something before it is trained.
    bool masked;                           // Its gradient has already passed its ReLU.
    int value;                             // Its output.
    int gradient;                          // What has been summed up of the gradient of its output.
    int argmax, saved_mean, saved_inv_std; // What the forward pass keeps for the backward pass.
};

struct clef_schedule_builder {
    const struct clef_graph *graph;
    struct clef_schedule *schedule;
    struct clef_node_state *nodes;
    clef_status status;       // The first failure.
    struct clef_step nowhere; // Takes what is written to steps after a failure.
};

// Adds a tensor shaped as the output of a layer, or a vector of its channels.
int clef_schedule_add_rows(struct clef_schedule_builder *builder, int node);
int clef_schedule_add_vector(struct clef_schedule_builder *builder, int node);

// Adds a step whose roles are all absent. The pointer is valid until the next step is added; after
// a failure it points to a step that nobody reads.
struct clef_step *clef_schedule_add_step(struct clef_schedule_builder *builder,
                                         enum clef_step_op op, int node);

// Adds the backward steps; the gradient of the last layer must be set.
void clef_schedule_add_backward(struct clef_schedule_builder *builder);

#endif
