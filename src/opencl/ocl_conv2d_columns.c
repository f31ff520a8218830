// SPDX-License-Identifier: Apache-2.0
#include "opencl/ocl_conv2d_columns.h"

#include <limits.h>
#include <stdlib.h>

// The column matrix takes at most this much; larger ones are made in slices of rows.
#define MAX_COLUMN_BYTES ((size_t)64 << 20)

// Slices are whole multiples of this many rows, which suits the tiles of matrix products.
#define SLICE_ROWS 128

// Three nested loops, from the outermost to the innermost.
struct loops {
    int extent[3];
    size_t stride[3];
};

// Whether the loops step through memory at one distance, which is then *step.
static bool is_one_loop(const struct loops *loops, size_t *step)
{
    size_t expected = 0;
    *step = 0;
    for (int i = 2; i >= 0; i--) {
        if (loops->extent[i] == 1)
            continue;
        if (*step == 0)
            *step = loops->stride[i];
        else if (loops->stride[i] != expected)
            return false;
        expected = loops->stride[i] * (size_t)loops->extent[i];
    }
    return true;
}

// The positions of `result` in the chosen order, with the strides of a tensor.
static struct loops position_loops(const struct ocl_columns *columns, size_t n, size_t y, size_t x)
{
    const struct clef_tensor *result = columns->result;
    if (columns->position_major)
        return (struct loops){{result->h, result->w, result->n}, {y, x, n}};
    return (struct loops){{result->n, result->h, result->w}, {n, y, x}};
}

static struct ocl_rows find_rows(const struct loops *loops, size_t at, size_t width)
{
    struct ocl_rows rows = {.at = at};
    rows.is_matrix = is_one_loop(loops, &rows.ld);
    if (rows.ld == 0)
        rows.ld = width;
    rows.is_matrix = rows.is_matrix && rows.ld >= width;
    return rows;
}

static struct ocl_rows result_rows(const struct ocl_columns *columns)
{
    const struct clef_tensor *result = columns->result;
    struct loops loops =
        position_loops(columns, result->stride_n, result->stride_h, result->stride_w);
    return find_rows(&loops, 0, (size_t)result->c);
}

// ---------------------------------------------------------------- taps

// Along one axis: the positions of the result for which tap k lies inside of the image.
static int positions_inside(int k, int stride, int pad, int in, int out)
{
    int count = 0;
    for (int o = 0; o < out; o++) {
        long long i = (long long)o * stride - pad + k;
        count += i >= 0 && i < in;
    }
    return count;
}

static int inside_y(const struct ocl_columns *c, int ky)
{
    return positions_inside(ky, c->window.stride_h, c->window.pad_top, c->image->h, c->result->h);
}

static int inside_x(const struct ocl_columns *c, int kx)
{
    return positions_inside(kx, c->window.stride_w, c->window.pad_left, c->image->w, c->result->w);
}

// One axis of the kernel.
struct axis {
    int taps;   // Reached ones.
    int first;  // Of them.
    int last;   // Of them.
    int inside; // Pairs of a tap and a position where it lies inside of the image.
};

static struct axis find_axis(const struct ocl_columns *c, int kernel,
                             int (*inside)(const struct ocl_columns *, int))
{
    struct axis axis = {0};
    for (int k = 0; k < kernel; k++) {
        int count = inside(c, k);
        if (count == 0)
            continue;
        if (axis.taps++ == 0)
            axis.first = k;
        axis.last = k;
        axis.inside += count;
    }
    return axis;
}

// The image itself is the column matrix if no tap ever meets padding, the taps of a position follow
// each other in memory, and the positions lie at a constant distance: 1x1 kernels, any kernel on
// images of 1x1, kernels as large as the image.
static struct ocl_rows image_rows(const struct ocl_columns *c, const struct axis *y,
                                  const struct axis *x)
{
    const struct clef_tensor *image = c->image, *result = c->result;
    bool padding_free = y->inside == y->taps * result->h && x->inside == x->taps * result->w;
    bool gapless_y = y->last - y->first + 1 == y->taps &&
                     (y->taps == 1 || image->stride_h == (size_t)x->taps * (size_t)image->c);
    bool gapless_x =
        x->last - x->first + 1 == x->taps && (x->taps == 1 || image->stride_w == (size_t)image->c);
    if (!padding_free || !gapless_y || !gapless_x)
        return (struct ocl_rows){.is_matrix = false};
    struct loops loops =
        position_loops(c, image->stride_n, (size_t)c->window.stride_h * image->stride_h,
                       (size_t)c->window.stride_w * image->stride_w);
    size_t at = (size_t)(y->first - c->window.pad_top) * image->stride_h +
                (size_t)(x->first - c->window.pad_left) * image->stride_w;
    return find_rows(&loops, at, c->width);
}

