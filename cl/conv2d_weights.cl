// SPDX-License-Identifier: Apache-2.0
// Convolution backward_weights:
//
//     diff_weights(k, o) = sum over the rows that see k of src(row, k) * diff_dst(row, o)
//
// with k the rows of weights that can be reached at all: pairs of a tap and a channel. A kind is a
// set of rows that see the same k: (first position, positions, rows, -). A tile is TILE consecutive
// k; a bit for each pair of a kind and a tile tells which of its k the kind sees, and without local
// memory one more that these are TILE channels of one tap. Chains of at most 64 rows of one kind
// are summed in registers before the sum joins those of the other chains, and what is not seen is
// dropped then.
//
// Group (range, panels, split) owns a range of tiles and one panel or some, and goes through the
// chains of its split in order. With several splits, each has its own place in `out`, and
// conv2d_weights_join adds them up. Weights are in panels of 16 filters as in conv2d.cl.
//
// If ADAM says so, who completes a part of the gradient takes Adam's step with it: a group of a
// single split, which writes the gradient all the same, or the join, where `keeps` tells whether
// to.
//
// Without local memory the groups of the first range sum the rows of diff_dst as well, where
// `has_bias` says so: bias(split, filter), splits whole panels apart, or the bias's gradient for a
// single one.
//
// `rows` has for each k its offset in src from a row's window, and its row of weights or -1 where a
// tile is not full. `sizes` are the numbers of kinds, tiles, chains of all kinds, filters.
#include "adam_step.h"
#include "conv2d_tile.h"

#define KINDS(sizes) sizes.s0
#define TILES(sizes) sizes.s1
#define CHAINS(sizes) sizes.s2
#define ALL_FILTERS(sizes) sizes.s3

#define PARAMETERS                                                                         \
    global const float *restrict src, ulong src_at, global const float *restrict diff_dst, \
        ulong diff_dst_at, global float *restrict out, ulong out_at, ulong split_floats,   \
        global const int4 *restrict kinds, global const int2 *restrict positions,          \
        global const int2 *restrict rows, global const uint *restrict masks, int4 order,   \
        int4 sizes, int panel_rows

#if !LOCAL

// ---------------------------------------------------------------- without local memory

// For one chain, all tiles of a range are computed for one panel after another, so that what they
// read of src, and the panel's part of diff_dst, stay in the first-level cache.

#include "ask.h"

#ifndef RANGE_TILES
#define RANGE_TILES 24 // Most tiles of a range.
#endif

// Copies the panels' part of `count` rows of diff_dst, and sums them.
void copy_rows(sums_of_row *diff, float16 *total, global const float *restrict diff_dst,
               const int *at, int count, int lanes)
{
    sums_of_row sum;
    EACH_PANEL(p)
    {
        sum[p] = 0;
    }
    for (int i = 0; i < count; i++)
        EACH_PANEL(p)
        {
            global const float *from = diff_dst + at[i] + p * PANEL;
            if (lanes >= (p + 1) * PANEL) {
                diff[i][p] = load_vector16(from);
            } else {
                float part[PANEL];
                for (int lane = 0; lane < PANEL; lane++)
                    part[lane] = lane < lanes - p * PANEL ? from[lane] : 0;
                diff[i][p] = load_vector16(part);
            }
            sum[p] += diff[i][p];
        }
    EACH_PANEL(p)
    {
        total[p] = sum[p];
    }
}

// Adds one chain's sums to `lanes` gradients of the bias, or begins them.
void add_bias(global float *bias, const float16 *sum, int lanes, bool begun)
{
    float sums[PANELS * PANEL];
    EACH_PANEL(p)
    {
        store_vector(sum[p], sums + p * PANEL);
    }
    for (int lane = 0; lane < lanes; lane++)
        bias[lane] = begun ? bias[lane] + sums[lane] : sums[lane];
}

// Sums the products of one chain: `element` is that of row i of a tile at a position whose offset
// is `at`, and `asks` is done at each.
#define SUM_CHAIN(sum, tile, element, asks)      \
    sums_of_row sum[tile];                       \
    CLEAR(sum, tile)                             \
    for (int n = 0; n < count; n++) {            \
        const int at = source[n];                \
        asks;                                    \
        ADD_PRODUCT(sum, tile, element, diff[n]) \
    }

