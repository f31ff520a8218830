// SPDX-License-Identifier: Apache-2.0
// Convolution backward_weights:
//
//     diff_weights(k, o) = sum over the rows that see k of src(row, k) * diff_dst(row, o)
//
// with k the rows of weights that can be reached at all: pairs of a tap and a channel. A kind is a
// set of rows that see the same k: (first position, positions, rows, -). A tile is TILE consecutive
// k; a bit for each pair of a kind and a tile tells which of its k the kind sees. Chains of at most
// 64 rows of one kind are summed in registers before the sum joins those of the other chains, and
// what is not seen is dropped then.
//
// Group (range, panel, split) owns a range of tiles and one panel or some, and goes through the
// chains of its split in order. With several splits, each has its own place in `out`, and
// conv2d_weights_join adds them up. Weights are in panels of 16 filters as in conv2d.cl.
//
// `rows` has for each k its offset in src from a row's window, and its row of weights or -1 where a
// tile is not full. `sizes` are the numbers of kinds, tiles, chains of all kinds, filters.
#include "conv2d_tile.h"

#define KINDS(sizes) sizes.s0
#define TILES(sizes) sizes.s1
#define CHAINS(sizes) sizes.s2
#define ALL_FILTERS(sizes) sizes.s3

#if !LOCAL

// ---------------------------------------------------------------- without local memory

// All tiles of a range are computed for one chain, whose part of diff_dst stays in the first-level
// cache.

#define RANGE_TILES 48 // Most tiles of a range, as in ocl_conv2d_weights_product.c.

// Copies the panel's part of `count` rows of diff_dst.
void copy_rows(float16 *diff, global const float *restrict diff_dst, const int *at, int count,
               int lanes)
{
    for (int i = 0; i < count; i++) {
        if (lanes >= PANEL) {
            diff[i] = vload16(0, diff_dst + at[i]);
        } else {
            float part[PANEL];
            for (int lane = 0; lane < PANEL; lane++)
                part[lane] = lane < lanes ? diff_dst[at[i] + lane] : 0;
            diff[i] = vload16(0, part);
        }
    }
}

// Adds one chain to those of the `tile` gradients of `rows` whose bit is set in `mask`, or begins
// those whose bit is not set in `begun`. What is not seen may lie outside of src: the last that is
// seen takes its place. Lanes without a filter stay zero, though src may be infinite.
#define ADD_OUTER(name, tile)                                                               \
    void name(global float *restrict gradient, global const int2 *restrict rows, uint mask, \
              uint begun, int lanes, global const float *restrict src, const int *source,   \
              const float16 *diff, int count)                                               \
    {                                                                                       \
        int last = 0;                                                                       \
        EACH_ROW(i, tile)                                                                   \
        {                                                                                   \
            last = mask >> i & 1 ? rows[i].x : last;                                        \
        }                                                                                   \
        global const float *x[tile];                                                        \
        EACH_ROW(i, tile)                                                                   \
        {                                                                                   \
            x[i] = src + (mask >> i & 1 ? rows[i].x : last);                                \
        }                                                                                   \
        float16 sum[tile];                                                                  \
        EACH_ROW(i, tile)                                                                   \
        {                                                                                   \
            sum[i] = 0;                                                                     \
        }                                                                                   \
        for (int n = 0; n < count; n++) {                                                   \
            const float16 factor = diff[n];                                                 \
            const int at = source[n];                                                       \
            EACH_ROW(i, tile)                                                               \
            {                                                                               \
                sum[i] = fma((float16)x[i][at], factor, sum[i]);                            \
            }                                                                               \
        }                                                                                   \
        const int16 lane = (int16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);   \
        const int16 kept = lane < (int16)lanes;                                             \
        EACH_ROW(i, tile)                                                                   \
        {                                                                                   \
            global float *at = gradient + (size_t)rows[i].y * PANEL;                        \
            float16 gradients = as_float16(as_int16(sum[i]) & kept);                        \
            if (begun >> i & 1)                                                             \
                gradients += vload16(0, at);                                                \
            if (mask >> i & 1)                                                              \
                vstore16(gradients, 0, at);                                                 \
        }                                                                                   \
    }
ADD_OUTER(add_tile, TILE)
ADD_OUTER(add_tail, TAIL)

