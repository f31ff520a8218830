// SPDX-License-Identifier: Apache-2.0
// Safetensors files: named tensors with string metadata. A file is the header's length (eight
// bytes, little-endian), the header in JSON, and the tensors' bytes without gaps. Only float32 is
// written and read; of tensors of other types the reader knows name and shape.
#ifndef CLEF_IO_SAFETENSORS_H
#define CLEF_IO_SAFETENSORS_H

#include "clef/status.h"

#include <stddef.h>

#define CLEF_SAFETENSORS_MAX_RANK 8

// What is known of a tensor beside its values. `count` is the product of the extents, 1 for rank 0.
struct clef_safetensors_tensor {
    const char *name;
    int rank;
    int dims[CLEF_SAFETENSORS_MAX_RANK];
    size_t count; // Filled in by the reader; the writer computes it from `dims`.
};

// One pair of the metadata.
struct clef_safetensors_string {
    const char *key, *value;
};

// Provides the values of tensor `index`, row-major, in a buffer that holds them exactly. A failure
// ends the writing and is returned from it.
typedef clef_status (*clef_safetensors_source)(void *user, int index, float *values);

// With this begin the names of tensors that a checkpoint has beside those of its model.
#define CLEF_SAFETENSORS_OPTIMISER "adam."

// An entry of the metadata that makes the writer put the CRC-32 of the whole file there, as eight
// hexadecimal digits. It is computed with zeros in their place.
#define CLEF_SAFETENSORS_CHECKSUM \
    {                             \
        "crc32", "00000000"       \
    }

// Writes a file. It appears whole or not at all; a file of that name is replaced.
// Names must be unique, not empty and not "__metadata__"; all text must be UTF-8.
clef_status clef_safetensors_write(const char *path, const struct clef_safetensors_tensor *tensors,
                                   int tensor_count, const struct clef_safetensors_string *metadata,
                                   int metadata_count, clef_safetensors_source source, void *user);

struct clef_safetensors;

// Opens a file and checks its header against its size; no values are read yet.
// CLEF_FORMAT tells what is damaged, CLEF_UNSUPPORTED that a tensor's type is not known.
clef_status clef_safetensors_open(const char *path, struct clef_safetensors **file);

// The same for a file that is open, and is closed whether or not that succeeds; messages call it
// `path`.
clef_status clef_safetensors_open_descriptor(int descriptor, const char *path,
                                             struct clef_safetensors **file);

// Reads the whole file and compares it with its checksum. CLEF_FORMAT if it has none, or another.
clef_status clef_safetensors_verify(const struct clef_safetensors *file);

// NULL is accepted.
void clef_safetensors_close(struct clef_safetensors *file);

// Tensors are numbered in the order of their bytes in the file.
int clef_safetensors_count(const struct clef_safetensors *file);

// The name stays valid until the file is closed; `index` must be below the count.
struct clef_safetensors_tensor clef_safetensors_get(const struct clef_safetensors *file, int index);

// Returns the number of the tensor with this name, or -1 without recording an error.
int clef_safetensors_find(const struct clef_safetensors *file, const char *name);

// Reads the values of a tensor, row-major. `count` is the room in `values` and must be the tensor's
// own count. CLEF_UNSUPPORTED if it is not float32.
clef_status clef_safetensors_read(const struct clef_safetensors *file, int index, float *values,
                                  size_t count);

// Returns a value of the metadata, valid until the file is closed, or NULL if there is none.
const char *clef_safetensors_metadata(const struct clef_safetensors *file, const char *key);

#endif
