// SPDX-License-Identifier: Apache-2.0
// Forward and backward_data of a Winograd convolution on a processor, by cl/winograd_block.cl:
// block by block of the rows, so that what is between source and target stays in the second-level
// cache.
#ifndef CLEF_OCL_WINOGRAD_BLOCK_H
#define CLEF_OCL_WINOGRAD_BLOCK_H

#include "opencl/ocl_conv2d_product.h"
#include "opencl/ocl_winograd_steps.h"

// How rows are cut into blocks, and where a block lies in the local memory of its group.
struct ocl_winograd_blocks {
    size_t rows;                               // Of a block; 0 if a device should not work so.
    size_t count;                              // Of blocks.
    size_t panel_sets;                         // Groups that share the panels of a block.
    size_t source_row, source_step, sums_step; // Floats between rows, and between points.
    size_t floats;                             // Of local memory.
};
struct ocl_winograd_blocks ocl_winograd_cut(const struct ocl_context *ocl,
                                            const struct ocl_conv2d_config *config,
                                            const struct ocl_winograd_tiles *tiles, int channels,
                                            int filters);

// Source and target of the product are images, its weights are at the points.
void ocl_winograd_launch_blocks(struct ocl_plan *build, const struct ocl_context *ocl,
                                const struct ocl_conv2d_config *config,
                                const struct ocl_winograd_tiles *tiles,
                                const struct ocl_winograd_blocks *blocks,
                                const struct ocl_conv2d_product *product);

#endif
