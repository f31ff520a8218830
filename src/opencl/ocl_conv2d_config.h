// SPDX-License-Identifier: Apache-2.0
// The shapes in which our convolution kernels are compiled.
#ifndef CLEF_OCL_CONV2D_CONFIG_H
#define CLEF_OCL_CONV2D_CONFIG_H

#include "opencl/ocl_conv2d_problem.h"
#include "ops/conv2d_choice.h"

// Products that are summed in one chain before the sum joins those of the other chains. Each
// rounding error is relative to the sum so far, so that chains of 64 make the error of reductions
// over thousands of products several times smaller.
#define OCL_CHAIN 64

// A configuration is a tile of rows x filters that a work-group computes at a time: target rows
// forward and in backward_data, rows of the weights in backward_weights. cl/conv2d_tile.h has the
// meaning of its numbers.
struct ocl_conv2d_config {
    const char *name, *algorithm;
    bool local; // Slices of both factors go through local memory.
    int tile;   // Rows of an item.
    int panels; // Of a group.
    int group;  // Work-items.
    int rows;   // Of a group with local memory. Without, of how many target rows the sums stay in
                // the first-level cache beside the weights of a chain.
    int shares; // Items that share the products of a sum with local memory.
};

// The configuration that is preferred, or that CLEF_CONV_CONFIG names, else the best for this
// device with so many rows and panels to compute. Fails if the device takes none.
clef_status ocl_conv2d_choose_config(struct ocl_context *ocl, enum ocl_conv2d_program program,
                                     size_t rows, size_t panels,
                                     const struct ocl_conv2d_config **config);

// Whether that is what was found: then CLBlast remains.
bool ocl_conv2d_nothing_fits(const struct ocl_context *ocl, enum ocl_conv2d_program program);

// The number of groups that keep the device busy.
size_t ocl_conv2d_wanted_groups(const struct ocl_context *ocl,
                                const struct ocl_conv2d_config *config);

// Tiles of a range of backward_weights without local memory: few enough for what a chain has of src
// to stay in the first-level cache from one panel to the next, and for the kernel's room.
#define OCL_RANGE_TILES 24

// The compiler's options. `aligned` promises that copies to local memory may take four floats at a
// time: ocl_conv2d_is_aligned holds for all tensors that are read. `transposed` is that of
// ocl_conv2d_product.
#define OCL_CONV2D_OPTIONS_LENGTH 128
void ocl_conv2d_options(const struct ocl_context *ocl, const struct ocl_conv2d_config *config,
                        bool aligned, bool transposed, char options[OCL_CONV2D_OPTIONS_LENGTH]);
bool ocl_conv2d_is_aligned(const struct clef_tensor *tensor);

// The algorithm of a pass: what is preferred or CLEF_CONV asks for; else, on a processor, what a
// model of the costs says is fastest, and on other devices the direct one.
clef_status ocl_conv2d_choose(const struct ocl_context *ocl,
                              const struct ocl_conv2d_problem *problem,
                              enum clef_conv2d_algorithm *algorithm);

// Whether an alternative would compute a problem itself, instead of the direct algorithm in its
// place.
bool ocl_conv2d_serves(const struct ocl_context *ocl, const char *alternative,
                       const struct ocl_conv2d_problem *problem);

// The alternatives of clef_device_prefer: CLBlast, if it is installed, our own direct kernels,
// those in each configuration for this kind of device, and the Winograd algorithms. NULL ends the
// list.
const char *const *ocl_conv2d_alternatives(const struct ocl_context *ocl);

#endif
