// SPDX-License-Identifier: Apache-2.0
#include "opencl/ocl_conv2d_gemm_steps.h"

int ocl_move_width(const struct ocl_context *ocl, int channels)
{
    int width = ocl->caps.kind == OCL_CPU ? 16 : 4;
    while (channels % width != 0)
        width /= 2;
    return width;
}

const char *ocl_columns_algorithm(const struct ocl_columns *columns)
{
    return columns->image_rows.is_matrix ? "gemm (CLBlast)" : "im2col (CLBlast)";
}

struct ocl_matrix ocl_rows_or(const struct ocl_rows *rows, const struct clef_tensor *tensor,
                              size_t first, struct ocl_matrix otherwise)
{
    if (!rows->is_matrix)
        return otherwise;
    return (struct ocl_matrix){
        .tensor = tensor, .skip = rows->at + first * rows->ld, .ld = rows->ld};
}

void ocl_launch_unpack(struct ocl_plan *build, const struct ocl_columns *columns, cl_mem taps,
                       const struct clef_tensor *weights, const struct clef_tensor *scratch,
                       size_t skip)
{
    int out = columns->result->c;
    ocl_plan_launch(
        build,
        &(struct ocl_launch){.source = "im2col",
                             .kernel = "unpack_weights",
                             .global = {ocl_groups((size_t)out, OCL_PANEL), columns->width},
                             .args = {OCL_TENSOR(weights), OCL_PART(scratch, skip),
                                      OCL_MEMORY(taps), OCL_INT(columns->taps),
                                      OCL_INT(columns->window.kernel_h * columns->window.kernel_w),
                                      OCL_INT(columns->image->c), OCL_INT(out)}});
}

// Gathers rows of `image` for positions of `columns->result`.
static void launch(struct ocl_plan *build, const struct ocl_columns *columns,
                   const struct clef_tensor *image, const struct clef_window *window, cl_mem taps,
                   int tap_count, const struct clef_tensor *scratch, size_t skip, size_t first,
                   size_t rows, int part)
{
    int width = ocl_move_width(columns->ocl, image->c);
    char options[32];
    snprintf(options, sizeof options, "-D WIDTH=%d", width);
    ocl_plan_launch(build, &(struct ocl_launch){
                               .source = "im2col",
                               .kernel = "im2col",
                               .options = options,
                               .global = {(size_t)tap_count * (size_t)(image->c / width), rows},
                               .args = {OCL_TENSOR(image), OCL_PART(scratch, skip),
                                        OCL_MEMORY(taps), OCL_INT(tap_count), OCL_SHAPE(image),
                                        OCL_STRIDES(image), OCL_SHAPE(columns->result),
                                        OCL_WINDOW(window), OCL_INT(columns->position_major),
                                        OCL_INT(first), OCL_INT(rows), OCL_INT(part)}});
}

void ocl_launch_im2col(struct ocl_plan *build, const struct ocl_columns *columns, cl_mem taps,
                       const struct clef_tensor *scratch, size_t skip, size_t first, size_t rows,
                       bool in_parts)
{
    launch(build, columns, columns->image, &columns->window, taps, columns->taps, scratch, skip,
           first, rows, in_parts ? OCL_GEMM_CHAIN : (int)columns->width);
}

void ocl_launch_result_rows(struct ocl_plan *build, const struct ocl_columns *columns,
                            const struct clef_tensor *scratch, size_t skip, size_t first,
                            size_t rows)
{
    const struct clef_window one_tap = {.kernel_h = 1, .kernel_w = 1, .stride_h = 1, .stride_w = 1};
    const cl_int4 tap = {{0, 0, 0, 0}};
    launch(build, columns, columns->result, &one_tap, ocl_plan_table(build, &tap, sizeof tap), 1,
           scratch, skip, first, rows, columns->result->c);
}
