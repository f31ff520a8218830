// SPDX-License-Identifier: Apache-2.0
// Convolution backward_weights:
//
//     diff_weights(k, o) = sum over the rows that see k of src(row, k) * diff_dst(row, o)
//     diff_bias(o)       = sum over all rows of diff_dst(row, o)
//
// with k the rows of weights that can be reached at all: pairs of a tap and a channel. A kind is a
// set of rows that see the same k. A tile is TILE consecutive k; a bit for each pair of a kind and
// a tile tells which of its k the kind sees. Chains of at most 64 rows of one kind are summed in
// registers before the sum joins those of the other chains, and what is not seen is dropped then.
//
// Group (range, panel, split) owns a range of tiles and one panel or some, and goes through the
// chains of its split in order. With several splits, each has its own place in `out`, and
// conv2d_weights_join adds them up. Weights are in panels of 16 filters as in conv2d.cl.
//
// Without local memory, for processors: one work-item computes TILE x 16 sums at a time, for one
// chain and all tiles of its range.
//
// With local memory, for graphics processors: a group computes one tile of rows x filters, an item
// TILE x 4 of it, arranged as in conv2d.cl.
#ifndef LOCAL
#define LOCAL 0 // 0 or 1: tiles in local memory.
#endif
#ifndef TILE
#define TILE 6 // Rows of weights of an item in registers: 1 to 16; with local memory 4 or 8.
#endif
#ifndef PANELS
#define PANELS 1 // Of a group with local memory: 1, 2 or 4.
#endif
#ifndef GROUP
#define GROUP 1 // Work-items of a group with local memory: a multiple of 4 * PANELS.
#endif

#define PANEL 16
#define CHAIN 64

// Parts of `sizes`.
#define KINDS(sizes) sizes.s0
#define TILES(sizes) sizes.s1
#define CHAINS(sizes) sizes.s2 // Of all kinds.
#define FILTERS(sizes) sizes.s3

#if !LOCAL

// Offsets of `count` rows of a kind, and the panel's part of these rows of diff_dst. `order` is the
// number of images, whether positions come before images, and the distances of images.
void gather_rows(int *source, float16 *diff, global const float *restrict diff_dst, int lanes,
                 global const int2 *restrict positions, int position_count, int row, int count,
                 int4 order)
{
    const int inside = order.y ? position_count : order.x;
    int outer = row / inside, inner = row - outer * inside;
    for (int i = 0; i < count; i++) {
        const int2 at = positions[order.y ? inner : outer] + (order.y ? outer : inner) * order.zw;
        source[i] = at.x;
        if (lanes >= PANEL) {
            diff[i] = vload16(0, diff_dst + at.y);
        } else {
            float part[PANEL];
            for (int lane = 0; lane < PANEL; lane++)
                part[lane] = lane < lanes ? diff_dst[at.y + lane] : 0;
            diff[i] = vload16(0, part);
        }
        if (++inner == inside) {
            inner = 0;
            outer++;
        }
    }
}

// Adds one chain to those of the TILE gradients from `k` on whose bit is set.
void add_outer(global float *restrict gradient, global const int2 *restrict rows, uint mask,
               int lanes, global const float *restrict src, const int *source, const float16 *diff,
               int count)
{
    global const float *x[TILE];
    int seen = 0;
#pragma unroll
    for (int i = 0; i < TILE; i++)
        if (mask >> i & 1)
            seen = rows[i].x;
#pragma unroll
    for (int i = 0; i < TILE; i++)
        x[i] = src + (mask >> i & 1 ? rows[i].x : seen); // What is not seen may lie outside of src.
    float16 sum[TILE];
#pragma unroll
    for (int i = 0; i < TILE; i++)
        sum[i] = 0;
    for (int n = 0; n < count; n++) {
        const float16 factor = diff[n];
        const int at = source[n];
#pragma unroll
        for (int i = 0; i < TILE; i++)
            sum[i] = fma((float16)x[i][at], factor, sum[i]);
    }
    const int16 lane = (int16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
#pragma unroll
    for (int i = 0; i < TILE; i++) {
        global float *at = gradient + (size_t)rows[i].y * PANEL;
        // Lanes without a filter stay zero, though src may be infinite.
        if (mask >> i & 1)
            vstore16(vload16(0, at) + select((float16)0, sum[i], lane < (int16)lanes), 0, at);
    }
}

// kinds: (first position, positions, rows, -). rows: of each k, its offset in src from a row's
// window, and its row of weights.
kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
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
    const int lanes = min(PANEL, FILTERS(sizes) - panel * PANEL);
    src += src_at;
    diff_dst += diff_dst_at + panel * PANEL;
    out += out_at + split_floats * split + (ulong)panel * panel_rows * PANEL;
    for (int k = first_tile * TILE; k < end_tile * TILE; k++)
        if (rows[k].y >= 0)
            vstore16((float16)0, rows[k].y, out);

    int source[CHAIN];
    float16 diff[CHAIN];
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
            gather_rows(source, diff, diff_dst, lanes, positions + k.s0, k.s1, row, count, order);
            for (int tile = first_tile; tile < end_tile; tile++)
                if (mask[tile])
                    add_outer(out, rows + tile * TILE, mask[tile], lanes, src, source, diff, count);
        }
    }
}

