// SPDX-License-Identifier: Apache-2.0
// The geometry of a convolution as lists that the kernels walk without a branch.
//
// Every element of the target (dst forward, diff_src backward) is a sum over the taps whose source
// position lies inside of the image; taps that fall on padding are in no list. Target positions
// that see the same taps are of one kind, and the rows of all images at all positions of a kind are
// the rows of one matrix product. A row is found by two offsets, its own in the target and that of
// its window in the source; the element that a tap meets is at a constant distance from the latter.
#ifndef CLEF_OCL_CONV2D_GEOMETRY_H
#define CLEF_OCL_CONV2D_GEOMETRY_H

#include "opencl/ocl_context.h"

enum ocl_conv2d_pass {
    OCL_CONV2D_FORWARD,      // target = dst, source = src
    OCL_CONV2D_BACKWARD_DATA // target = diff_src, source = diff_dst
};

struct ocl_conv2d_kind {
    int first_position, positions;
    int first_tap, taps;
};

struct ocl_conv2d_geometry {
    struct ocl_conv2d_kind *kinds;
    int kind_count;
    cl_int2 *positions; // Offsets of image 0: of the window in the source, which may be negative,
                        // and in the target.
    int *taps;          // Of each kind, ascending: ky * kernel_w + kx.
    int *tap_offsets; // From the window's offset to the element that each tap of the kernel meets.
    int *reached;     // The taps that any kind sees, ascending.
    int position_count, tap_count, kernel_taps, reached_count;
    int images;
    cl_int4 rows;     // As the kernels' find_row takes it.
    int channels;     // Of the source.
    int tap_rows;     // Rows of weights from a tap to the next: `channels` or more.
    int channel_step; // Between elements that meet consecutive rows of weights: 1, or with a single
                      // channel the distance of two columns.
    double pairs;     // Pairs of a row and a tap.
};

// Lists the kinds for a pass. Release with ocl_conv2d_geometry_free.
clef_status ocl_conv2d_geometry_create(enum ocl_conv2d_pass pass, const struct clef_tensor *target,
                                       const struct clef_tensor *source,
                                       const struct clef_window *window,
                                       struct ocl_conv2d_geometry *geometry);

// The geometry of `target->h` matrix products side by side: line i of the target is line i of the
// source times tap i of the weights. Both tensors are one column wide.
clef_status ocl_conv2d_geometry_create_diagonal(const struct clef_tensor *target,
                                                const struct clef_tensor *source, int tap_rows,
                                                struct ocl_conv2d_geometry *geometry);

void ocl_conv2d_geometry_free(struct ocl_conv2d_geometry *geometry);

#endif
