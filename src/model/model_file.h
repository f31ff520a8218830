// SPDX-License-Identifier: Apache-2.0
// Files of models, with or without what the optimiser needs to go on. A file that has it can be
// loaded as a model too.
#ifndef CLEF_MODEL_MODEL_FILE_H
#define CLEF_MODEL_MODEL_FILE_H

#include "clef/model.h"
#include "io/safetensors.h"

#include <stdbool.h>

// What a file holds beside a model.
struct clef_model_extra {
    bool optimiser; // Adam's moments and the number of its steps.
    const struct clef_safetensors_string *metadata;
    int metadata_count; // At most CLEF_MODEL_EXTRA_METADATA.
};
#define CLEF_MODEL_EXTRA_METADATA 8

// Writes a file, which appears whole or not at all.
clef_status clef_model_write_file(struct clef_model *model, int batch_size,
                                  const struct clef_model_extra *extra, const char *path);

// Rebuilds a network. `batch_size` may be NULL. Errors do not name the file.
clef_status clef_model_read_file(struct clef_device *device, const struct clef_safetensors *file,
                                 struct clef_model **model, int *batch_size);

// Reads the number of Adam's steps. CLEF_FORMAT if the file has none. Errors do not name the file.
clef_status clef_model_read_step(const struct clef_safetensors *file, uint64_t *step);

// Reads Adam's moments and step into a model that the same file has given. CLEF_FORMAT if the file
// lacks them. Errors do not name the file.
clef_status clef_model_read_optimiser(struct clef_model *model,
                                      const struct clef_safetensors *file);

#endif
