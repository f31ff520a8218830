// SPDX-License-Identifier: Apache-2.0
#include "onnx/onnx_records.h"

#include "core/error.h"

#include <stdlib.h>
#include <string.h>

// Operators of version 13, whose meaning no later version changed, in the representation that came
// with them: every onnxruntime since 1.7 takes both.
#define OPERATOR_SET 13
#define REPRESENTATION 7

// Strings of messages are not const, but are never written to.
static char *text(const char *string)
{
    return (char *)string;
}

static void init_messages(struct onnx_file *file)
{
    onnx__operator_set_id_proto__init(&file->operators);
    file->operators.domain = text("");
    file->operators.has_version = true;
    file->operators.version = OPERATOR_SET;
    file->operator_sets[0] = &file->operators;
    onnx__graph_proto__init(&file->graph);
    file->graph.name = text("clef");
    file->graph.node = file->node_list;
    file->graph.initializer = file->tensor_list;
    file->graph.input = file->input.messages;
    file->graph.output = file->output.messages;
    file->graph.n_input = file->graph.n_output = 1;
    onnx__model_proto__init(&file->message);
    file->message.has_ir_version = true;
    file->message.ir_version = REPRESENTATION;
    file->message.producer_name = text("clef");
    file->message.producer_version = text(clef_version());
    file->message.graph = &file->graph;
    file->message.opset_import = file->operator_sets;
    file->message.n_opset_import = 1;
}

// The values come later.
static void set_tensor(struct onnx_tensor *tensor, const struct weights_tensor *described)
{
    Onnx__TensorProto *message = &tensor->message;
    onnx__tensor_proto__init(message);
    message->name = text(described->name);
    message->has_data_type = true;
    message->data_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
    message->dims = tensor->dims;
    message->has_raw_data = true;
    message->raw_data.len = sizeof(float);
    for (int i = 0; i < described->rank; i++) {
        tensor->dims[message->n_dims++] = described->dims[i];
        message->raw_data.len *= (size_t)described->dims[i];
    }
}

clef_status onnx_file_open(struct onnx_file *file, struct clef_model *model)
{
    size_t nodes = (size_t)clef_model_layer_count(model) * ONNX_NODES_A_LAYER;
    size_t tensors = (size_t)clef_model_parameter_count(model);
    *file = (struct onnx_file){
        .model = model,
        .nodes = calloc(nodes, sizeof *file->nodes),
        .node_list = calloc(nodes, sizeof *file->node_list),
        .tensors = calloc(tensors, sizeof *file->tensors),
        .tensor_list = calloc(tensors, sizeof *file->tensor_list),
    };
    if (!file->nodes || !file->node_list || !file->tensors || !file->tensor_list)
        return clef_fail(CLEF_OUT_OF_MEMORY, "no memory to describe the network");
    CLEF_TRY(weights_map_create(model, WEIGHTS_ONNX, &file->map));
    init_messages(file);
    for (size_t i = 0; i < tensors; i++) {
        set_tensor(&file->tensors[i], &file->map[i]);
        file->tensor_list[file->graph.n_initializer++] = &file->tensors[i].message;
    }
    return CLEF_OK;
}

void onnx_file_release(struct onnx_file *file)
{
    free(file->nodes);
    free(file->node_list);
    free(file->map);
    free(file->tensors);
    free(file->tensor_list);
    free(file->values);
}

struct onnx_node *onnx_add_node(struct onnx_file *file, const char *op, const char *name,
                                const char *output)
{
    struct onnx_node *node = &file->nodes[file->graph.n_node];
    file->node_list[file->graph.n_node++] = &node->message;
    onnx__node_proto__init(&node->message);
    node->message.op_type = text(op);
    node->message.name = text(name);
    node->message.input = node->input;
    node->message.output = node->output;
    node->message.n_output = 1;
    node->output[0] = text(output);
    node->message.attribute = node->attributes;
    return node;
}

void onnx_add_input(struct onnx_node *node, const char *value)
{
    node->input[node->message.n_input++] = text(value);
}

static Onnx__AttributeProto *add_attribute(struct onnx_node *node, const char *name,
                                           Onnx__AttributeProto__AttributeType type)
{
    size_t index = node->message.n_attribute++;
    Onnx__AttributeProto *attribute = node->attributes[index] = &node->attribute[index];
    onnx__attribute_proto__init(attribute);
    attribute->name = text(name);
    attribute->has_type = true;
    attribute->type = type;
    attribute->ints = node->ints[index];
    return attribute;
}

void onnx_add_int(struct onnx_node *node, const char *name, int value)
{
    Onnx__AttributeProto *attribute =
        add_attribute(node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);
    attribute->has_i = true;
    attribute->i = value;
}

void onnx_add_ints(struct onnx_node *node, const char *name, const int *values, int count)
{
    Onnx__AttributeProto *attribute =
        add_attribute(node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);
    for (int i = 0; i < count; i++)
        attribute->ints[attribute->n_ints++] = values[i];
}

void onnx_add_float(struct onnx_node *node, const char *name, float value)
{
    Onnx__AttributeProto *attribute =
        add_attribute(node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT);
    attribute->has_f = true;
    attribute->f = value;
}

void onnx_set_port(struct onnx_port *port, const char *name, const int *dims, int rank,
                   const char *description)
{
    onnx__tensor_shape_proto__init(&port->shape);
    port->shape.dim = port->dims;
    for (int i = 0; i < rank; i++) {
        Onnx__TensorShapeProto__Dimension *dim = port->dims[port->shape.n_dim++] = &port->dim[i];
        onnx__tensor_shape_proto__dimension__init(dim);
        if (i == 0)
            dim->dim_param = text("N");
        dim->has_dim_value = i != 0;
        dim->dim_value = dims[i];
    }
    onnx__type_proto__tensor__init(&port->tensor);
    port->tensor.has_elem_type = true;
    port->tensor.elem_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
    port->tensor.shape = &port->shape;
    onnx__type_proto__init(&port->type);
    port->type.tensor_type = &port->tensor;
    onnx__value_info_proto__init(&port->message);
    port->message.name = text(name);
    port->message.type = &port->type;
    port->message.doc_string = text(description);
    port->messages[0] = &port->message;
}