// Adds one chain to those of the `tile` gradients of `rows` whose bit is set in `mask`, or begins
// those whose bit is not set in `begun`. What is not seen may lie outside of src: the last that is
// seen takes its place. Lanes without a filter stay zero, though src may be infinite.
#define ADD_OUTER(name, tile)                                                                  \
    void name(global float *restrict gradient, size_t pitch, global const int2 *restrict rows, \
              uint mask, uint begun, int lanes, global const float *restrict src,              \
              const int *source, const sums_of_row *diff, int count)                           \
    {                                                                                          \
        int last = 0;                                                                          \
        EACH_ROW(i, tile)                                                                      \
        {                                                                                      \
            last = mask >> i & 1 ? rows[i].x : last;                                           \
        }                                                                                      \
        global const float *x[tile];                                                           \
        EACH_ROW(i, tile)                                                                      \
        {                                                                                      \
            x[i] = src + (mask >> i & 1 ? rows[i].x : last);                                   \
        }                                                                                      \
        SUM_CHAIN(sum, tile, x[i][at], )                                                       \
        const int16 lane = (int16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);      \
        EACH_PANEL(p)                                                                          \
        {                                                                                      \
            const int16 kept = lane < (int16)(lanes - p * PANEL);                              \
            if (p * PANEL < lanes)                                                             \
                EACH_ROW(i, tile)                                                              \
                {                                                                              \
                    global float *at = gradient + p * pitch + (size_t)rows[i].y * PANEL;       \
                    float16 gradients = as_float16(as_int16(sum[i][p]) & kept);                \
                    if (begun >> i & 1)                                                        \
                        gradients += load_vector16(at);                                        \
                    if (mask >> i & 1)                                                         \
                        store_vector(gradients, at);                                           \
                }                                                                              \
        }                                                                                      \
    }
ADD_OUTER(add_tile, TILE)
ADD_OUTER(add_tail, TAIL)

// The same for TILE channels of one tap and all filters of the panels: elements and gradients
// follow each other, which leaves nothing to look up or decide for each row.
void add_whole(global float *restrict gradient, size_t pitch, global const int2 *restrict rows,
               uint begun, global const float *restrict src, const int *source,
               const sums_of_row *diff, int count)
{
    src += rows[0].x;
    gradient += (size_t)rows[0].y * PANEL;
    SUM_CHAIN(sum, TILE, src[at + i], ASK_FOR(src + at + LINE))
    EACH_PANEL(p)
    {
        if (begun) {
            EACH_ROW(i, TILE)
            {
                sum[i][p] += load_vector16(gradient + p * pitch + i * PANEL);
            }
        }
        EACH_ROW(i, TILE)
        {
            store_vector(sum[i][p], gradient + p * pitch + i * PANEL);
        }
    }
}

void add_chain(global float *restrict gradient, size_t pitch, global const int2 *restrict rows,
               uint mask, uint begun, int lanes, global const float *restrict src,
               const int *source, const sums_of_row *diff, int count)
{
    if (mask >> TILE && lanes == PANELS * PANEL)
        add_whole(gradient, pitch, rows, begun, src, source, diff, count);
    else if (mask >> TAIL)
        add_tile(gradient, pitch, rows, mask, begun, lanes, src, source, diff, count);
    else if (mask)
        add_tail(gradient, pitch, rows, mask, begun, lanes, src, source, diff, count);
}

#if ADAM
// Takes the step of the rows of some tiles in one panel.
void update_weights(const struct adam *adam, global const float *gradient, ulong panel_at,
                    global const int2 *rows, int row_count)
{
    for (int i = 0; i < row_count; i++) {
        if (rows[i].y < 0)
            continue;
        const ulong at = panel_at + (ulong)rows[i].y * PANEL;
        ADAM_STEP(float16, load_vector16, store_vector, *adam, at, load_vector16(gradient + at))
    }
}
#endif

