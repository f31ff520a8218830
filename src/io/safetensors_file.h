// SPDX-License-Identifier: Apache-2.0
// What the parts of the reader of safetensors files share.
#ifndef CLEF_IO_SAFETENSORS_FILE_H
#define CLEF_IO_SAFETENSORS_FILE_H

#include "io/safetensors.h"

#include <jansson.h>
#include <stdint.h>

struct clef_safetensors_entry {
    struct clef_safetensors_tensor tensor; // The name belongs to `header`.
    const char *type;                      // So does this.
    size_t element;                        // Bytes of one.
    uint64_t begin, end;                   // Bytes, from the first byte of the data.
};

struct clef_safetensors {
    char *path;
    int fd;
    uint64_t data_start; // Where the tensors' bytes begin in the file.
    uint64_t data_size;
    json_t *header;
    struct clef_safetensors_entry *entries;        // Ascending by their bytes.
    const struct clef_safetensors_entry **by_name; // The same ascending by their names.
    int count;
};

// Reads exactly `size` bytes from a place in the file.
clef_status clef_safetensors_read_at(const struct clef_safetensors *file, void *bytes, size_t size,
                                     uint64_t place);

#endif
