// SPDX-License-Identifier: Apache-2.0
// Convolution by CLBlast, forward and backward_data. See cl/im2col.cl for the formulas.
//
// It works for any window and any order of rows, which makes it the path for devices that our own
// kernels do not know, and their check. The products on padding are computed; info.flops does not
// count them, so that a rate compares with that of the other algorithms.
#include "opencl/ocl_conv2d_gemm.h"
#include "opencl/ocl_conv2d_gemm_steps.h"

static double bytes_of(const struct clef_tensor *tensor)
{
    return tensor ? (double)clef_tensor_count(tensor) * sizeof(float) : 0;
}

// ---------------------------------------------------------------- forward

struct forward {
    struct ocl_columns columns;
    bool in_place;                         // The product is dst itself.
    size_t weights, matrix, product, temp; // Parts of scratch.
    struct ocl_parts parts;
};

// One slice of rows. Buffers may still be absent.
static struct ocl_gemm forward_gemm(const struct forward *f,
                                    const struct clef_conv2d_forward_args *args,
                                    const struct clef_tensor *scratch, size_t first, size_t rows)
{
    const struct ocl_columns *c = &f->columns;
    size_t out = (size_t)args->dst->c;
    struct ocl_matrix columns = {.tensor = scratch, .skip = f->matrix, .in_parts = true};
    struct ocl_matrix product = {.tensor = scratch, .skip = f->product, .ld = out};
    struct ocl_rows result = c->result_rows;
    result.is_matrix = f->in_place;
    return (struct ocl_gemm){
        .m = rows,
        .n = out,
        .k = c->width,
        .a = ocl_rows_or(&c->image_rows, args->src, first, columns),
        .b = {.tensor = scratch, .skip = f->weights, .ld = out},
        .c = ocl_rows_or(&result, args->dst, first, product),
        .temp = {.tensor = scratch, .skip = f->temp},
    };
}

static clef_status describe_forward(struct ocl_context *ocl,
                                    const struct clef_conv2d_forward_args *args,
                                    const struct clef_tensor *scratch, struct forward *f)
{
    CLEF_TRY(ocl_columns_describe(ocl, args->src, args->dst, &args->window, &f->columns));
    const struct ocl_columns *c = &f->columns;
    size_t out = (size_t)args->dst->c, temp;
    f->in_place = c->result_rows.is_matrix && !args->bias && !args->relu;
    f->parts = ocl_parts_begin(ocl, scratch);
    f->weights = ocl_parts_add(&f->parts, c->width * out);
    f->matrix = ocl_parts_add(&f->parts, c->image_rows.is_matrix ? 0 : c->slice * c->width);
    f->product = ocl_parts_add(&f->parts, f->in_place ? 0 : c->slice * out);
    struct ocl_gemm gemm = forward_gemm(f, args, scratch, 0, c->slice);
    CLEF_TRY(ocl_gemm_temp(ocl, &gemm, &temp));
    f->temp = ocl_parts_add(&f->parts, temp);
    return CLEF_OK;
}

static void finish_rows(struct ocl_plan *build, const struct ocl_columns *c,
                        const struct clef_conv2d_forward_args *args,
                        const struct ocl_matrix *product, size_t first, size_t rows)
{
    int width = ocl_move_width(c->ocl, args->dst->c);
    char options[96];
    snprintf(options, sizeof options, "-D WIDTH=%d -D HAS_BIAS=%d -D HAS_RELU=%d", width,
             args->bias != NULL, args->relu);
    ocl_plan_launch(build,
                    &(struct ocl_launch){
                        .source = "im2col",
                        .kernel = "finish_rows",
                        .options = options,
                        .global = {(size_t)(args->dst->c / width), rows},
                        .args = {OCL_PART(product->tensor, product->skip), OCL_INT(product->ld),
                                 OCL_TENSOR(args->bias), OCL_TENSOR(args->dst),
                                 OCL_SHAPE(args->dst), OCL_STRIDES(args->dst),
                                 OCL_INT(c->position_major), OCL_INT(first), OCL_INT(rows)}});
}

clef_status ocl_conv2d_gemm_forward(void *context, const struct clef_conv2d_forward_args *args,
                                    const struct clef_tensor *scratch, struct clef_plan_info *info,
                                    struct clef_plan **plan)
{
    struct forward f;
    CLEF_TRY(describe_forward(context, args, scratch, &f));
    const struct ocl_columns *c = &f.columns;
    *info = (struct clef_plan_info){
        .scratch_floats = f.parts.floats,
        .flops = 2 * c->multiply_adds * args->dst->c,
        .bytes = bytes_of(args->src) + bytes_of(args->weights) + bytes_of(args->dst),
        .algorithm = ocl_columns_algorithm(c),
    };
    if (!plan)
        return CLEF_OK;
    struct ocl_plan *build = ocl_plan_begin(context);
    cl_mem taps = ocl_columns_taps(build, c);
    ocl_launch_unpack(build, c, taps, args->weights, scratch, f.weights);
    for (size_t first = 0; first < c->rows; first += c->slice) {
        size_t rows = c->rows - first < c->slice ? c->rows - first : c->slice;
        struct ocl_gemm gemm = forward_gemm(&f, args, scratch, first, rows);
        if (!c->image_rows.is_matrix)
            ocl_launch_im2col(build, c, taps, scratch, f.matrix, first, rows, true);
        ocl_plan_gemm(build, &gemm);
        if (!f.in_place)
            finish_rows(build, c, args, &gemm.c, first, rows);
    }
    return ocl_plan_end(build, plan);
}