static size_t slice_rows(const struct ocl_columns *c)
{
    size_t bytes = MAX_COLUMN_BYTES;
    if (c->ocl->caps.max_buffer / 4 < bytes)
        bytes = (size_t)(c->ocl->caps.max_buffer / 4);
    size_t widest = c->width > (size_t)c->result->c ? c->width : (size_t)c->result->c;
    // NOLINTNEXTLINE(clang-analyzer-core.DivideZero): a tensor has one channel or more.
    size_t rows = bytes / sizeof(float) / widest;
    rows = rows > SLICE_ROWS ? rows / SLICE_ROWS * SLICE_ROWS : rows;
    rows = rows > 0 ? rows : 1;
    return rows < c->rows ? rows : c->rows;
}

clef_status ocl_columns_describe(const struct ocl_context *ocl, const struct clef_tensor *image,
                                 const struct clef_tensor *result, const struct clef_window *window,
                                 struct ocl_columns *columns)
{
    struct ocl_columns c = {.ocl = ocl,
                            .image = image,
                            .result = result,
                            .window = *window,
                            .rows = clef_tensor_rows(result)};
    struct axis y = find_axis(&c, window->kernel_h, inside_y);
    struct axis x = find_axis(&c, window->kernel_w, inside_x);
    c.taps = y.taps * x.taps;
    c.width = (size_t)c.taps * (size_t)image->c;
    if (c.rows > INT_MAX || c.width > INT_MAX)
        return clef_fail(CLEF_UNSUPPORTED,
                         "a convolution of %zu positions and %zu columns is larger than a kernel's "
                         "int; use a smaller batch",
                         c.rows, c.width);
    c.result_rows = result_rows(&c);
    if (!c.result_rows.is_matrix) {
        c.position_major = true;
        c.result_rows = result_rows(&c);
        c.position_major = c.result_rows.is_matrix;
    }
    c.image_rows = image_rows(&c, &y, &x);
    c.slice = slice_rows(&c);
    c.multiply_adds = (double)result->n * y.inside * x.inside * image->c;
    *columns = c;
    return CLEF_OK;
}

cl_mem ocl_columns_taps(struct ocl_plan *plan, const struct ocl_columns *columns)
{
    cl_int4 *taps = calloc((size_t)columns->taps, sizeof *taps);
    int count = 0;
    for (int ky = 0; taps && ky < columns->window.kernel_h; ky++)
        for (int kx = 0; kx < columns->window.kernel_w; kx++)
            if (inside_y(columns, ky) > 0 && inside_x(columns, kx) > 0)
                taps[count++] = (cl_int4){{ky, kx, ky * columns->window.kernel_w + kx, 0}};
    cl_mem table = ocl_plan_table(plan, taps, (size_t)columns->taps * sizeof *taps);
    free(taps);
    return table;
}

// ---------------------------------------------------------------- scratch

struct ocl_parts ocl_parts_begin(const struct ocl_context *ocl, const struct clef_tensor *scratch)
{
    struct ocl_parts parts = {.alignment = ocl->caps.alignment / sizeof(float)};
    if (parts.alignment == 0)
        parts.alignment = 1;
    size_t beyond = scratch ? scratch->offset % parts.alignment : 0;
    parts.first = beyond ? parts.alignment - beyond : 0;
    parts.floats = parts.alignment - 1;
    return parts;
}

size_t ocl_parts_add(struct ocl_parts *parts, size_t floats)
{
    size_t skip = parts->first + parts->floats - (parts->alignment - 1);
    parts->floats += (floats + parts->alignment - 1) / parts->alignment * parts->alignment;
    return skip;
}