kernel GROUP_SIZE void
conv2d_weights(global const float *restrict src, ulong src_at,
               global const float *restrict diff_dst, ulong diff_dst_at, global float *restrict out,
               ulong out_at, ulong split_floats, global const int4 *restrict kinds,
               global const int2 *restrict positions, global const int2 *restrict rows,
               global const uint *restrict masks, int4 order, int4 sizes, int panel_rows)
{
    const int range = (int)get_group_id(0), ranges = (int)get_num_groups(0);
    const int panel = (int)get_group_id(1);
    const int split = (int)get_group_id(2), splits = (int)get_num_groups(2);
    const int first_tile = TILES(sizes) * range / ranges;
    const int end_tile = TILES(sizes) * (range + 1) / ranges;
    const int first_chain = (int)((long)CHAINS(sizes) * split / splits);
    const int end_chain = (int)((long)CHAINS(sizes) * (split + 1) / splits);
    const int lanes = min(PANEL, ALL_FILTERS(sizes) - panel * PANEL);
    src += src_at;
    diff_dst += diff_dst_at + panel * PANEL;
    out += out_at + split_floats * split + (ulong)panel * panel_rows * PANEL;

    int source[CHAIN], target[CHAIN];
    float16 diff[CHAIN];
    uint begun[RANGE_TILES]; // Bits of the gradients that have been written.
    for (int i = 0; i < end_tile - first_tile; i++)
        begun[i] = 0;
    for (int kind = 0, chain = 0; kind < KINDS(sizes); kind++) {
        const int4 k = kinds[kind];
        global const uint *mask = masks + kind * TILES(sizes);
        uint any = 0;
        for (int tile = first_tile; tile < end_tile; tile++)
            any |= mask[tile];
        for (int row = 0; row < k.s2; row += CHAIN, chain++) {
            if (!any || chain < first_chain || chain >= end_chain)
                continue;
            const int count = min(CHAIN, k.s2 - row);
            find_rows(source, target, positions + k.s0, k.s1, row, count, order);
            copy_rows(diff, diff_dst, target, count, lanes);
            for (int tile = first_tile; tile < end_tile; tile++) {
                if (!mask[tile])
                    continue;
                if (mask[tile] >> TAIL)
                    add_tile(out, rows + tile * TILE, mask[tile], begun[tile - first_tile], lanes,
                             src, source, diff, count);
                else
                    add_tail(out, rows + tile * TILE, mask[tile], begun[tile - first_tile], lanes,
                             src, source, diff, count);
                begun[tile - first_tile] |= mask[tile];
            }
        }
    }
    for (int tile = first_tile; tile < end_tile; tile++)
        for (int i = 0; i < TILE; i++) {
            const int row = rows[tile * TILE + i].y;
            if (row >= 0 && !(begun[tile - first_tile] >> i & 1))
                vstore16((float16)0, row, out);
        }
}

#else

// ---------------------------------------------------------------- with local memory

// Items that copy one row of a slice of src, and of diff_dst.
#define TILE_PIECES (GROUP_ROWS / VECTOR)
#define FILTER_PIECES (FILTERS / VECTOR)

// Copies an item's part of a slice of src or of diff_dst, in rows of `pieces`, from row `first` on.
// Rows beyond `count`, and all if the piece does not exist, become zero.
void copy_pieces(local piece *to, global const float *restrict from, const int pieces,
                 const bool of_src, local const int2 *row_at, int first, int count, bool exists)
{
#pragma unroll
    for (int i = 0; i < SLICE * pieces / GROUP; i++) {
        const int n = first + i * (GROUP / pieces);
        piece x = 0;
        if (exists && n < count)
            x = LOAD_PIECE(from + (of_src ? row_at[n].x : row_at[n].y));
        to[i * GROUP] = x;
    }
}