kernel GROUP_SIZE void conv2d_weights(PARAMETERS, global float *restrict bias, ulong bias_at,
                                      int has_bias AND_ADAM_PARAMETERS)
{
    const int range = (int)get_group_id(0), ranges = (int)get_num_groups(0);
    const int panels = (ALL_FILTERS(sizes) + PANEL - 1) / PANEL;
    const int panel_tiles = (panels + PANELS - 1) / PANELS;
    const int panel_group = (int)get_group_id(1), panel_groups = (int)get_num_groups(1);
    const int split = (int)get_group_id(2), splits = (int)get_num_groups(2);
    const int first_tile = TILES(sizes) * range / ranges;
    const int end_tile = TILES(sizes) * (range + 1) / ranges;
    const int first_panel = panel_tiles * panel_group / panel_groups * PANELS;
    const int end_panel = min(panel_tiles * (panel_group + 1) / panel_groups * PANELS, panels);
    const int first_chain = (int)((long)CHAINS(sizes) * split / splits);
    const int end_chain = (int)((long)CHAINS(sizes) * (split + 1) / splits);
    const ulong panel_floats = (ulong)panel_rows * PANEL;
    const bool sums_bias = has_bias && range == 0;
    src += src_at;
    diff_dst += diff_dst_at;
    out += out_at + split_floats * split;
    bias += bias_at + (ulong)split * panels * PANEL;

    int source[CHAIN], target[CHAIN];
    sums_of_row diff[CHAIN], total;
    bool bias_begun = false;
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
            if (!(any || sums_bias) || chain < first_chain || chain >= end_chain)
                continue;
            const int count = min(CHAIN, k.s2 - row);
            find_rows(source, target, positions + k.s0, k.s1, row, count, order);
            for (int panel = first_panel; panel < end_panel; panel += PANELS) {
                const int lanes = min(PANELS * PANEL, ALL_FILTERS(sizes) - panel * PANEL);
                copy_rows(diff, total, diff_dst + panel * PANEL, target, count, lanes);
                if (sums_bias)
                    add_bias(bias + panel * PANEL, total, lanes, bias_begun);
                for (int tile = first_tile; tile < end_tile; tile++)
                    add_chain(out + panel * panel_floats, panel_floats, rows + tile * TILE,
                              mask[tile], begun[tile - first_tile], lanes, src, source, diff,
                              count);
            }
            bias_begun = true;
            for (int tile = first_tile; tile < end_tile; tile++)
                begun[tile - first_tile] |= mask[tile];
        }
    }
    for (int tile = first_tile; tile < end_tile; tile++)
        for (int i = 0; i < TILE; i++) {
            const int row = rows[tile * TILE + i].y;
            if (row < 0 || begun[tile - first_tile] >> i & 1)
                continue;
            for (int panel = first_panel; panel < end_panel; panel++)
                store_vector((float16)0, out + panel * panel_floats + row * PANEL);
        }
#if ADAM
    if (ADAM_IS_STOPPED)
        return;
    const struct adam adam = ADAM_FROM(0);
    for (int panel = first_panel; panel < end_panel; panel++)
        update_weights(&adam, out, panel * panel_floats, rows + first_tile * TILE,
                       (end_tile - first_tile) * TILE);
#endif
}

#else

// ---------------------------------------------------------------- with local memory

#define TILE_PIECES (GROUP_ROWS / 4) // Items that copy one row of a slice of src.
#define LOAD_FOUR(at) vload4(0, at)
#define STORE_FOUR(value, at) vstore4(value, 0, at)

// Which k of the group's tiles a kind sees, from `k` to the end of its tile, as bits.
uint seen_from(global const uint *mask, int tiles, uint k)
{
    return (int)(k / TILE) < tiles ? mask[k / TILE] >> k % TILE : 0;
}

// One of the k that a kind sees, the first of VECTOR side by side; -1 if it sees none.
int find_seen(global const uint *mask, int tiles)
{
    int seen = -1;
    for (int tile = 0; tile < tiles; tile++)
        if (mask[tile])
            seen = tile * TILE + ((31 - (int)clz(mask[tile])) & -VECTOR);
    return seen;
}

// Which of an item's rows, its k, a kind sees, as bits.
uint own_seen(global const uint *mask, int tiles, int line)
{
    uint seen = 0;
#pragma unroll
    for (int i = 0; i < TILE; i += RUN)
        seen |= (seen_from(mask, tiles, OWN_ROW(line, i)) & ((1 << RUN) - 1)) << i;
    return seen;
}

// Copies four elements of a row: those at `at[0]` and behind it where they are side by side.
void copy_four(local float4 *to, global const float *from, const int *at, int row)
{
#if VECTOR == 4
    *to = *(global const float4 *)PLACE(from, at[0], row);
#else
    local float *lanes = (local float *)to; // Compilers store them together.
    lanes[0] = *PLACE(from, at[0], row);
    lanes[1] = *PLACE(from, at[1], row);
    lanes[2] = *PLACE(from, at[2], row);
    lanes[3] = *PLACE(from, at[3], row);
#endif
}

