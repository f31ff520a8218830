// SPDX-License-Identifier: Apache-2.0
// The bias's gradient of a convolution or dense layer:
//
//     diff_bias(o) = sum over all rows of diff_dst(row, o)
#include "conv2d_tile.h"

// Without local memory an item sums a panel's filters, else a single one of them, and STRIPS items
// share its rows.
#if LOCAL
typedef float lanes;
#define STRIPS (GROUP / PANEL)
#else
typedef float16 lanes;
#define STRIPS 1
#endif

lanes load_lanes(global const float *restrict from, int filters)
{
#if LOCAL
    return filters > 0 ? *from : 0;
#else
    if (filters >= PANEL)
        return load_vector16(from);
    float part[PANEL];
    for (int i = 0; i < PANEL; i++)
        part[i] = i < filters ? from[i] : 0;
    return load_vector16(part);
#endif
}

void store_lanes(lanes sum, global float *to, int filters)
{
#if LOCAL
    if (filters > 0)
        *to = sum;
#else
    if (filters >= PANEL) {
        store_vector(sum, to);
        return;
    }
    float part[PANEL];
    store_vector(sum, part);
    for (int i = 0; i < filters; i++)
        to[i] = part[i];
#endif
}

// Group (panel, part) sums its part of the rows, position by position: out(part, filter), where
// parts are whole panels apart; a single part is the result. shape: (images, height, width,
// filters).
kernel GROUP_SIZE void conv2d_bias(global const float *restrict diff_dst, ulong diff_dst_at,
                                   global float *restrict out, ulong out_at, int4 shape,
                                   int4 strides)
{
    const int part = (int)get_group_id(1), parts = (int)get_num_groups(1);
    const int rows = shape.s0 * shape.s1 * shape.s2;
    const uint item = (uint)get_local_id(0);
    const int strip = LOCAL ? (int)(item / PANEL) : 0, lane = LOCAL ? (int)(item % PANEL) : 0;
    const int filter = (int)get_group_id(0) * PANEL + lane;
    const int end = (int)((long)rows * (part + 1) / parts);
    int row = (int)((long)rows * part / parts), position = row / shape.s0;
    int image = row - position * shape.s0;
    diff_dst += diff_dst_at + filter;
    lanes total = 0;
    for (; row < end; position++) {
        const int count = min(shape.s0 - image, end - row);
        const int h = position / shape.s2, w = position - h * shape.s2;
        const ulong at = (ulong)h * strides.s1 + (ulong)w * strides.s2;
        lanes sum = 0;
        for (int i = image + strip; i < image + count; i += STRIPS)
            sum += load_lanes(diff_dst + (at + (ulong)i * strides.s0), shape.s3 - filter);
        total += sum;
        row += count;
        image = 0;
    }
    out += out_at + (ulong)part * get_num_groups(0) * PANEL + filter;
#if LOCAL
    local float sums[STRIPS][PANEL];
    sums[strip][lane] = total;
    barrier(CLK_LOCAL_MEM_FENCE);
    if (strip > 0)
        return;
    for (int i = 1; i < STRIPS; i++)
        total += sums[i][lane];
#endif
    store_lanes(total, out, shape.s3 - filter);
}

// Adds up the parts, one item for each filter.
kernel void conv2d_bias_join(global const float *restrict parts, ulong parts_at, int part_count,
                             global float *restrict bias, ulong bias_at, int filters)
{
    const int filter = (int)get_global_id(0), padded = (filters + PANEL - 1) / PANEL * PANEL;
    if (filter >= filters)
        return;
    float sum = 0;
    for (int part = 0; part < part_count; part++)
        sum += parts[parts_at + (ulong)part * padded + filter];
    bias[bias_at + filter] = sum;
}
