// SPDX-License-Identifier: Apache-2.0
// Convolution by CLBlast, backward_weights: one product for each slice of rows, added up in a
// matrix that is then packed into panels.
#include "opencl/ocl_adam.h"
#include "opencl/ocl_conv2d_gemm.h"
#include "opencl/ocl_conv2d_gemm_steps.h"
#include "ops/adam.h"

// Rows that a work-item adds up for the gradient of the bias. Two levels of sums keep both the
// rounding error and the number of work-items in bounds.
#define MIN_BIAS_BLOCK 64

struct backward_weights {
    struct ocl_columns columns;
    size_t matrix, gradient, product, sums, temp; // Parts of scratch.
    size_t floats;                                // Of all parts, that of `result` included.
    struct clef_tensor result;                    // The gradient in panels.
    int bias_block, bias_blocks;
    struct ocl_parts parts;
};

static struct ocl_gemm weights_gemm(const struct backward_weights *b,
                                    const struct clef_conv2d_backward_weights_args *args,
                                    const struct clef_tensor *scratch, size_t first, size_t rows)
{
    const struct ocl_columns *c = &b->columns;
    size_t out = (size_t)args->diff_dst->c;
    struct ocl_matrix columns = {.tensor = scratch, .skip = b->matrix, .ld = c->width};
    struct ocl_matrix gradient = {.tensor = scratch, .skip = b->gradient, .ld = out};
    struct ocl_gemm gemm = {
        .m = c->width,
        .n = out,
        .k = rows,
        .a = ocl_rows_or(&c->image_rows, args->src, first, columns),
        .b = ocl_rows_or(&c->result_rows, args->diff_dst, first, gradient),
        .c = {.tensor = scratch, .skip = b->product, .ld = out},
        .temp = {.tensor = scratch, .skip = b->temp},
        .accumulate = first > 0,
    };
    gemm.a.transposed = true;
    return gemm;
}

// Blocks whose number and length are alike, so that neither level of sums becomes long.
static int bias_block(size_t rows)
{
    size_t block = MIN_BIAS_BLOCK;
    while (block * block < rows)
        block *= 2;
    return (int)block;
}

static clef_status describe(struct ocl_context *ocl,
                            const struct clef_conv2d_backward_weights_args *args,
                            const struct clef_tensor *scratch, struct backward_weights *b)
{
    CLEF_TRY(ocl_columns_describe(ocl, args->src, args->diff_dst, &args->window, &b->columns));
    const struct ocl_columns *c = &b->columns;
    size_t out = (size_t)args->diff_dst->c, temp;
    b->bias_block = bias_block(c->rows);
    b->bias_blocks = (int)ocl_groups(c->rows, (size_t)b->bias_block);
    b->parts = ocl_parts_begin(ocl, scratch);
    b->product = ocl_parts_add(&b->parts, c->width * out);
    b->matrix = ocl_parts_add(&b->parts, c->image_rows.is_matrix ? 0 : c->slice * c->width);
    b->gradient = ocl_parts_add(&b->parts, c->result_rows.is_matrix ? 0 : c->slice * out);
    b->sums = ocl_parts_add(&b->parts, args->diff_bias ? (size_t)b->bias_blocks * out : 0);
    struct ocl_gemm gemm = weights_gemm(b, args, scratch, 0, c->slice);
    CLEF_TRY(ocl_gemm_temp(ocl, &gemm, &temp));
    b->temp = ocl_parts_add(&b->parts, temp);
    b->floats = b->parts.floats;
    b->result = ocl_gradient_place(args, scratch, &b->floats);
    return CLEF_OK;
}

