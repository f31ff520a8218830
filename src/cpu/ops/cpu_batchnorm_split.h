// SPDX-License-Identifier: Apache-2.0
// How batch normalisation splits a matrix of rows x channels. A tile is a chunk of rows by a block
// of channels. A tensor of few rows is one chunk: the statistics of a block then need only its own
// tile, and one task does all passes over it while it is in the cache. Otherwise each tile leaves
// partial sums, which are combined in the order of the chunks.
#ifndef CLEF_CPU_BATCHNORM_SPLIT_H
#define CLEF_CPU_BATCHNORM_SPLIT_H

#include "cpu/ops/cpu_rows.h"

enum {
    // Rows of a chunk: float sums over so few rows keep their precision, and a tile of a full
    // block is 64 KiB.
    CPU_BATCHNORM_CHUNK = 256,
    // Channels of a block: whole vectors of every instruction set, and whole cache lines.
    CPU_BATCHNORM_BLOCK = 64
};

struct cpu_batchnorm_split {
    size_t rows;
    int channels;
    int chunks, blocks;
};

struct cpu_batchnorm_tile {
    size_t start; // Offset of its first element.
    size_t rows;
    int chunk, block;
    int first, channels; // Channels of the block.
};

// Two sums over the rows, such as of x and of x * x; those of channel c of chunk k stand at
// first[k * stride + c] and second[k * stride + c].
struct cpu_batchnorm_sums {
    float *first, *second;
    size_t stride;
};

static inline struct cpu_batchnorm_split cpu_batchnorm_split(const struct clef_tensor *tensor)
{
    size_t rows = clef_tensor_rows(tensor);
    return (struct cpu_batchnorm_split){
        .rows = rows,
        .channels = tensor->c,
        .chunks = cpu_task_count(rows, CPU_BATCHNORM_CHUNK),
        .blocks = cpu_task_count((size_t)tensor->c, CPU_BATCHNORM_BLOCK),
    };
}

static inline struct cpu_batchnorm_tile cpu_batchnorm_tile(const struct cpu_batchnorm_split *split,
                                                           int task)
{
    int chunk = task / split->blocks, block = task % split->blocks;
    struct cpu_range rows = cpu_task_range(split->rows, CPU_BATCHNORM_CHUNK, chunk);
    struct cpu_range channels = cpu_task_range((size_t)split->channels, CPU_BATCHNORM_BLOCK, block);
    return (struct cpu_batchnorm_tile){
        .start = rows.first * (size_t)split->channels + channels.first,
        .rows = rows.count,
        .chunk = chunk,
        .block = block,
        .first = (int)channels.first,
        .channels = (int)channels.count,
    };
}

// Floats of scratch for the sums of all chunks and for `vectors` values per channel; none for one
// chunk.
static inline size_t cpu_batchnorm_scratch(const struct cpu_batchnorm_split *split, size_t vectors)
{
    if (split->chunks == 1)
        return 0;
    return (2 * (size_t)split->chunks + vectors) * (size_t)split->channels;
}

// Adds up the chunks of a block in double precision.
static inline void cpu_batchnorm_combine(const struct cpu_batchnorm_sums *sums, int chunks,
                                         int channels, double first[CPU_BATCHNORM_BLOCK],
                                         double second[CPU_BATCHNORM_BLOCK])
{
    for (int c = 0; c < channels; c++)
        first[c] = second[c] = 0;
    for (int chunk = 0; chunk < chunks; chunk++) {
        const float *a = sums->first + (size_t)chunk * sums->stride;
        const float *b = sums->second + (size_t)chunk * sums->stride;
        for (int c = 0; c < channels; c++) {
            first[c] += (double)a[c];
            second[c] += (double)b[c];
        }
    }
}

#endif
