// SPDX-License-Identifier: Apache-2.0
// The messages of one ONNX file. Messages point to each other; here each has its parts beside it,
// in records of a fixed size whose number is known from the network, so that all is allocated at
// once and nothing else can run out of memory.
#ifndef CLEF_ONNX_ONNX_RECORDS_H
#define CLEF_ONNX_ONNX_RECORDS_H

#include "weights/weights_map.h"

#include "onnx_file.pb-c.h"

#define ONNX_NAME 96
#define ONNX_MAX_INPUTS 5     // Of a node: a batch normalisation's source and parameters.
#define ONNX_MAX_ATTRIBUTES 3 // Of a node: a convolution's kernel, strides and pads.
#define ONNX_MAX_INTS 4       // Of an attribute: pads.
#define ONNX_NODES_A_LAYER 2  // A layer may end with an operator that ONNX has by itself.

struct onnx_node {
    Onnx__NodeProto message;
    char name[ONNX_NAME], output_name[ONNX_NAME + 8]; // Where a name is not that of a layer.
    char *input[ONNX_MAX_INPUTS], *output[1];
    Onnx__AttributeProto attribute[ONNX_MAX_ATTRIBUTES], *attributes[ONNX_MAX_ATTRIBUTES];
    int64_t ints[ONNX_MAX_ATTRIBUTES][ONNX_MAX_INTS];
};

// A parameter of the network.
struct onnx_tensor {
    Onnx__TensorProto message;
    int64_t dims[CLEF_MAX_RANK];
};

// What goes into the network or comes out of it.
struct onnx_port {
    Onnx__ValueInfoProto message, *messages[1];
    Onnx__TypeProto type;
    Onnx__TypeProto__Tensor tensor;
    Onnx__TensorShapeProto shape;
    Onnx__TensorShapeProto__Dimension dim[CLEF_MAX_RANK], *dims[CLEF_MAX_RANK];
};

struct onnx_file {
    struct clef_model *model;
    Onnx__ModelProto message;
    Onnx__OperatorSetIdProto operators, *operator_sets[1];
    Onnx__GraphProto graph;
    struct onnx_port input, output;
    struct onnx_node *nodes; // Room for ONNX_NODES_A_LAYER of each layer.
    Onnx__NodeProto **node_list;
    struct weights_tensor *map;  // The parameters.
    struct onnx_tensor *tensors; // The same, as messages.
    Onnx__TensorProto **tensor_list;
    float *values; // Of all tensors, one after another.
};

// Makes a file that describes the parameters, and has neither nodes nor values. After a failure,
// too, it must be released.
clef_status onnx_file_open(struct onnx_file *file, struct clef_model *model);
void onnx_file_release(struct onnx_file *file);

// Adds a node with one output. `name` and `output` must stay valid; in the record they do.
struct onnx_node *onnx_add_node(struct onnx_file *file, const char *op, const char *name,
                                const char *output);
void onnx_add_input(struct onnx_node *node, const char *value);
void onnx_add_int(struct onnx_node *node, const char *name, int value);
void onnx_add_ints(struct onnx_node *node, const char *name, const int *values, int count);
void onnx_add_float(struct onnx_node *node, const char *name, float value);

// Describes a port; its extent 0 is the batch, whose size is open.
void onnx_set_port(struct onnx_port *port, const char *name, const int *dims, int rank,
                   const char *description);

// Adds the nodes of all layers, and describes the ports.
clef_status onnx_add_layers(struct onnx_file *file);

// Reads the values of all tensors, in the order that ONNX has them in.
clef_status onnx_read_values(struct onnx_file *file);

#endif