// ---------------------------------------------------------------- backward_data

struct backward_data {
    struct ocl_columns columns;
    bool in_place; // The product is diff_src itself.
    size_t weights, matrix, gradient, temp;
    struct ocl_parts parts;
};

static struct ocl_gemm backward_gemm(const struct backward_data *b,
                                     const struct clef_conv2d_backward_data_args *args,
                                     const struct clef_tensor *scratch, size_t first, size_t rows)
{
    const struct ocl_columns *c = &b->columns;
    size_t out = (size_t)args->diff_dst->c;
    struct ocl_matrix gradient = {.tensor = scratch, .skip = b->gradient, .ld = out};
    struct ocl_matrix columns = {.tensor = scratch, .skip = b->matrix, .ld = c->width};
    struct ocl_rows image = c->image_rows;
    image.is_matrix = b->in_place;
    return (struct ocl_gemm){
        .m = rows,
        .n = c->width,
        .k = out,
        .a = ocl_rows_or(&c->result_rows, args->diff_dst, first, gradient),
        .b = {.tensor = scratch, .skip = b->weights, .ld = out, .transposed = true},
        .c = ocl_rows_or(&image, args->diff_src, first, columns),
        .temp = {.tensor = scratch, .skip = b->temp},
    };
}

static clef_status describe_backward_data(struct ocl_context *ocl,
                                          const struct clef_conv2d_backward_data_args *args,
                                          const struct clef_tensor *scratch,
                                          struct backward_data *b)
{
    CLEF_TRY(ocl_columns_describe(ocl, args->diff_src, args->diff_dst, &args->window, &b->columns));
    const struct ocl_columns *c = &b->columns;
    size_t out = (size_t)args->diff_dst->c, temp;
    b->in_place = c->image_rows.is_matrix && !args->addend &&
                  c->rows * c->width == clef_tensor_count(args->diff_src);
    b->parts = ocl_parts_begin(ocl, scratch);
    b->weights = ocl_parts_add(&b->parts, c->width * out);
    b->gradient = ocl_parts_add(&b->parts, c->result_rows.is_matrix ? 0 : c->slice * out);
    b->matrix = ocl_parts_add(&b->parts, b->in_place ? 0 : c->slice * c->width);
    struct ocl_gemm gemm = backward_gemm(b, args, scratch, 0, c->slice);
    CLEF_TRY(ocl_gemm_temp(ocl, &gemm, &temp));
    b->temp = ocl_parts_add(&b->parts, temp);
    return CLEF_OK;
}

static void launch_col2im(struct ocl_plan *build, const struct backward_data *b, cl_mem taps,
                          const struct clef_conv2d_backward_data_args *args,
                          const struct clef_tensor *scratch, size_t first, size_t rows)
{
    const struct ocl_columns *c = &b->columns;
    const struct clef_tensor *image = args->diff_src;
    int h = c->result->h, w = c->result->w, n = c->result->n;
    int width = ocl_move_width(c->ocl, image->c);
    char options[64];
    snprintf(options, sizeof options, "-D WIDTH=%d -D HAS_ADDEND=%d", width, args->addend != NULL);
    ocl_plan_launch(
        build, &(struct ocl_launch){
                   .source = "im2col",
                   .kernel = "col2im",
                   .options = options,
                   .global = {(size_t)(image->c / width), (size_t)image->h * (size_t)image->w,
                              (size_t)image->n},
                   .args = {OCL_PART(scratch, b->matrix), OCL_TENSOR(args->addend),
                            OCL_TENSOR(image), OCL_MEMORY(taps), OCL_INT(c->taps), OCL_SHAPE(image),
                            OCL_STRIDES(image), OCL_SHAPE(c->result), OCL_WINDOW(&c->window),
                            c->position_major ? (struct ocl_arg)OCL_INT4(1, w * n, n, 0)
                                              : (struct ocl_arg)OCL_INT4(h * w, w, 1, 0),
                            OCL_INT(first), OCL_INT(rows)}});
}

clef_status ocl_conv2d_gemm_backward_data(void *context,
                                          const struct clef_conv2d_backward_data_args *args,
                                          const struct clef_tensor *scratch,
                                          struct clef_plan_info *info, struct clef_plan **plan)
{
    struct backward_data b;
    CLEF_TRY(describe_backward_data(context, args, scratch, &b));
    const struct ocl_columns *c = &b.columns;
    *info = (struct clef_plan_info){
        .scratch_floats = b.parts.floats,
        .flops = 2 * c->multiply_adds * args->diff_dst->c,
        .bytes = bytes_of(args->diff_src) + bytes_of(args->weights) + bytes_of(args->diff_dst) +
                 bytes_of(args->addend),
        .algorithm = ocl_columns_algorithm(c),
    };
    if (!plan)
        return CLEF_OK;
    struct ocl_plan *build = ocl_plan_begin(context);
    cl_mem taps = ocl_columns_taps(build, c);
    ocl_launch_unpack(build, c, taps, args->weights, scratch, b.weights);
    for (size_t first = 0; first < c->rows; first += c->slice) {
        size_t rows = c->rows - first < c->slice ? c->rows - first : c->slice;
        struct ocl_gemm gemm = backward_gemm(&b, args, scratch, first, rows);
        if (!c->result_rows.is_matrix)
            ocl_launch_result_rows(build, c, scratch, b.gradient, first, rows);
        ocl_plan_gemm(build, &gemm);
        if (!b.in_place)
            launch_col2im(build, &b, taps, args, scratch, first, rows);
    }
    return ocl_plan_end(build, plan);
}
