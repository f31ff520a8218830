// SPDX-License-Identifier: Apache-2.0
// What surrounds the matrix product of a convolution.
//
// With a row for each position (n, oy, ox) of the result and a column for each element that a
// position sees,
//
//     columns(row, tap*in + i) = image(n, oy*stride_h - pad_top + ky, ox*stride_w - pad_left + kx, i)
//                                or 0 outside of the image
//     forward:           result  = columns * weights
//     backward_data:     columns = diff_result * weights^T, then each element of the image gathers
//                        what its taps made of it, in the order of the taps
//     backward_weights:  diff_weights = columns^T * diff_result
//
// `taps` lists (ky, kx, number in the kernel, 0) of the taps that matter. Rows run through (n, oy,
// ox), or (oy, ox, n) if `position_major` is not 0. A launch sees `rows` of them, from `first_row`
// on; its matrices begin with the first. int4 shapes are (n, h, w, c), strides (n, h, w, 1), and
// `window` is (stride_h, stride_w, pad_top, pad_left).

// WIDTH divides the channels of a row; a work-item moves so many together.
#include "vector.h"

// finish_rows: 1 adds a bias.
#ifndef HAS_BIAS
#define HAS_BIAS 0
#endif
// finish_rows: 1 takes max(0, x).
#ifndef HAS_RELU
#define HAS_RELU 0
#endif
// col2im: 1 adds a tensor.
#ifndef HAS_ADDEND
#define HAS_ADDEND 0
#endif

// Filters in a panel of weights.
#define PANEL 16

// Where a row stands. Compilers make shuffles of arithmetic with several components of a vector, and
// Oclgrind cannot follow those: hence no vector here.
void find_position(int row, int4 shape, int position_major, int *n, int *y, int *x)
{
    if (position_major) {
        const int place = row / shape.x;
        *n = row - place * shape.x;
        *y = place / shape.z;
        *x = place - *y * shape.z;
    } else {
        const int line = row / shape.z;
        *n = line / shape.y;
        *y = line - *n * shape.y;
        *x = row - line * shape.z;
    }
}

ulong find_element(int n, int y, int x, int4 stride)
{
    return (ulong)n * stride.x + (ulong)y * stride.y + (ulong)x * stride.z;
}

bool is_inside(int y, int x, int4 shape)
{
    return y >= 0 && y < shape.y && x >= 0 && x < shape.z;
}

// A work-item moves WIDTH elements of a row: dimension 0 runs along the row, 1 through the rows. Each
// `part` columns, which WIDTH divides, are a matrix of their own, and these follow each other.
kernel void im2col(global const float *image, ulong image_at, global float *columns,
                   ulong columns_at, global const int4 *taps, int tap_count, int4 image_shape,
                   int4 image_stride, int4 result_shape, int4 window, int position_major,
                   int first_row, int rows, int part)
{
    const int vector = (int)get_global_id(0), row = (int)get_global_id(1);
    const int vectors = image_shape.w / WIDTH, tap = vector / vectors;
    if (tap >= tap_count || row >= rows)
        return;
    const int i = (vector - tap * vectors) * WIDTH;
    int n, ry, rx;
    find_position(first_row + row, result_shape, position_major, &n, &ry, &rx);
    const int y = ry * window.x - window.z + taps[tap].x;
    const int x = rx * window.y - window.w + taps[tap].y;
    vec value = 0;
    if (is_inside(y, x, image_shape))
        value = LOAD(image + image_at + find_element(n, y, x, image_stride) + i);
    const int column = vector * WIDTH, first = column / part * part;
    const int width = min(part, tap_count * image_shape.w - first);
    STORE(value, columns + columns_at + (ulong)first * rows + (ulong)row * width + column - first);
}

// A work-item gathers WIDTH elements of the image: dimension 0 runs along the channels, 1 through
// the positions of an image, 2 through the images. Later slices of rows add to what the first has
// begun. `row_distance` says how many rows apart the neighbours in n, y and x are.
kernel void col2im(global const float *columns, ulong columns_at, global const float *addend,
                   ulong addend_at, global float *image, ulong image_at, global const int4 *taps,
                   int tap_count, int4 image_shape, int4 image_stride, int4 result_shape,
                   int4 window, int4 row_distance, int first_row, int rows)
{
    const int i = (int)get_global_id(0) * WIDTH, place = (int)get_global_id(1);
    const int y = place / image_shape.z, x = place - y * image_shape.z;
    const int n = (int)get_global_id(2);
    if (i >= image_shape.w || y >= image_shape.y || n >= image_shape.x)
        return;
    const ulong at = find_element(n, y, x, image_stride) + i;
    vec sum = 0;
    if (first_row > 0)
        sum = LOAD(image + image_at + at);
#if HAS_ADDEND
    else
        sum = LOAD(addend + addend_at + at);
#endif
    for (int tap = 0; tap < tap_count; tap++) {
        const int oy = y + window.z - taps[tap].x, ox = x + window.w - taps[tap].y;
        const int ry = oy / window.x, rx = ox / window.y;
        if (oy != ry * window.x || ox != rx * window.y || !is_inside(ry, rx, result_shape))
            continue;
        const int row =
            n * row_distance.x + ry * row_distance.y + rx * row_distance.z - first_row;
        if (row >= 0 && row < rows)
            sum += LOAD(columns + columns_at + (ulong)row * (tap_count * image_shape.w) +
                        tap * image_shape.w + i);
    }
    STORE(sum, image + image_at + at);
}