// Copies an item's part of a slice of src or of diff_dst, of which `pieces` items copy a row each:
// a piece of some rows that follow each other. `row_at` are the offsets of the item's rows, of
// which there are `count` if the slice is not whole.
#define COPY(name, pieces)                                                                        \
    void name(local float4 *to, global const float *from, const int *at, local const int *row_at, \
              const bool whole, int count)                                                        \
    {                                                                                             \
        _Pragma("unroll") for (int i = 0; i < SLICE * (pieces) / GROUP; i++)                      \
        {                                                                                         \
            if (whole || i < count)                                                               \
                copy_four(to + i * (pieces), from, at, row_at[i]);                                \
        }                                                                                         \
    }
COPY(copy_source, TILE_PIECES)
COPY(copy_diff, COLUMNS)

// Finds where the rows of a chain are, together with the other items.
void find_chain(local int *source, local int *target, global const int2 *positions,
                int position_count, int row, int count, int4 order)
{
    for (int i = (int)get_local_id(0); i < count; i += GROUP) {
        const int2 at = find_row(positions, position_count, row + i, order);
        source[i] = at.x;
        target[i] = at.y;
    }
}

// Writes an item's sums, of `filters` lanes at most; those beyond are zero in the weights' layout.
void write_sums(global float *out, const float4 *sums, global const int2 *rows, int row_count,
                int line, int filters)
{
    const int4 exists = (int4)(0, 1, 2, 3) < (int4)filters;
#pragma unroll
    for (int i = 0; i < TILE; i++) {
        const int row = OWN_ROW(line, i), at = row < row_count ? rows[row].y : -1;
        if (at >= 0)
            vstore4(select((float4)0, sums[i], exists), 0, out + (size_t)at * PANEL);
    }
}

#if ADAM
// Takes Adam's step with what the item has written; from registers it would need more of them than
// there are.
void update_by_sums(const struct adam adam, global const float *gradient, global const int2 *rows,
                    int row_count, int line)
{
#pragma unroll 1
    for (int i = 0; i < TILE; i++) {
        const int row = OWN_ROW(line, i), at = row < row_count ? rows[row].y : -1;
        if (at >= 0)
            ADAM_STEP(float4, LOAD_FOUR, STORE_FOUR, adam, (size_t)at * PANEL,
                      LOAD_FOUR(gradient + (size_t)at * PANEL))
    }
}
#endif

