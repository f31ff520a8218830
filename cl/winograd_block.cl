// SPDX-License-Identifier: Apache-2.0
// A Winograd convolution forward or in backward_data on a processor; the formulas stand in
// winograd.cl.
//
// A group has a block of rows, which are tiles of images, and some panels of the target's channels.
// It takes the rows to points, multiplies them with the weights' points, and takes the products of
// a panel back to tiles, so that what is in between never leaves the second-level cache. A group
// is one item; its local memory holds
//
//     source[point][row][channel], points source_step floats apart, and behind it
//     sums[point][row][filter of PANELS panels]
#include "conv2d_tile.h"

#define SPACE local
#include "winograd_tiles.h"

#define SOURCE_SPACE local
#define WEIGHTS_SPACE global
#include "winograd_product.h"

// The products of some rows and PANELS panels' weights at a point.
void multiply(local float *sums, local const float *source, int rows, int channels, int pitch,
              global const float *weights, size_t panel_pitch)
{
    for (int c = 0; c < channels; c += CHAIN)
        add_chain(sums, source + c, rows, pitch, 1, weights + c * PANEL, panel_pitch,
                  min(channels - c, CHAIN), c == 0);
}

// `sizes` are all rows, those of a block, tiles in a line of an image, and floats between rows of
// source; the origin is the way from a tile's first position in the result to its first in the
// source.
kernel GROUP_SIZE void winograd_block(global const float *restrict src, ulong src_at,
                                      global const float *restrict weights, ulong weights_at,
                                      global const float *bias, ulong bias_at,
                                      global const float *addend, ulong addend_at,
                                      global float *dst, ulong dst_at, int4 src_shape,
                                      int4 src_strides, int4 dst_shape, int4 dst_strides,
                                      int4 sizes, int source_step, int sums_step, int origin_y,
                                      int origin_x, int flags, local float *source)
{
    const int first = (int)get_group_id(0) * sizes.y, rows = min(sizes.y, sizes.x - first);
    const int panels = (dst_shape.w + PANEL - 1) / PANEL, sets = (int)get_num_groups(1);
    const int tiles = (panels + PANELS - 1) / PANELS;
    const int end = tiles * ((int)get_group_id(1) + 1) / sets * PANELS;
    const int channels = src_shape.w;
    const size_t panel_floats = (size_t)POINTS * POINTS * WEIGHT_ROWS(channels) * PANEL;
    local float *sums = source + POINTS * POINTS * source_step;
    for (int i = 0; i < rows; i++)
        for (int c = 0; c < channels; c += WIDTH)
            source_to_points(src + src_at,
                             find_place(first + i, c, src_shape.x, sizes.z) +
                                 (int4)(0, origin_y, origin_x, 0),
                             src_shape, src_strides, 0, source + i * sizes.w + c, source_step);
    for (int panel = tiles * (int)get_group_id(1) / sets * PANELS; panel < end; panel += PANELS) {
        global const float *w = weights + weights_at + panel * panel_floats;
        // A panel that does not exist is computed as a copy of the one before.
        const size_t pitch = panel + 1 < panels ? panel_floats : 0;
        for (int point = 0; point < POINTS * POINTS; point++)
            multiply(sums + point * sums_step, source + point * source_step, rows, channels,
                     sizes.w, w + (ulong)point * WEIGHT_ROWS(channels) * PANEL, pitch);
        for (int i = 0; i < rows; i++)
            for (int c = 0; c < min(PANELS * PANEL, dst_shape.w - panel * PANEL); c += WIDTH)
                points_to_target(sums + i * PANELS * PANEL + c, sums_step,
                                 find_place(first + i, panel * PANEL + c, dst_shape.x, sizes.z),
                                 bias + bias_at, addend + addend_at, dst + dst_at, dst_shape,
                                 dst_strides, flags);
    }
}