// dst = act(product + bias), from a matrix whose rows are `ld` apart.
kernel void finish_rows(global const float *product, ulong product_at, int ld,
                        global const float *bias, ulong bias_at, global float *dst, ulong dst_at,
                        int4 dst_shape, int4 dst_stride, int position_major, int first_row,
                        int rows)
{
    const int o = (int)get_global_id(0) * WIDTH, row = (int)get_global_id(1);
    if (o >= dst_shape.w || row >= rows)
        return;
    int n, y, x;
    find_position(first_row + row, dst_shape, position_major, &n, &y, &x);
    vec value = LOAD(product + product_at + (ulong)row * ld + o);
#if HAS_BIAS
    value += LOAD(bias + bias_at + o);
#endif
#if HAS_RELU
    value = RELU(vec, value);
#endif
    STORE(value, dst + dst_at + find_element(n, y, x, dst_stride) + o);
}

// ---------------------------------------------------------------- weights

// Where the 16 lanes of a panel begin for element (tap, i).
ulong panel_place(int panel, int tap, int i, int all_taps, int in)
{
    return (((ulong)panel * all_taps + tap) * in + i) * PANEL;
}

// Panels to a matrix [tap_count * in, out] of the listed taps. A work-item moves a row of a panel:
// dimension 0 runs through the panels, 1 through the rows of the matrix.
kernel void unpack_weights(global const float *panels, ulong panels_at, global float *matrix,
                           ulong matrix_at, global const int4 *taps, int tap_count, int all_taps,
                           int in, int out)
{
    const int panel = (int)get_global_id(0), row = (int)get_global_id(1);
    const int tap = row / in, first = panel * PANEL;
    if (first >= out || tap >= tap_count)
        return;
    panels += panels_at + panel_place(panel, taps[tap].z, row - tap * in, all_taps, in);
    matrix += matrix_at + (ulong)row * out + first;
    if (first + PANEL <= out)
        vstore16(vload16(0, panels), 0, matrix);
    else
        for (int lane = 0; first + lane < out; lane++)
            matrix[lane] = panels[lane];
}

// One element of diff_weights as its formula has it.
float sum_products(global const float *image, global const float *diff, int4 image_shape,
                   int4 image_stride, int4 diff_shape, int4 diff_stride, int4 window, int ky,
                   int kx)
{
    float sum = 0;
    for (int n = 0; n < diff_shape.x; n++)
        for (int oy = 0; oy < diff_shape.y; oy++)
            for (int ox = 0; ox < diff_shape.z; ox++) {
                const int y = oy * window.x - window.z + ky, x = ox * window.y - window.w + kx;
                if (is_inside(y, x, image_shape))
                    sum = fma(image[find_element(n, y, x, image_stride)],
                              diff[find_element(n, oy, ox, diff_stride)], sum);
            }
    return sum;
}

// A matrix [tap_count * in, out] to the panels of the listed taps; unused lanes become 0.
//
// The product multiplied the zeros of the padding too, which makes NaN of an infinite or NaN
// gradient that the tap does not see. An element that is not finite is therefore summed again over
// the positions where the tap lies inside of the image.
kernel void pack_weights(global const float *matrix, ulong matrix_at, global float *panels,
                         ulong panels_at, global const int4 *taps, int tap_count, int all_taps,
                         global const float *image, ulong image_at, int4 image_shape,
                         int4 image_stride, global const float *diff, ulong diff_at,
                         int4 diff_shape, int4 diff_stride, int4 window)
{
    const int panel = (int)get_global_id(0), row = (int)get_global_id(1);
    const int in = image_shape.w, out = diff_shape.w;
    const int tap = row / in, i = row - tap * in, first = panel * PANEL;
    if (first >= out || tap >= tap_count)
        return;
    matrix += matrix_at + (ulong)row * out + first;
    panels += panels_at + panel_place(panel, taps[tap].z, i, all_taps, in);
    const int lanes = min(PANEL, out - first);
    for (int lane = 0; lane < PANEL; lane++) {
        float value = lane < lanes ? matrix[lane] : 0;
        if (!isfinite(value))
            value = sum_products(image + image_at + i, diff + diff_at + first + lane, image_shape,
                                 image_stride, diff_shape, diff_stride, window, taps[tap].x,
                                 taps[tap].y);
        panels[lane] = value;
    }
}

// Sums each channel over blocks of `block` rows of `count`: sums(number of the block, channel).
// Dimension 0 runs through the channels, 1 through the blocks.
kernel void sum_rows(global const float *rows, ulong rows_at, int4 shape, int4 stride, int count,
                     int block, global float *sums, ulong sums_at)
{
    const int o = (int)get_global_id(0), number = (int)get_global_id(1), first = number * block;
    if (o >= shape.w || first >= count)
        return;
    float sum = 0;
    for (int row = first; row < min(first + block, count); row++) {
        int n, y, x;
        find_position(row, shape, 0, &n, &y, &x);
        sum += rows[rows_at + find_element(n, y, x, stride) + o];
    }
    sums[sums_at + (ulong)number * shape.w + o] = sum;
}