static void launch_pack(struct ocl_plan *build, const struct backward_weights *b, cl_mem taps,
                        const struct clef_conv2d_backward_weights_args *args,
                        const struct clef_tensor *scratch)
{
    const struct ocl_columns *c = &b->columns;
    ocl_plan_launch(
        build, &(struct ocl_launch){
                   .source = "im2col",
                   .kernel = "pack_weights",
                   .global = {ocl_groups((size_t)args->diff_dst->c, OCL_PANEL), c->width},
                   .args = {OCL_PART(scratch, b->product), OCL_TENSOR(&b->result), OCL_MEMORY(taps),
                            OCL_INT(c->taps), OCL_INT(c->window.kernel_h * c->window.kernel_w),
                            OCL_TENSOR(args->src), OCL_SHAPE(args->src), OCL_STRIDES(args->src),
                            OCL_TENSOR(args->diff_dst), OCL_SHAPE(args->diff_dst),
                            OCL_STRIDES(args->diff_dst), OCL_WINDOW(&c->window)}});
}

static void launch_sums(struct ocl_plan *build, struct ocl_arg rows,
                        const struct clef_tensor *shape, int block, int blocks,
                        struct ocl_arg result)
{
    ocl_plan_launch(build, &(struct ocl_launch){.source = "im2col",
                                                .kernel = "sum_rows",
                                                .global = {(size_t)shape->c, (size_t)blocks},
                                                .args = {rows, OCL_SHAPE(shape), OCL_STRIDES(shape),
                                                         OCL_INT((int)clef_tensor_rows(shape)),
                                                         OCL_INT(block), result}});
}

static void launch_bias(struct ocl_plan *build, const struct backward_weights *b,
                        const struct clef_conv2d_backward_weights_args *args,
                        const struct clef_tensor *scratch)
{
    struct ocl_arg rows = OCL_TENSOR(args->diff_dst), sums = OCL_PART(scratch, b->sums);
    struct ocl_arg result = OCL_TENSOR(args->diff_bias);
    struct clef_tensor blocks = clef_tensor_nhwc(NULL, 0, 1, 1, b->bias_blocks, args->diff_dst->c);
    launch_sums(build, rows, args->diff_dst, b->bias_block, b->bias_blocks, sums);
    launch_sums(build, sums, &blocks, b->bias_blocks, 1, result);
}

clef_status ocl_conv2d_gemm_backward_weights(void *context,
                                             const struct clef_conv2d_backward_weights_args *args,
                                             const struct clef_tensor *scratch,
                                             struct clef_plan_info *info, struct clef_plan **plan)
{
    struct backward_weights b;
    CLEF_TRY(describe(context, args, scratch, &b));
    const struct ocl_columns *c = &b.columns;
    *info = (struct clef_plan_info){
        .scratch_floats = b.floats,
        .flops = 2 * c->multiply_adds * args->diff_dst->c,
        .bytes = 4.0 * (double)(clef_tensor_count(args->src) + clef_tensor_count(args->diff_dst)),
        .algorithm = ocl_columns_algorithm(c),
    };
    clef_add_gradient_cost(info, args->diff_weights, args->update,
                           (double)c->width * args->diff_dst->c);
    if (!plan)
        return CLEF_OK;
    struct ocl_plan *build = ocl_plan_begin(context);
    cl_mem taps = ocl_columns_taps(build, c);
    for (size_t first = 0; first < c->rows; first += c->slice) {
        size_t rows = c->rows - first < c->slice ? c->rows - first : c->slice;
        struct ocl_gemm gemm = weights_gemm(&b, args, scratch, first, rows);
        if (!c->image_rows.is_matrix)
            ocl_launch_im2col(build, c, taps, scratch, b.matrix, first, rows, false);
        if (!c->result_rows.is_matrix)
            ocl_launch_result_rows(build, c, scratch, b.gradient, first, rows);
        ocl_plan_gemm(build, &gemm);
    }
    launch_pack(build, &b, taps, args, scratch);
    ocl_adam_launch_weights(build, context, args, &b.result);
    if (args->diff_bias)
        launch_bias(build, &b, args, scratch);
    return ocl_plan_end(build, plan);
}
