// SPDX-License-Identifier: Apache-2.0
// Describes a model: a summary of its layers as Keras prints it, and the plan of its memory.
#ifndef CLEF_CLI_NETWORK_REPORT_H
#define CLEF_CLI_NETWORK_REPORT_H

#include "clef/model.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

struct parameter_totals {
    uint64_t total, trainable;
};
struct parameter_totals report_count_parameters(const struct clef_model *model);

void report_print_layers(FILE *stream, const struct clef_model *model);
void report_print_memory(FILE *stream, const struct clef_memory_plan *plan, int batch_size,
                         bool training);

// New references; NULL if memory ran out.
json_t *report_json_layers(const struct clef_model *model);
json_t *report_json_memory(const struct clef_memory_plan *plan);
json_t *report_json_network(const struct clef_resnet_config *config);

#endif
