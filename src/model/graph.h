// SPDX-License-Identifier: Apache-2.0
// A network as a list of layers, in the order of execution, and of the parameters they own. Nothing
// here knows batch sizes, memory or fusion: schedule.h makes executable steps of it.
#ifndef CLEF_MODEL_GRAPH_H
#define CLEF_MODEL_GRAPH_H

#include "clef/model.h"

#define CLEF_NODE_NAME 64

// Bounds that keep every product of sizes inside 64 bits.
#define CLEF_MAX_EXTENT 65536             // Of a height, a width, or a number of channels.
#define CLEF_MAX_IMAGE_ELEMENTS (1 << 27) // Of one image's output of a layer.

enum clef_node_kind {
    CLEF_NODE_INPUT,
    CLEF_NODE_CONV2D,
    CLEF_NODE_BATCHNORM,
    CLEF_NODE_RELU,
    CLEF_NODE_ADD,
    CLEF_NODE_MAXPOOL,
    CLEF_NODE_GLOBAL_AVGPOOL,
    CLEF_NODE_FLATTEN,
    CLEF_NODE_DENSE,
};

// Where the parameters of a layer stand, counted from its first.
enum { CLEF_SLOT_WEIGHT, CLEF_SLOT_BIAS, CLEF_SLOT_MEAN, CLEF_SLOT_VARIANCE };

struct clef_node {
    char name[CLEF_NODE_NAME];
    enum clef_node_kind kind;
    int inputs;
    int input[2];
    // Extents of the output. A flatten layer keeps those of its input, since it moves nothing.
    int height, width, channels;
    bool frozen;               // Whether its parameters and moving statistics stay as they are.
    bool flat;                 // Whether a summary shows the output as a vector.
    bool relu;                 // The activation of a convolution or dense layer.
    struct clef_window window; // Of convolutions and poolings.
    struct clef_batchnorm_config batchnorm;
    int first_parameter;
    int parameter_count;
    int consumers;
    int normalisers; // Consumers that are batch normalisations.
};

struct clef_graph_parameter {
    char name[CLEF_NODE_NAME + 16];
    enum clef_parameter_kind kind;
    int rank;
    int dims[CLEF_MAX_RANK];
    size_t count;
    int node;
    // A bias whose every use is normalised away at once: the mean removes it, so that its gradient
    // is exactly zero and it is never computed.
    bool zero_gradient;
};

struct clef_graph {
    struct clef_node *nodes;
    int node_count, node_capacity;
    struct clef_graph_parameter *parameters;
    int parameter_count, parameter_capacity;
    clef_status status; // The first failure; once set, the functions below do nothing.
};

struct clef_conv2d_config {
    int filters, kernel, stride;
    enum clef_padding padding;
    bool bias, relu;
};

// Each adds a layer and returns its number. After a failure the number is meaningless, and
// clef_graph_finish returns the failure, so that builders need not check every call.
int clef_graph_input(struct clef_graph *graph, const char *name, const int shape[3]);
int clef_graph_conv2d(struct clef_graph *graph, const char *name, int src,
                      const struct clef_conv2d_config *config);
int clef_graph_batchnorm(struct clef_graph *graph, const char *name, int src,
                         const struct clef_batchnorm_config *config);
int clef_graph_relu(struct clef_graph *graph, const char *name, int src);
int clef_graph_add(struct clef_graph *graph, const char *name, int a, int b);
int clef_graph_maxpool(struct clef_graph *graph, const char *name, int src, int kernel, int stride,
                       enum clef_padding padding);
int clef_graph_global_avgpool(struct clef_graph *graph, const char *name, int src);
int clef_graph_flatten(struct clef_graph *graph, const char *name, int src);
int clef_graph_dense(struct clef_graph *graph, const char *name, int src, int units, bool relu);

// Ends the building: counts the consumers of each layer and finds the biases without a gradient.
// The last layer's output are the logits.
clef_status clef_graph_finish(struct clef_graph *graph);

// Freezes the layers of a finished graph that a list names, and no others: each entry between
// commas is a layer's name or what it begins with up to a dot. NULL freezes none; so does a
// failure.
clef_status clef_graph_freeze(struct clef_graph *graph, const char *layers);

// Whether a parameter is changed by training: not the moving statistics, not what is frozen.
bool clef_graph_trains(const struct clef_graph *graph, int parameter);

void clef_graph_release(struct clef_graph *graph);

// Whether a parameter counts as trainable: all but the moving statistics.
bool clef_parameter_is_trainable(enum clef_parameter_kind kind);

#endif
