// SPDX-License-Identifier: Apache-2.0
// What surrounds the matrix products of a Winograd convolution, of a 3x3 kernel and stride 1:
//
//     dst          = A^T [sum over channels of (G w G^T) . (B^T d B)] A
//     diff_weights = G^T [sum over tiles of (A diff_dst A^T) . (B^T d B)] G
//
// A tile is OUTPUTS x OUTPUTS positions of the result, d the INPUTS x INPUTS positions of the
// source that it sees. The transforms make POINTS x POINTS values of each; value (j, k) of a tile
// meets value (j, k) of the weights alone, so that the products are those of POINTS^2 matrices,
// which conv2d.cl and conv2d_weights.cl compute:
//
//     values[point][row][channel], with row = tile * images + image, points `step` floats apart
//     weights in panels of 16 filters with a tap for each point
//
// A work-item has WIDTH channels of a row, or WIDTH lanes of a row of weights. Shapes are (n, h, w,
// c), strides (n, h, w, 1). Positions outside of the image are zero, and are not written.
#define SPACE global
#include "winograd_weights.h"

// Work-items of a group.
#ifndef GROUP
#define GROUP 64
#endif
#define GROUP_SIZE __attribute__((reqd_work_group_size(GROUP, 1, 1)))

// The row of an item, which has WIDTH of its channels.
int item_row(int channels)
{
    return (int)get_global_id(0) / (channels / WIDTH);
}

int4 item_place(int row, int4 shape, int tiles_x)
{
    const int vector = (int)get_global_id(0) - row * (shape.w / WIDTH);
    return find_place(row, vector * WIDTH, shape.x, tiles_x);
}

// ---------------------------------------------------------------- source, and result's gradient

kernel GROUP_SIZE void winograd_input(global const float *restrict src, ulong src_at,
                                      global float *restrict values, ulong values_at, int4 shape,
                                      int4 strides, int rows, int step, int tiles_x, int origin_y,
                                      int origin_x)
{
    const int row = item_row(shape.w);
    if (row >= rows)
        return;
    const int4 place = item_place(row, shape, tiles_x);
    values += values_at + (ulong)row * shape.w + place.w;
    source_to_points(src + src_at, place + (int4)(0, origin_y, origin_x, 0), shape, strides, 0,
                     values, step);
}

// The activations of a backward pass have left the first caches, and lie in too many places for the
// processor to foresee: where images follow each other, this is what the next group reads.
#define AHEAD (GROUP * WIDTH)

// Both factors of the weights' gradient: groups (i, 0) take the source to points, groups (i, 1) the
// result's gradient.
kernel GROUP_SIZE void winograd_factors(global const float *restrict src, ulong src_at,
                                        global float *restrict values, ulong values_at,
                                        int4 src_shape, int4 src_strides, int src_step,
                                        global const float *restrict diff_dst, ulong diff_dst_at,
                                        global float *restrict gradients, ulong gradients_at,
                                        int4 dst_shape, int4 dst_strides, int dst_step, int rows,
                                        int tiles_x, int origin_y, int origin_x)
{
    const bool is_source = get_group_id(1) == 0;
    const int4 shape = is_source ? src_shape : dst_shape;
    const int row = item_row(shape.w);
    if (row >= rows)
        return;
    const int4 place = item_place(row, shape, tiles_x);
    const ulong at = (ulong)row * shape.w + place.w;
    if (is_source)
        source_to_points(src + src_at, place + (int4)(0, origin_y, origin_x, 0), shape, src_strides,
                         AHEAD, values + values_at + at, src_step);
    else
        gradient_to_points(diff_dst + diff_dst_at, place, shape, dst_strides, AHEAD,
                           gradients + gradients_at + at, dst_step);
}

// ---------------------------------------------------------------- result

kernel GROUP_SIZE void winograd_output(global const float *restrict values, ulong values_at,
                                       global const float *bias, ulong bias_at,
                                       global const float *addend, ulong addend_at,
                                       global float *dst, ulong dst_at, int4 shape, int4 strides,
                                       int rows, int step, int tiles_x, int flags)
{
    const int row = item_row(shape.w);
    if (row >= rows)
        return;
    const int4 place = item_place(row, shape, tiles_x);
    values += values_at + (ulong)row * shape.w + place.w;
    points_to_target(values, step, place, bias + bias_at, addend + addend_at, dst + dst_at, shape,
                     strides, flags);
}

// ---------------------------------------------------------------- weights, and their gradient

// From panels of `in` rows a tap.
kernel GROUP_SIZE void winograd_weights(global const float *restrict weights, ulong weights_at,
                                        global float *restrict values, ulong values_at, int in)
{
    const int vectors = PANEL / WIDTH;
    const int index = (int)get_global_id(0), row = index / vectors, panel = (int)get_global_id(1);
    const int lane = (index - row * vectors) * WIDTH;
    if (row >= in)
        return;
    values += values_at + ((ulong)panel * POINTS * POINTS * WEIGHT_ROWS(in) + row) * PANEL + lane;
    weights_to_points(weights + weights_at, in, row, panel * PANEL + lane, values,
                      WEIGHT_ROWS(in) * PANEL);
}

// The same for backward_data; an item has WIDTH lanes of WIDTH rows.
kernel GROUP_SIZE void winograd_weights_transposed(global const float *restrict weights,
                                                   ulong weights_at, global float *restrict values,
                                                   ulong values_at, int in, int out)
{
    const int vectors = PANEL / WIDTH, index = (int)get_global_id(0), block = index / vectors;
    const int row = block * WIDTH, lane = (index - block * vectors) * WIDTH;
    const int panel = (int)get_global_id(1);
    if (row >= out)
        return;
    values += values_at + ((ulong)panel * POINTS * POINTS * WEIGHT_ROWS(out) + row) * PANEL + lane;
    transposed_weights_to_points(weights + weights_at, in, out, row, panel * PANEL + lane, values,
                                 WEIGHT_ROWS(out) * PANEL);
}

// To panels of `in` rows a tap, from panels with a tap for each point.
kernel GROUP_SIZE void winograd_weights_gradient(global const float *restrict values,
                                                 ulong values_at,
                                                 global float *restrict diff_weights,
                                                 ulong diff_weights_at, int in)
{
    const int vectors = PANEL / WIDTH;
    const int index = (int)get_global_id(0), row = index / vectors, panel = (int)get_global_id(1);
    const int lane = (index - row * vectors) * WIDTH;
    if (row >= in)
        return;
    values += values_at + ((ulong)panel * POINTS * POINTS * WEIGHT_ROWS(in) + row) * PANEL + lane;
    vec w[TAPS];
    points_to_weights(values, WEIGHT_ROWS(in) * PANEL, w);
    diff_weights += diff_weights_at + ((ulong)panel * TAPS * in + row) * PANEL + lane;
#pragma unroll
    for (int tap = 0; tap < TAPS; tap++)
        STORE(w[tap], diff_weights + (ulong)tap * in * PANEL);
}
