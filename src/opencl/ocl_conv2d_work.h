// SPDX-License-Identifier: Apache-2.0
// The work of cl/conv2d.cl as its tables: blocks of rows, the steps of their sums, and how blocks
// are dealt out to work-groups.
#ifndef CLEF_OCL_CONV2D_WORK_H
#define CLEF_OCL_CONV2D_WORK_H

#include "opencl/ocl_conv2d_config.h"
#include "opencl/ocl_conv2d_geometry.h"

struct ocl_conv2d_work {
    const struct ocl_conv2d_config *config;
    char options[OCL_CONV2D_OPTIONS_LENGTH];
    cl_int8 *blocks;
    cl_int *parts; // The first block of each part, and the number of blocks.
    void *steps;   // Of cl_int2 with local memory, else of cl_int4.
    size_t block_count, part_count, step_bytes;
};

// Whether each tap is seen by one block alone, without local memory: then a group can transpose
// what it needs of the weights, and no other of its panel does it again.
bool ocl_conv2d_work_is_apart(const struct ocl_context *ocl, const struct ocl_conv2d_config *config,
                              const struct ocl_conv2d_geometry *geometry, size_t panels);

// `panels` is the number of panels of the target's channels; `aligned` and `transposed` as for
// ocl_conv2d_options. Release with ocl_conv2d_work_free, which accepts one that is all zero.
clef_status ocl_conv2d_work_create(const struct ocl_context *ocl,
                                   const struct ocl_conv2d_config *config,
                                   const struct ocl_conv2d_geometry *geometry, size_t panels,
                                   bool aligned, bool transposed, struct ocl_conv2d_work *work);
void ocl_conv2d_work_free(struct ocl_conv2d_work *work);

#endif
