// SPDX-License-Identifier: Apache-2.0
// IDX files, the format of MNIST: two zero bytes, the type of the elements, the number of
// dimensions, each dimension as four big-endian bytes, and the elements, last dimension fastest.
#ifndef CLEF_DATA_IDX_H
#define CLEF_DATA_IDX_H

#include "clef/status.h"

#include <stddef.h>
#include <stdint.h>

#define CLEF_IDX_MAX_RANK 4

// The most elements that a file may declare: 2 GiB of pixels, 45 times MNIST.
#define CLEF_IDX_MAX_SIZE ((size_t)1 << 31)

struct clef_idx {
    int dims[CLEF_IDX_MAX_RANK];
    size_t size;    // Product of the dimensions.
    uint8_t *bytes; // [size]; never NULL.
};

// Reads a file of unsigned bytes (type 0x08) with `rank` dimensions (1 .. CLEF_IDX_MAX_RANK), plain
// or gzipped. Memory grows with the data that is really there, whatever the header declares.
// `idx->bytes` is released with clef_idx_free; after a failure there is nothing to release.
clef_status clef_idx_read(const char *path, int rank, struct clef_idx *idx);

// Reads images in the same way: [count][height][width], or with [channels] as a fourth dimension.
// dims[3] is 1 where the file has three.
clef_status clef_idx_read_images(const char *path, struct clef_idx *idx);

// NULL is not accepted; an `idx` of zeros is.
void clef_idx_free(struct clef_idx *idx);

#endif
