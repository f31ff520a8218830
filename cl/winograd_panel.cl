// SPDX-License-Identifier: Apache-2.0
// A Winograd convolution forward or in backward_data on a processor, where weights outnumber rows;
// the formulas stand in winograd.cl.
//
// The rows are at points already. A group has PANELS panels of the target's channels: it takes
// their weights to points, chain by chain, multiplies all rows by them, and takes the products back
// to tiles. So the weights at the points, of which there are most, never leave the second-level
// cache. A group is one item; its local memory holds
//
//     weights[point][panel][row of a chain][filter], points weights_step floats apart, and behind
//     it sums[point][row][filter of PANELS panels], points sums_step floats apart
#include "conv2d_tile.h"

#define SPACE local
#include "winograd_weights.h"

#define SOURCE_SPACE global
#define WEIGHTS_SPACE local
#include "winograd_product.h"

#ifndef TRANSPOSED
#define TRANSPOSED 0 // 1: backward_data.
#endif

// `count` rows of the panels' weights, from `row` of `channels` on; `filters` are the target's
// channels.
void take_weights(global const float *weights, int channels, int filters, int first_filter, int row,
                  int count, local float *values, int step)
{
    const uint panels = min(PANELS, (filters - first_filter + PANEL - 1) / PANEL);
    for (uint lane = 0; lane < panels * PANEL; lane += WIDTH) {
        local float *to = values + lane / PANEL * (CHAIN * PANEL) + lane % PANEL;
#if TRANSPOSED
        for (int k = 0; k < count; k += WIDTH)
            transposed_weights_to_points(weights, filters, channels, row + k,
                                         first_filter + (int)lane, to + k * PANEL, step);
#else
        for (int k = 0; k < count; k++)
            weights_to_points(weights, channels, row + k, first_filter + lane, to + k * PANEL,
                              step);
#endif
    }
}

// `values` is [point][row][channel], points values_step floats apart.
kernel GROUP_SIZE void
winograd_panel(global const float *restrict values, ulong values_at, int values_step, int channels,
               global const float *restrict weights, ulong weights_at, global const float *bias,
               ulong bias_at, global const float *addend, ulong addend_at, global float *dst,
               ulong dst_at, int4 dst_shape, int4 dst_strides, int rows, int tiles_x,
               int weights_step, int sums_step, int flags, local float *room)
{
    const int first = (int)get_group_id(0) * PANELS * PANEL, filters = dst_shape.w;
    // A panel that does not exist is computed as a copy of the one before.
    const size_t pitch = first + PANEL < filters ? CHAIN * PANEL : 0;
    local float *sums = room + POINTS * POINTS * weights_step;
    for (int c = 0; c < channels; c += CHAIN) {
        const int count = min(channels - c, CHAIN);
        take_weights(weights + weights_at, channels, filters, first, c, count, room, weights_step);
        for (int point = 0; point < POINTS * POINTS; point++)
            add_chain(sums + point * sums_step, values + values_at + (ulong)point * values_step + c,
                      rows, channels, 1, room + point * weights_step, pitch, count, c == 0);
    }
    for (int i = 0; i < rows; i++)
        for (int lane = 0; lane < min(PANELS * PANEL, filters - first); lane += WIDTH)
            points_to_target(sums + i * PANELS * PANEL + lane, sums_step,
                             find_place(i, first + lane, dst_shape.x, tiles_x), bias + bias_at,
                             addend + addend_at, dst + dst_at, dst_shape, dst_strides, flags);
}
