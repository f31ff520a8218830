// SPDX-License-Identifier: Apache-2.0
// A convolution as a matrix product: how its tensors become matrices.
//
// A row is a position of the result, a column is an element that some position sees:
//
//     columns(row, tap*in + i) = src(n, iy, ix, i), or 0 where the tap lies on padding
//
// Only the taps that some position reaches have columns, so that the 3x3 kernel of a 1x1 image
// costs no more than a 1x1 kernel.
#ifndef CLEF_OCL_CONV2D_COLUMNS_H
#define CLEF_OCL_CONV2D_COLUMNS_H

#include "opencl/ocl_plan.h"

// A tensor whose rows lie at a constant distance is a matrix as it stands.
struct ocl_rows {
    bool is_matrix;
    size_t at; // Elements from the tensor's first to the matrix's first.
    size_t ld; // Elements between rows.
};

struct ocl_columns {
    const struct ocl_context *ocl;
    const struct clef_tensor *image;  // src or diff_src.
    const struct clef_tensor *result; // dst or diff_dst.
    struct clef_window window;
    bool position_major;         // Rows run through (y, x, n) instead of (n, y, x).
    size_t rows;                 // Of the whole result.
    int taps;                    // Reached ones; not more than the kernel has.
    size_t width;                // Of a row: taps * in.
    size_t slice;                // Rows that are handled at a time, to bound the memory.
    struct ocl_rows image_rows;  // The image as columns, if nothing has to be gathered.
    struct ocl_rows result_rows; // The result.
    double multiply_adds;        // That do not meet padding.
};

// Finds out how the tensors lie. Fails if a kernel's int cannot count the rows.
clef_status ocl_columns_describe(const struct ocl_context *ocl, const struct clef_tensor *image,
                                 const struct clef_tensor *result, const struct clef_window *window,
                                 struct ocl_columns *columns);

// The reached taps as a table of `int4`: ky, kx, their number in the kernel, and 0.
cl_mem ocl_columns_taps(struct ocl_plan *plan, const struct ocl_columns *columns);

// ---------------------------------------------------------------- scratch

// Parts of one scratch vector. Each begins where a device can begin a buffer of its own, as CLBlast
// needs to work in place, which takes the place of the vector itself to find out.
struct ocl_parts {
    size_t alignment; // In floats.
    size_t first;     // Elements before the first aligned one.
    size_t floats;    // That all parts take, as told before memory exists.
};
struct ocl_parts ocl_parts_begin(const struct ocl_context *ocl, const struct clef_tensor *scratch);

// Adds a part; returns the elements to skip in scratch.
size_t ocl_parts_add(struct ocl_parts *parts, size_t floats);

#endif
