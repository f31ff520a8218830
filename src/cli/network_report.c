// SPDX-License-Identifier: Apache-2.0
#include "cli/network_report.h"

#include "cli/cli_support.h"
#include "cli/network_options.h"
#include "io/json_build.h"

#include <inttypes.h>
#include <string.h>

// Widths of the table's columns, the gap included.
enum { NAME_WIDTH = 52, SHAPE_WIDTH = 21, PARAMETERS_WIDTH = 12, TABLE_WIDTH = 112 };

struct parameter_totals report_count_parameters(const struct clef_model *model)
{
    struct parameter_totals totals = {0, 0};
    int count = clef_model_parameter_count(model);
    for (int i = 0; i < count; i++) {
        struct clef_parameter parameter = clef_model_get_parameter(model, i);
        totals.total += parameter.count;
        totals.trainable += parameter.trainable ? parameter.count : 0;
    }
    return totals;
}

static void print_rule(FILE *stream, char mark)
{
    for (int i = 0; i < TABLE_WIDTH; i++)
        fputc(mark, stream);
    fputc('\n', stream);
}

static void print_layer(FILE *stream, const struct clef_model *model, int index)
{
    struct clef_layer layer = clef_model_get_layer(model, index);
    char name[96], shape[48], number[CLI_NUMBER_LENGTH];
    snprintf(name, sizeof name, "%s (%s)", layer.name, layer.type);
    if (layer.height > 0)
        snprintf(shape, sizeof shape, "(None, %d, %d, %d)", layer.height, layer.width,
                 layer.channels);
    else
        snprintf(shape, sizeof shape, "(None, %d)", layer.channels);
    fprintf(stream, "%-*s%-*s%*s  ", NAME_WIDTH, name, SHAPE_WIDTH, shape, PARAMETERS_WIDTH,
            cli_thousands(layer.parameters, number));
    for (int i = 0; i < layer.inputs; i++)
        fprintf(stream, "%s%s", i == 0 ? "" : ", ",
                clef_model_get_layer(model, layer.input[i]).name);
    fputc('\n', stream);
}

void report_print_layers(FILE *stream, const struct clef_model *model)
{
    struct parameter_totals totals = report_count_parameters(model);
    uint64_t fixed = totals.total - totals.trainable;
    char number[CLI_NUMBER_LENGTH], bytes[CLI_NUMBER_LENGTH];
    print_rule(stream, '_');
    fprintf(stream, "%-*s%-*s%*s  %s\n", NAME_WIDTH, "Layer (type)", SHAPE_WIDTH, "Output Shape",
            PARAMETERS_WIDTH, "Param #", "Connected to");
    print_rule(stream, '=');
    int count = clef_model_layer_count(model);
    for (int i = 0; i < count; i++)
        print_layer(stream, model, i);
    print_rule(stream, '=');
    fprintf(stream, "Total params: %s (%s)\n", cli_thousands(totals.total, number),
            cli_bytes(totals.total * sizeof(float), bytes));
    fprintf(stream, "Trainable params: %s (%s)\n", cli_thousands(totals.trainable, number),
            cli_bytes(totals.trainable * sizeof(float), bytes));
    fprintf(stream, "Non-trainable params: %s (%s)\n", cli_thousands(fixed, number),
            cli_bytes(fixed * sizeof(float), bytes));
    print_rule(stream, '_');
}

void report_print_memory(FILE *stream, const struct clef_memory_plan *plan, int batch_size,
                         bool training)
{
    const struct {
        const char *name;
        uint64_t bytes;
    } rows[] = {
        {"parameters", plan->parameters},  {"gradients", plan->gradients},
        {"Adam's moments", plan->moments}, {"activations", plan->activations},
        {"scratch", plan->scratch},        {"total", plan->total},
    };
    char number[CLI_NUMBER_LENGTH], bytes[CLI_NUMBER_LENGTH];
    fprintf(stream, "Memory of a step of %s with %d images\n", training ? "training" : "inference",
            batch_size);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        fprintf(stream, "  %-16s%16s bytes%14s\n", rows[i].name,
                cli_thousands(rows[i].bytes, number), cli_bytes(rows[i].bytes, bytes));
}

json_t *report_json_layers(const struct clef_model *model)
{
    json_t *layers = json_array();
    int count = clef_model_layer_count(model);
    for (int i = 0; i < count; i++) {
        struct clef_layer layer = clef_model_get_layer(model, i);
        json_t *shape = layer.height > 0
                            ? json_pack("[iii]", layer.height, layer.width, layer.channels)
                            : json_pack("[i]", layer.channels);
        json_t *inputs = json_array();
        for (int k = 0; k < layer.inputs; k++)
            clef_json_append(&inputs,
                             json_string(clef_model_get_layer(model, layer.input[k]).name));
        clef_json_append(&layers, json_pack("{s:s, s:s, s:o, s:I, s:o}", "name", layer.name, "type",
                                            layer.type, "output_shape", shape, "parameters",
                                            (json_int_t)layer.parameters, "inputs", inputs));
    }
    return layers;
}

json_t *report_json_memory(const struct clef_memory_plan *plan)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "parameters", (json_int_t)plan->parameters,
                     "gradients", (json_int_t)plan->gradients, "moments", (json_int_t)plan->moments,
                     "activations", (json_int_t)plan->activations, "scratch",
                     (json_int_t)plan->scratch, "total", (json_int_t)plan->total);
}

static json_t *json_batchnorm(const struct clef_batchnorm_config *batchnorm)
{
    return json_pack("{s:f, s:f, s:b}", "momentum", batchnorm->momentum, "epsilon",
                     batchnorm->epsilon, "unbiased_variance", batchnorm->unbiased_variance);
}

json_t *report_json_network(const struct clef_resnet_config *config)
{
    json_t *blocks = json_array(), *filters = json_array();
    for (int i = 0; i < config->stages; i++) {
        clef_json_append(&blocks, json_integer(config->blocks[i]));
        clef_json_append(&filters, json_integer(config->filters[i]));
    }
    json_t *network = json_pack("{s:[iii], s:i, s:o, s:o, s:s, s:s, s:b, s:b, s:o}", "input_shape",
                                config->input_height, config->input_width, config->input_channels,
                                "classes", config->classes, "blocks", blocks, "filters", filters,
                                "head", network_head_choices[config->head], "padding",
                                config->padding == CLEF_PADDING_SAME ? "same" : "symmetric",
                                "stem_batchnorm", config->stem_batchnorm, "conv_bias",
                                config->conv_bias, "batchnorm", json_batchnorm(&config->batchnorm));
    if (config->head == CLEF_HEAD_FLATTEN_DENSE)
        clef_json_set(&network, "dense_units", json_integer(config->dense_units));
    return network;
}
