// SPDX-License-Identifier: Apache-2.0
// The steps that the three passes of a convolution by CLBlast share.
#ifndef CLEF_OCL_CONV2D_GEMM_STEPS_H
#define CLEF_OCL_CONV2D_GEMM_STEPS_H

#include "opencl/ocl_conv2d_columns.h"

#include <stdio.h>

// `int4`: a window as the kernels of cl/im2col.cl take it.
#define OCL_WINDOW(w) OCL_INT4((w)->stride_h, (w)->stride_w, (w)->pad_top, (w)->pad_left)

// How many channels a work-item moves at once.
int ocl_move_width(const struct ocl_context *ocl, int channels);

// The name of the algorithm, for clef_plan_info.
const char *ocl_columns_algorithm(const struct ocl_columns *columns);

// The rows of a tensor from `first` on as they stand, or `otherwise`.
struct ocl_matrix ocl_rows_or(const struct ocl_rows *rows, const struct clef_tensor *tensor,
                              size_t first, struct ocl_matrix otherwise);

// Appends the kernel that turns panels into a matrix [width, out] at `skip` of scratch.
void ocl_launch_unpack(struct ocl_plan *build, const struct ocl_columns *columns, cl_mem taps,
                       const struct clef_tensor *weights, const struct clef_tensor *scratch,
                       size_t skip);

// Appends the kernel that gathers a slice of the column matrix at `skip` of scratch; `in_parts` as
// struct ocl_matrix has it.
void ocl_launch_im2col(struct ocl_plan *build, const struct ocl_columns *columns, cl_mem taps,
                       const struct clef_tensor *scratch, size_t skip, size_t first, size_t rows,
                       bool in_parts);

// The same for rows of the result that do not lie at a constant distance.
void ocl_launch_result_rows(struct ocl_plan *build, const struct ocl_columns *columns,
                            const struct clef_tensor *scratch, size_t skip, size_t first,
                            size_t rows);

#endif
