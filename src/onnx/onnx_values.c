// SPDX-License-Identifier: Apache-2.0
#include "onnx/onnx_records.h"

#include "core/error.h"

#include <stdlib.h>

static clef_status read_values(struct onnx_file *file, float *as_model)
{
    float *values = file->values;
    for (size_t i = 0; i < file->graph.n_initializer; i++) {
        struct onnx_tensor *tensor = &file->tensors[i];
        CLEF_TRY(clef_model_read_parameter(file->model, (int)i, as_model));
        clef_weights_unpack(&file->map[i].kernel, file->map[i].order, as_model, values);
        tensor->message.raw_data.data = (uint8_t *)values;
        values += tensor->message.raw_data.len / sizeof *values;
    }
    return CLEF_OK;
}

clef_status onnx_read_values(struct onnx_file *file)
{
    size_t total = 0, largest = 0;
    for (size_t i = 0; i < file->graph.n_initializer; i++) {
        size_t size = file->tensors[i].message.raw_data.len;
        total += size;
        largest = size > largest ? size : largest;
    }
    file->values = malloc(total);
    float *as_model = malloc(largest);
    clef_status status = file->values && as_model
                             ? read_values(file, as_model)
                             : clef_fail(CLEF_OUT_OF_MEMORY, "no memory for the parameters");
    free(as_model);
    return status;
}