kernel GROUP_SIZE void
conv2d_weights(global const float *restrict src, ulong src_at,
               global const float *restrict diff_dst, ulong diff_dst_at, global float *restrict out,
               ulong out_at, ulong split_floats, global const int4 *restrict kinds,
               global const int2 *restrict positions, global const int2 *restrict rows,
               global const uint *restrict masks, int4 order, int4 sizes, int panel_rows)
{
    local float4 a[SLICE * GROUP_ROWS / 4]; // Elements of src: [row][k].
    local float4 b[SLICE * FILTERS / 4];    // Of diff_dst: [row][filter].
    local int2 row_at[CHAIN];
    const uint item = (uint)get_local_id(0);
    const int line = (int)(item / COLUMNS), column = (int)(item % COLUMNS);
    const int first_tile = (int)get_group_id(0) * LINES, own_tile = first_tile + line;
    const int end_tile = min(first_tile + LINES, TILES(sizes));
    const int first_filter = (int)get_group_id(1) * FILTERS;
    const int split = (int)get_group_id(2), splits = (int)get_num_groups(2);
    const int first_chain = (int)((long)CHAINS(sizes) * split / splits);
    const int end_chain = (int)((long)CHAINS(sizes) * (split + 1) / splits);
    rows += first_tile * TILE;
    const int k = (int)(item % TILE_PIECES * VECTOR), first_row = (int)(item / TILE_PIECES);
    const int k_tile = first_tile + k / TILE;
    const int offset = k_tile < end_tile ? rows[k].x : 0;
    const int filter = first_filter + (int)(item % FILTER_PIECES * VECTOR);
    const int first_diff = (int)(item / FILTER_PIECES);
    src += src_at + offset;
    diff_dst += diff_dst_at + filter;
    out += out_at + split_floats * split;
    float4 total[TILE];
#pragma unroll
    for (int i = 0; i < TILE; i++)
        total[i] = 0;
    for (int kind = 0, chain = 0; kind < KINDS(sizes); kind++) {
        const int4 range = kinds[kind];
        global const uint *mask = masks + kind * TILES(sizes);
        uint any = 0;
        for (int tile = first_tile; tile < end_tile; tile++)
            any |= mask[tile];
        const uint own_mask = own_tile < end_tile ? mask[own_tile] : 0;
        const bool seen = k_tile < end_tile && mask[k_tile] >> (k & (TILE - 1)) & 1;
        for (int row = 0; row < range.s2; row += CHAIN, chain++) {
            if (!any || chain < first_chain || chain >= end_chain)
                continue;
            const int count = min(CHAIN, range.s2 - row);
            barrier(CLK_LOCAL_MEM_FENCE);
            for (int i = (int)item; i < count; i += GROUP)
                row_at[i] = find_row(positions + range.s0, range.s1, row + i, order);
            float4 sum[TILE];
#pragma unroll
            for (int i = 0; i < TILE; i++)
                sum[i] = 0;
            for (int first = 0; first < count; first += SLICE) {
                barrier(CLK_LOCAL_MEM_FENCE);
                copy_pieces((local piece *)a + item, src, TILE_PIECES, true, row_at,
                            first + first_row, count, seen);
                copy_pieces((local piece *)b + item, diff_dst, FILTER_PIECES, false, row_at,
                            first + first_diff, count, filter < ALL_FILTERS(sizes));
                barrier(CLK_LOCAL_MEM_FENCE);
                multiply_slice(sum, a + line * (TILE / 4), GROUP_ROWS / 4, b + column);
            }
#pragma unroll
            for (int i = 0; i < TILE; i++)
                total[i] += own_mask >> i & 1 ? sum[i] : (float4)0;
        }
    }
    const int first = first_filter + column * 4, panel = first / PANEL;
    if (own_tile >= end_tile || panel * PANEL >= ALL_FILTERS(sizes))
        return;
    const int4 lane = (int4)(0, 1, 2, 3) + first;
    out += (ulong)panel * panel_rows * PANEL + (first & (PANEL - 1));
#pragma unroll
    for (int i = 0; i < TILE; i++) {
        const int at = rows[line * TILE + i].y;
        if (at >= 0)
            vstore4(select((float4)0, total[i], lane < ALL_FILTERS(sizes)), 0,
                    out + (size_t)at * PANEL);
    }
}

#endif

// Adds up the splits: out = parts[0] + parts[1] + ..., for each lane of each listed row of weights
// and each panel.
kernel void conv2d_weights_join(global const float *restrict parts, ulong parts_at,
                                ulong split_floats, int splits, global float *restrict out,
                                ulong out_at, global const int2 *restrict rows, int row_count,
                                int panel_rows)
{
    const int i = (int)get_global_id(0), k = i / PANEL, lane = i - k * PANEL;
    if (k >= row_count || rows[k].y < 0)
        return;
    const ulong at = ((ulong)get_global_id(1) * panel_rows + rows[k].y) * PANEL + lane;
    float sum = 0;
    for (int split = 0; split < splits; split++)
        sum += parts[parts_at + split_floats * split + at];
    out[out_at + at] = sum;
}