kernel GROUP_SIZE void conv2d_weights(PARAMETERS AND_ADAM_PARAMETERS)
{
    local float4 a[SLICE * GROUP_ROWS / 4]; // Elements of src: [row][k].
    local float4 b[SLICE * FILTERS / 4];    // Of diff_dst: [row][filter].
    local int source_at[CHAIN], target_at[CHAIN];
    const uint item = (uint)get_local_id(0);
    const int share = (int)(item / (COLUMNS * LINES));
    const int line = (int)(item / COLUMNS % LINES), column = (int)(item % COLUMNS);
    const int first_tile = (int)get_group_id(0) * LINES;
    const int tiles = min(LINES, TILES(sizes) - first_tile);
    const int filter = (int)get_group_id(1) * FILTERS + column * 4; // The item's first.
    const int split = (int)get_group_id(2), splits = (int)get_num_groups(2);
    const int first_chain = (int)((long)CHAINS(sizes) * split / splits);
    const int end_chain = (int)((long)CHAINS(sizes) * (split + 1) / splits);
    const int first_own = share * OWN_PRODUCTS;
    local const run *mine_a = (local const run *)a + first_own * (GROUP_ROWS / RUN) + line;
    local const float4 *mine_b = b + first_own * COLUMNS + column;
    const int k = (int)(item % TILE_PIECES) * 4;
    const int first_row = (int)(item / TILE_PIECES) * (SLICE * TILE_PIECES / GROUP);
    const int first_diff = (int)(item / COLUMNS) * (SLICE * COLUMNS / GROUP);
    int k_at[4 / VECTOR], filter_at[4 / VECTOR]; // Filters beyond the last are copies of it.
#pragma unroll
    for (int i = 0; i < 4 / VECTOR; i++)
        filter_at[i] = min(filter + i, ALL_FILTERS(sizes) - VECTOR);
    rows += first_tile * TILE;
    src += src_at;
    diff_dst += diff_dst_at;
    out += out_at + split_floats * split;
    float4 total[TILE];
    clear(total);
    for (int kind = 0, chain = 0; kind < KINDS(sizes); kind++) {
        const int4 range = kinds[kind];
        global const uint *mask = masks + kind * TILES(sizes) + first_tile;
        const int seen = find_seen(mask, tiles);
        const uint own_k = seen_from(mask, tiles, k);
#pragma unroll
        for (int i = 0; i < 4 / VECTOR; i++) // It takes the place of others.
            k_at[i] = seen < 0 ? 0 : rows[own_k >> i & 1 ? k + i : seen].x;
        const uint own_mask = own_seen(mask, tiles, line);
        for (int row = 0; row < range.s2; row += CHAIN, chain++) {
            if (seen < 0 || chain < first_chain || chain >= end_chain)
                continue;
            const int count = min(CHAIN, range.s2 - row);
            barrier(CLK_LOCAL_MEM_FENCE);
            find_chain(source_at, target_at, positions + range.s0, range.s1, row, count, order);
            float4 sum[TILE];
            clear(sum);
            const int rest = count & (SLICE - 1), whole = count - rest;
            for (int first = 0; first < whole; first += SLICE) {
                barrier(CLK_LOCAL_MEM_FENCE);
                copy_source(a + first_row * TILE_PIECES + k / 4, src, k_at,
                            source_at + first + first_row, true, 0);
                copy_diff(b + first_diff * COLUMNS + column, diff_dst, filter_at,
                          target_at + first + first_diff, true, 0);
                barrier(CLK_LOCAL_MEM_FENCE);
                multiply_slice(sum, mine_a, GROUP_ROWS / RUN, mine_b);
            }
            if (rest) {
                barrier(CLK_LOCAL_MEM_FENCE);
                copy_source(a + first_row * TILE_PIECES + k / 4, src, k_at,
                            source_at + whole + first_row, false, rest - first_row);
                copy_diff(b + first_diff * COLUMNS + column, diff_dst, filter_at,
                          target_at + whole + first_diff, false, rest - first_diff);
                barrier(CLK_LOCAL_MEM_FENCE);
                multiply_rest(sum, mine_a, GROUP_ROWS / RUN, mine_b, first_own, rest);
            }
#pragma unroll
            for (int i = 0; i < TILE; i++)
                total[i] += own_mask >> i & 1 ? sum[i] : (float4)0;
        }
    }
    join_shares(total, a, share);
    if (share > 0 || filter / PANEL * PANEL >= ALL_FILTERS(sizes))
        return;
    const ulong first = (ulong)(filter / PANEL) * panel_rows * PANEL + (filter & (PANEL - 1));
    write_sums(out + first, total, rows, tiles * TILE, line, ALL_FILTERS(sizes) - filter);
#if ADAM
    if (!ADAM_IS_STOPPED)
        update_by_sums((struct adam)ADAM_FROM(first), out + first, rows, tiles * TILE, line);
#endif
}

#endif

// Adds up the splits: out = parts[0] + parts[1] + ..., for each lane of each listed row of weights
// and each panel.
kernel void conv2d_weights_join(global const float *restrict parts, ulong parts_at,
                                ulong split_floats, int splits, global float *restrict out,
                                ulong out_at, global const int2 *restrict rows, int row_count,
                                int panel_rows
#if ADAM
                                ,
                                int keeps, ADAM_PARAMETERS
#endif
)
{
    const int i = (int)get_global_id(0), k = i / PANEL, lane = i - k * PANEL;
    if (k >= row_count || rows[k].y < 0)
        return;
    const ulong at = ((ulong)get_global_id(1) * panel_rows + rows[k].y) * PANEL + lane;
    float sum = 0;
    for (int split = 0; split < splits; split++)
        sum += parts[parts_at + split_floats * split + at];
#if ADAM
    if (!ADAM_IS_STOPPED) {
        const struct adam adam = ADAM_FROM(at);
        ADAM_STEP(float, LOAD_ONE, STORE_ONE, adam, 0, sum)
    }
    if (keeps)
#endif
        out[out_at + at] = sum;
}
