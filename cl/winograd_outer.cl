// SPDX-License-Identifier: Apache-2.0
// A Winograd convolution's backward_weights on a processor; the formulas stand in winograd.cl.
//
// A set is some channels of src and some panels of diff_dst's. For one block of rows after the
// other, which are tiles of images, a group takes both to points and adds the outer products at
// each point to the sums there; these it takes to the nine taps after the last block. A block is a
// chain. A group is one item, and what is in between lies in its own part of `room`, which is small
// enough to stay in the second-level cache, and which the group uses for one set after the other:
//
//     source[point][row][channel], gradient[point][panel][row][filter], and for each tile of PANELS
//     panels sums[point][channel][filter of PANELS panels]
//
// Local memory would do the same, but some drivers of processors have too little.
#include "adam_step.h"
#include "conv2d_tile.h"

#define SPACE global
#include "winograd_weights.h"

#define SOURCE_SPACE global
#define WEIGHTS_SPACE global
#include "winograd_product.h"

#define AHEAD 256 // As in winograd.cl, some rows.

// Takes `count` rows of some channels to points.
void take_source(global const float *src, int4 shape, int4 strides, int tiles_x, int4 origin,
                 int row, int count, int channel, int channels, global float *values, int pitch,
                 int step)
{
    for (int i = 0; i < count; i++)
        for (int c = 0; c < channels; c += WIDTH)
            source_to_points(src, find_place(row + i, channel + c, shape.x, tiles_x) + origin,
                             shape, strides, AHEAD, values + i * pitch + c, step);
}

// Takes `count` rows of `lanes` filters, which are whole panels, to points. Those that do not exist
// are zero, as is what lies outside of an image.
void take_gradient(global const float *diff_dst, int4 shape, int4 strides, int tiles_x, int row,
                   int count, int filter, uint lanes, global float *values, int step)
{
    for (int i = 0; i < count; i++)
        for (uint lane = 0; lane < lanes; lane += WIDTH) {
            const int channel = filter + (int)lane;
            const int4 place = find_place(row + i, channel, shape.x, tiles_x);
            const int y = channel < shape.w ? place.y : shape.y;
            gradient_to_points(diff_dst, (int4)(place.x, y, place.z, channel), shape, strides,
                               AHEAD, values + (lane / PANEL * CHAIN + i) * PANEL + lane % PANEL,
                               step);
        }
}

// Takes sums of some channels and `lanes` filters, which are whole panels, to the taps, which are
// weights from `first` on. Lanes without a filter are zero, though src may be infinite.
// diff_weights may be absent.
void finish(global const float *sums, int step, int channels, uint lanes, uint filters, ulong first,
            int in, global float *diff_weights, bool keeps, const struct adam *adam)
{
    for (uint lane = 0; lane < lanes; lane += WIDTH)
        for (int c = 0; c < channels; c++) {
            vec w[TAPS];
            for (int tap = 0; tap < TAPS; tap++)
                w[tap] = 0;
            if (lane < filters)
                points_to_weights(sums + c * PANELS * PANEL + lane, step, w);
            ulong at = first + ((ulong)(lane / PANEL) * TAPS * in + c) * PANEL + lane % PANEL;
            for (int tap = 0; tap < TAPS; tap++, at += in * PANEL) {
                if (keeps)
                    STORE(w[tap], diff_weights + at);
#if ADAM
                if (adam)
                    ADAM_STEP(vec, LOAD, STORE, *adam, at, w[tap])
#endif
            }
        }
}

// `sizes` are all rows, tiles in a line of an image, and the channels and panels of a set; `steps`
// the floats between rows of source, and between points of source, gradient and sums. The origin is
// the way from a tile's first position in the result to its first in the source.
kernel GROUP_SIZE void winograd_outer(global const float *restrict src, ulong src_at,
                                      global const float *restrict diff_dst, ulong diff_dst_at,
                                      global float *restrict diff_weights, ulong diff_weights_at,
                                      global float *restrict room, ulong room_at, ulong room_floats,
                                      int4 src_shape, int4 src_strides, int4 dst_shape,
                                      int4 dst_strides, int4 sizes, int4 steps, int origin_y,
                                      int origin_x, int keeps AND_ADAM_PARAMETERS)
{
#if ADAM
    const struct adam all = ADAM_FROM(0), *adam = ADAM_IS_STOPPED ? 0 : &all;
#else
    const struct adam *adam = 0;
#endif
    const int rows = sizes.x, in = src_shape.w, panels = (dst_shape.w + PANEL - 1) / PANEL;
    const int channel_sets = (in + sizes.z - 1) / sizes.z;
    const int sets = channel_sets * ((panels + sizes.w - 1) / sizes.w);
    global float *source = room + room_at + get_group_id(0) * room_floats;
    global float *gradient = source + POINTS * POINTS * steps.y;
    // Of a single block the sums of a tile are done with before those of the next.
    const int tile_floats = rows > CHAIN ? POINTS * POINTS * steps.w : 0;
    for (int set = (int)get_group_id(0); set < sets; set += (int)get_num_groups(0)) {
        const int panel_set = set / channel_sets, first_panel = panel_set * sizes.w;
        const int channel = (set - panel_set * channel_sets) * sizes.z;
        const int channels = min(sizes.z, in - channel);
        const int end_panel = min(first_panel + sizes.w, panels);
        for (int row = 0; row < rows; row += CHAIN) {
            const int count = min(rows - row, CHAIN);
            take_source(src + src_at, src_shape, src_strides, sizes.y,
                        (int4)(0, origin_y, origin_x, 0), row, count, channel, channels, source,
                        steps.x, steps.y);
            global float *sums = gradient + POINTS * POINTS * steps.z;
            for (int panel = first_panel; panel < end_panel; panel += PANELS, sums += tile_floats) {
                const int lanes = min(PANELS, end_panel - panel) * PANEL;
                take_gradient(diff_dst + diff_dst_at, dst_shape, dst_strides, sizes.y, row, count,
                              panel * PANEL, lanes, gradient, steps.z);
                for (int point = 0; point < POINTS * POINTS; point++)
                    // A panel that does not exist is computed as a copy of the one before.
                    add_chain(sums + point * steps.w, source + point * steps.y, channels, 1,
                              steps.x, gradient + point * steps.z,
                              lanes > PANEL ? CHAIN * PANEL : 0, count, row == 0);
                if (row + count == rows)
                    finish(sums, steps.w, channels, lanes, dst_shape.w - panel * PANEL,
                           ((ulong)panel * TAPS * in + channel) * PANEL, in,
                           diff_weights + diff_weights_at, keeps, adam);
            }
        }
    }
}
