// SPDX-License-Identifier: Apache-2.0
// The shapes in which our convolution kernels are compiled.
#ifndef CLEF_OCL_CONV2D_CONFIG_H
#define CLEF_OCL_CONV2D_CONFIG_H

#include "opencl/ocl_context.h"

// Products that are summed in one chain before the sum joins those of the other chains. Each
// rounding error is relative to the sum so far, so that chains of 64 make the error of reductions
// over thousands of products several times smaller.
#define OCL_CHAIN 64

// A configuration is a tile of rows x filters that a work-group computes at a time: target rows
// forward and in backward_data, rows of the weights in backward_weights.
struct ocl_conv2d_config {
    const char *name;
    bool local; // Tiles of both factors go through local memory; else through vectors of a panel.
    int tile;   // Rows of an item. Legal: 1 to 16; with local memory 2, 4 or 8.
    int panels; // Of a group; 1 without local memory, else 1, 2 or 4.
    int group;  // Work-items; 1 without local memory, else a multiple of 4 * panels.
    int rows;   // Of a group: group / (4 * panels) * tile with local memory; without, how many
                // target rows use a chain's weights while these are in the first-level cache.
    const char *options; // The same for the compiler of kernels.
};

// The configuration that CLEF_CONV_CONFIG names, or the best for this device with so many rows and
// panels to compute.
clef_status ocl_conv2d_choose_config(const struct ocl_context *ocl, size_t rows, size_t panels,
                                     const struct ocl_conv2d_config **config);

// The number of work-groups that keep the device busy.
size_t ocl_conv2d_wanted_groups(const struct ocl_context *ocl);

// Whether CLEF_CONV asks for the convolution by CLBlast instead.
clef_status ocl_conv2d_use_clblast(bool *clblast);

#endif
