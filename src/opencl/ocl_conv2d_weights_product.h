// SPDX-License-Identifier: Apache-2.0
// The products of cl/conv2d_weights.cl, which explains the tables, as steps of a plan, for any
// geometry: the gradient of a convolution's weights, or the matrix products inside of a Winograd
// algorithm.
#ifndef CLEF_OCL_CONV2D_WEIGHTS_PRODUCT_H
#define CLEF_OCL_CONV2D_WEIGHTS_PRODUCT_H

#include "opencl/ocl_conv2d_config.h"
#include "opencl/ocl_conv2d_geometry.h"
#include "opencl/ocl_plan.h"

struct ocl_conv2d_weights_product {
    const struct clef_tensor *src, *diff_dst;
    const struct clef_tensor *diff_weights;   // May be NULL unless ocl_conv2d_cut_needs_gradient.
    const struct clef_weights_update *update; // May be NULL.
    // Where the kernel puts the sums of diff_dst's rows, if ocl_conv2d_cut_sums_bias; else of no
    // kind.
    struct ocl_arg bias;
};

// How the work is cut: into ranges of tiles, panels, and splits of the rows.
struct ocl_conv2d_cut {
    const struct ocl_conv2d_config *config;
    char options[OCL_CONV2D_OPTIONS_LENGTH];
    size_t tiles, chains, panels;
    size_t ranges, panel_groups, splits;
    size_t split_floats; // Of a split's place in scratch.
};
clef_status ocl_conv2d_choose_cut(struct ocl_context *ocl,
                                  const struct ocl_conv2d_geometry *geometry, int filters,
                                  struct ocl_conv2d_cut *cut);

// What the splits take of scratch.
size_t ocl_conv2d_cut_floats(const struct ocl_conv2d_cut *cut);

// Whether the kernel can sum the bias's gradient, a part for each split.
bool ocl_conv2d_cut_sums_bias(const struct ocl_conv2d_cut *cut);

// Whether the gradient must have memory, even if the weights alone are asked for.
bool ocl_conv2d_cut_needs_gradient(const struct ocl_conv2d_cut *cut);

struct ocl_conv2d_weights_tables {
    cl_int4 *kinds;
    cl_int2 *rows;  // Of reached rows of weights; padded to whole tiles.
    cl_uint *masks; // Of each kind, of each tile.
};
// Makes the tables, to be released with ocl_conv2d_weights_free, and completes the cut's options.
clef_status ocl_conv2d_weights_work(const struct ocl_context *ocl,
                                    const struct ocl_conv2d_weights_product *product,
                                    const struct ocl_conv2d_geometry *geometry,
                                    struct ocl_conv2d_cut *cut,
                                    struct ocl_conv2d_weights_tables *tables);
void ocl_conv2d_weights_free(struct ocl_conv2d_weights_tables *tables);

// The splits lie at the beginning of scratch.
void ocl_conv2d_weights_launch(struct ocl_plan *build,
                               const struct ocl_conv2d_weights_product *product,
                               const struct clef_tensor *scratch,
                               const struct ocl_conv2d_geometry *geometry,
                               const struct ocl_conv2d_cut *cut,
                               const struct ocl_conv2d_weights_tables *tables);

#endif
