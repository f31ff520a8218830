// SPDX-License-Identifier: Apache-2.0
// How batch normalisation splits a matrix of rows x channels, see cl/batchnorm_sums.h.
#ifndef CLEF_OCL_BATCHNORM_H
#define CLEF_OCL_BATCHNORM_H

#include "opencl/ocl_rows.h"

// Bits of the kernels' argument `flags`.
enum { OCL_FUSED_RELU = 1, OCL_FUSED_RESIDUAL = 2 };

struct ocl_batchnorm_split {
    int channels, rows;
    int width, span;      // Channels of a vector, vectors of a work-item.
    int lanes, item_rows; // Work-items of a group along channels and along rows.
    int chunk_rows, chunks;
    bool joins; // The sums of all chunks in a launch of its own.
    char options[64];
};

// Whose kernels must take the groups.
enum ocl_batchnorm_program { OCL_BATCHNORM_FORWARD, OCL_BATCHNORM_BACKWARD };

clef_status ocl_batchnorm_split(struct ocl_context *ocl, enum ocl_batchnorm_program program,
                                const struct clef_tensor *tensor,
                                struct ocl_batchnorm_split *split);

// Floats of scratch for the sums of all chunks; none for one chunk.
size_t ocl_batchnorm_scratch(const struct ocl_batchnorm_split *split);

// Appends a launch over the groups of all chunks.
void ocl_batchnorm_launch(struct ocl_plan *plan, const struct ocl_batchnorm_split *split,
                          struct ocl_launch launch);

// The sums as the last pass shall add them: those of the chunks, or of one that `kernel` of
// `source` joins them to.
struct ocl_batchnorm_sums {
    size_t skip; // Floats of scratch before them.
    int chunks;
};
struct ocl_batchnorm_sums ocl_batchnorm_join(struct ocl_plan *plan,
                                             const struct ocl_batchnorm_split *split,
                                             const char *source, const char *kernel,
                                             const struct clef_tensor *scratch);

#endif