#else

#define COLUMNS (4 * PANELS)          // Items beside each other.
#define LINES (GROUP / COLUMNS)       // Items below each other.
#define GROUP_ROWS (LINES * TILE)     // Rows of weights of a group's tile.
#define GROUP_FILTERS (PANELS * PANEL) // Filters of a group's tile.
#define SLICE 16                      // Rows between two exchanges through local memory.

// Offsets of one row of a kind, as in gather_rows above.
int2 find_row(global const int2 *positions, int position_count, int row, int4 order)
{
    const int inside = order.y ? position_count : order.x;
    const int outer = row / inside, inner = row - outer * inside;
    return positions[order.y ? inner : outer] + (order.y ? outer : inner) * order.zw;
}

kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void
conv2d_weights(global const float *restrict src, ulong src_at,
               global const float *restrict diff_dst, ulong diff_dst_at, global float *restrict out,
               ulong out_at, ulong split_floats, global const int4 *restrict kinds,
               global const int2 *restrict positions, global const int2 *restrict rows,
               global const uint *restrict masks, int4 order, int4 sizes, int panel_rows)
{
    local float4 a[SLICE][GROUP_ROWS / 4];    // Elements of src: [row][k].
    local float4 b[SLICE][GROUP_FILTERS / 4]; // Of diff_dst: [row][filter].
    local int2 row_at[CHAIN];
    const int item = (int)get_local_id(0), line = item / COLUMNS, column = item - line * COLUMNS;
    const int first_tile = (int)get_group_id(0) * LINES, own_tile = first_tile + line;
    const int first_filter = (int)get_group_id(1) * GROUP_FILTERS;
    const int split = (int)get_group_id(2), splits = (int)get_num_groups(2);
    const int first_chain = (int)((long)CHAINS(sizes) * split / splits);
    const int end_chain = (int)((long)CHAINS(sizes) * (split + 1) / splits);
    src += src_at;
    diff_dst += diff_dst_at + first_filter;
    out += out_at + split_floats * split;
    rows += first_tile * TILE;
    float4 total[TILE];
#pragma unroll
    for (int i = 0; i < TILE; i++)
        total[i] = 0;
    for (int kind = 0, chain = 0; kind < KINDS(sizes); kind++) {
        const int4 k = kinds[kind];
        global const uint *mask = masks + kind * TILES(sizes);
        uint any = 0;
        for (int tile = first_tile; tile < min(first_tile + LINES, TILES(sizes)); tile++)
            any |= mask[tile];
        const uint own_mask = own_tile < TILES(sizes) ? mask[own_tile] : 0;
        for (int row = 0; row < k.s2; row += CHAIN, chain++) {
            if (!any || chain < first_chain || chain >= end_chain)
                continue;
            const int count = min(CHAIN, k.s2 - row);
            barrier(CLK_LOCAL_MEM_FENCE);
            for (int i = item; i < count; i += GROUP)
                row_at[i] = find_row(positions + k.s0, k.s1, row + i, order);
            float4 sum[TILE];
#pragma unroll
            for (int i = 0; i < TILE; i++)
                sum[i] = 0;
            for (int first = 0; first < count; first += SLICE) {
                barrier(CLK_LOCAL_MEM_FENCE);
                for (int i = item; i < SLICE * GROUP_ROWS; i += GROUP) {
                    const int n = i / GROUP_ROWS, own = i - n * GROUP_ROWS;
                    const int tile = first_tile + own / TILE;
                    float x = 0;
                    if (first + n < count && tile < TILES(sizes) &&
                        (mask[tile] >> (own & (TILE - 1)) & 1))
                        x = src[row_at[first + n].x + rows[own].x];
                    ((local float *)a[n])[own] = x;
                }
                for (int i = item; i < SLICE * GROUP_FILTERS; i += GROUP) {
                    const int n = i / GROUP_FILTERS, filter = i - n * GROUP_FILTERS;
                    float x = 0;
                    if (first + n < count && first_filter + filter < FILTERS(sizes))
                        x = diff_dst[row_at[first + n].y + filter];
                    ((local float *)b[n])[filter] = x;
                }
                barrier(CLK_LOCAL_MEM_FENCE);
#pragma unroll
                for (int n = 0; n < SLICE; n++) {
                    const float4 factor = b[n][column];
#pragma unroll
                    for (int i = 0; i < TILE / 4; i++) {
                        const float4 x = a[n][line * (TILE / 4) + i];
                        sum[4 * i] = fma((float4)x.s0, factor, sum[4 * i]);
                        sum[4 * i + 1] = fma((float4)x.s1, factor, sum[4 * i + 1]);
                        sum[4 * i + 2] = fma((float4)x.s2, factor, sum[4 * i + 2]);
                        sum[4 * i + 3] = fma((float4)x.s3, factor, sum[4 * i + 3]);
                    }
                }
            }
#pragma unroll
            for (int i = 0; i < TILE; i++)
                total[i] += own_mask >> i & 1 ? sum[i] : (float4)0;
        }
    }
    const int filter = first_filter + column * 4, panel = filter / PANEL;
    if (own_tile >= TILES(sizes) || panel * PANEL >= FILTERS(sizes))
        return;
    const int4 lane = (int4)(0, 1, 2, 3) + filter;
    out += (ulong)panel * panel_rows * PANEL + filter - panel * PANEL;
#pragma unroll
    for (int i = 0; i < TILE; i++) {
        const int at = rows[line * TILE + i].y;
        if (at >= 0)
            vstore4(select((float4)0, total[i], lane < FILTERS(sizes)), 0,
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
    if (k >= row_count)
        return;
    const ulong at = ((ulong)get_global_id(1) * panel_rows + rows[k].y) * PANEL + lane;
    float sum = 0;
    for (int split = 0; split < splits; split++)
        sum += parts[parts_at + split_floats * split + at];
    out[out_at + at] = sum;
}

#define BIAS_STRIPS 4 // Items that share the rows of a filter.

// A group sums the rows of 16 filters. shape: (images, height, width, filters).
kernel __attribute__((reqd_work_group_size(PANEL, BIAS_STRIPS, 1))) void
conv2d_bias(global const float *restrict diff_dst, ulong diff_dst_at, global float *restrict bias,
            ulong bias_at, int4 shape, int4 strides)
{
    local float sums[BIAS_STRIPS][PANEL];
    const int lane = (int)get_local_id(0), strip = (int)get_local_id(1);
    const int filter = (int)get_global_id(0);
    const bool exists = filter < shape.s3;
    const int rows = exists ? shape.s0 * shape.s1 * shape.s2 : 0;
    diff_dst += diff_dst_at;
    float total = 0;
    for (int first = strip; first < rows; first += BIAS_STRIPS * CHAIN) {
        float sum = 0;
        for (int row = first; row < min(rows, first + BIAS_STRIPS * CHAIN); row += BIAS_STRIPS) {
            const int position = row / shape.s0, n = row - position * shape.s0;
            const int h = position / shape.s2, w = position - h * shape.s2;
            sum += diff_dst[(size_t)n * strides.s0 + (size_t)h * strides.s1 +
                            (size_t)w * strides.s2 + filter];
        }
        total += sum;
    }
    sums[strip][lane] = total;
    barrier(CLK_LOCAL_MEM_FENCE);
    if (strip > 0 || !exists)
        return;
    for (int i = 1; i < BIAS_STRIPS; i++)
        total += sums[i][lane];
    bias[bias_at + filter] = total;
}
