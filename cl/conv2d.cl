// SPDX-License-Identifier: Apache-2.0
// Convolution forward and backward_data:
//
//     dst(row, o) = act(sum over k of src(row, k) * weights(k, o) [+ bias(o)] [+ addend(row, o)])
//
// A kind is a set of rows whose sums run over the same k; a block is some rows of a kind. Steps say
// where the elements of k are, counted from a row's window in src, and which rows of weights they
// meet. Weights are in panels of 16 filters: row k of panel p is weights[(p * panel_rows + k) * 16].
//
// Group (part, panel) computes the blocks parts[part] .. parts[part + 1]. A block is (first
// position, positions, first row, rows, first step, steps).
#include "conv2d_tile.h"

#ifndef ROWS
#define ROWS 66 // Rows of a block without local memory: a multiple of TILE.
#endif

// Bits of `flags`.
#define BIAS 1
#define ADDEND 2
#define RELU 4

#if !LOCAL

// ---------------------------------------------------------------- without local memory

// A block's sums are computed chain by chain, so that the weights of a chain stay in the
// first-level cache for all tiles of the block.

// Adds one chain to the sums of `rows` rows, or begins them.
#define MULTIPLY(name, rows)                                                           \
    void name(float16 *sums, const int *source, global const float *restrict src,      \
              global const float *restrict weights, global const int4 *restrict steps, \
              int step_count, int channel_step, bool first)                            \
    {                                                                                  \
        float16 sum[rows];                                                             \
        EACH_ROW(i, rows)                                                              \
        {                                                                              \
            sum[i] = 0;                                                                \
        }                                                                              \
        for (int s = 0; s < step_count; s++) {                                         \
            const int4 step = steps[s];                                                \
            global const float *w = weights + (size_t)step.y * PANEL;                  \
            global const float *x[rows];                                               \
            EACH_ROW(i, rows)                                                          \
            {                                                                          \
                x[i] = src + (source[i] + step.x);                                     \
            }                                                                          \
            ADD_PRODUCTS(sum, rows, x, channel_step, w, step.z)                        \
        }                                                                              \
        EACH_ROW(i, rows)                                                              \
        {                                                                              \
            sums[i] = first ? sum[i] : sums[i] + sum[i];                               \
        }                                                                              \
    }
MULTIPLY(multiply_tile, TILE)
MULTIPLY(multiply_tail, TAIL)

// Writes the sums of a panel's filters, from `channel` on, to the row at `at`.
void finish(float16 sum, int at, int channel, int channels, int flags, global const float *bias,
            global const float *addend, global float *dst)
{
    at += channel;
    if (channels - channel >= PANEL) {
        if (flags & BIAS)
            sum += vload16(0, bias + channel);
        if (flags & ADDEND)
            sum += vload16(0, addend + at);
        if (flags & RELU)
            sum = select(sum, (float16)0, sum < (float16)0); // NaN stays.
        vstore16(sum, 0, dst + at);
        return;
    }
    float lanes[PANEL];
    vstore16(sum, 0, lanes);
    for (int i = 0; i < channels - channel; i++) {
        float x = lanes[i];
        if (flags & BIAS)
            x += bias[channel + i];
        if (flags & ADDEND)
            x += addend[at + i];
        dst[at + i] = flags & RELU && x < 0 ? 0 : x;
    }
}

// A step is (offset in src, row of weights, length, -) of some products; the first step of a chain
// counts the chain's steps in its fourth component.
kernel GROUP_SIZE void
conv2d(global const float *restrict src, ulong src_at, global const float *restrict weights,
       ulong weights_at, global const float *bias, ulong bias_at, global const float *addend,
       ulong addend_at, global float *dst, ulong dst_at, global const int8 *restrict blocks,
       global const int *restrict parts, global const int2 *restrict positions,
       global const int4 *restrict steps, int4 order, int panel_rows, int channel_step,
       int channels, int flags)
{
    const int part = (int)get_group_id(0), panel = (int)get_group_id(1);
    src += src_at;
    weights += weights_at + (ulong)panel * panel_rows * PANEL;
    bias += bias_at;
    addend += addend_at;
    dst += dst_at;
    float16 sums[ROWS];
    int source[ROWS], target[ROWS];
    for (int b = parts[part]; b < parts[part + 1]; b++) {
        const int8 block = blocks[b];
        const int rows = block.s3;
        find_rows(source, target, positions + block.s0, block.s1, block.s2, rows, order);
        for (int i = rows; i < ROWS; i++)
            source[i] = source[rows - 1]; // The last tile is computed whole.
        for (int i = 0; block.s5 == 0 && i < rows; i++)
            sums[i] = 0;
        const int end = block.s4 + block.s5;
        for (int s = block.s4, count; s < end; s += count) {
            count = steps[s].w;
            int i = 0;
            for (; rows - i > TAIL; i += TILE)
                multiply_tile(sums + i, source + i, src, weights, steps + s, count, channel_step,
                              s == block.s4);
            if (i < rows)
                multiply_tail(sums + i, source + i, src, weights, steps + s, count, channel_step,
                              s == block.s4);
        }
        for (int i = 0; i < rows; i++)
            finish(sums[i], target[i], panel * PANEL, channels, flags, bias, addend, dst);
    }
}

#else

// ---------------------------------------------------------------- with local memory

#define PITCH (GROUP_ROWS + 4) // Floats of a line of local memory; 4 more avoid bank conflicts.

// Items that copy a slice of one row, and of one row of weights.
#define SLICE_PIECES (SLICE / VECTOR)
#define FILTER_PIECES (FILTERS / VECTOR)

void store_column(local float *to, piece x)
{
#if VECTOR == 4
    to[0] = x.s0;
    to[PITCH] = x.s1;
    to[2 * PITCH] = x.s2;
    to[3 * PITCH] = x.s3;
#else
    to[0] = x;
#endif
}

// Copies an item's part of a slice of src. `at` are the offsets of its rows, `steps` the item's
// step, which may not exist.
void copy_elements(local float *to, global const float *restrict src, local const int2 *at,
                   global const int2 *restrict step, bool exists)
{
    const int offset = exists ? step->x : 0;
#pragma unroll
    for (int i = 0; i < GROUP_ROWS * SLICE_PIECES / GROUP; i++) {
        const int row = i * (GROUP / SLICE_PIECES);
        piece x = 0;
        if (exists)
            x = LOAD_PIECE(src + (at[row].x + offset));
        store_column(to + row, x);
    }
}

// Copies an item's part of a slice of the weights, from row `first_k` of the slice on.
void copy_weights(local piece *to, global const float *restrict weights,
                  global const int2 *restrict steps, int first_k, int step_count)
{
#pragma unroll
    for (int i = 0; i < SLICE * FILTER_PIECES / GROUP; i++) {
        const int k = first_k + i * (GROUP / FILTER_PIECES), step = k / VECTOR;
        piece x = 0;
        if (step < step_count)
            x = LOAD_PIECE(weights + (size_t)(steps[step].y + (k & (VECTOR - 1))) * PANEL);
        to[i * GROUP] = x;
    }
}

void finish(float x, int at, int channel, int channels, int flags, global const float *bias,
            global const float *addend, global float *dst)
{
    if (channel >= channels)
        return;
    if (flags & BIAS)
        x += bias[channel];
    if (flags & ADDEND)
        x += addend[at + channel];
    dst[at + channel] = flags & RELU && x < 0 ? 0 : x;
}

// A step is (offset in src, row of weights) of VECTOR products.
kernel GROUP_SIZE void
conv2d(global const float *restrict src, ulong src_at, global const float *restrict weights,
       ulong weights_at, global const float *bias, ulong bias_at, global const float *addend,
       ulong addend_at, global float *dst, ulong dst_at, global const int8 *restrict blocks,
       global const int *restrict parts, global const int2 *restrict positions,
       global const int2 *restrict steps, int4 order, int panel_rows, int channel_step,
       int channels, int flags)
{
    local float4 a[SLICE * PITCH / 4];   // Elements of src: [k][row].
    local float4 b[SLICE * FILTERS / 4]; // Weights: [k][filter].
    local int2 row_at[GROUP_ROWS];
    const uint item = (uint)get_local_id(0);
    const int line = (int)(item / COLUMNS), column = (int)(item % COLUMNS);
    const int channel = (int)get_group_id(1) * FILTERS + column * 4; // The item's first.
    // What this item copies: a piece of some rows, and of some rows of weights.
    const int k_piece = (int)(item % SLICE_PIECES), first_row = (int)(item / SLICE_PIECES);
    const int filter = (int)(item % FILTER_PIECES * VECTOR), first_k = (int)(item / FILTER_PIECES);
    // Panels beyond the last are computed as copies of it.
    const int panel = min((int)get_group_id(1) * PANELS + filter / PANEL, (channels - 1) / PANEL);
    src += src_at;
    weights += weights_at + (ulong)panel * panel_rows * PANEL + (filter & (PANEL - 1));
    bias += bias_at;
    addend += addend_at;
    dst += dst_at;
    for (int n = parts[get_group_id(0)]; n < parts[get_group_id(0) + 1]; n++) {
        const int8 block = blocks[n];
        global const int2 *step = steps + block.s4;
        // So are rows.
        for (int i = (int)item; i < GROUP_ROWS; i += GROUP)
            row_at[i] =
                find_row(positions + block.s0, block.s1, block.s2 + min(i, block.s3 - 1), order);
        float4 total[TILE], sum[TILE];
#pragma unroll
        for (int i = 0; i < TILE; i++)
            total[i] = sum[i] = 0;
        for (int s = 0; s < block.s5; s += SLICE_PIECES) {
            barrier(CLK_LOCAL_MEM_FENCE);
            copy_elements((local float *)a + k_piece * VECTOR * PITCH + first_row, src,
                          row_at + first_row, step + s + k_piece, s + k_piece < block.s5);
            copy_weights((local piece *)b + item, weights, step + s, first_k, block.s5 - s);
            barrier(CLK_LOCAL_MEM_FENCE);
            multiply_slice(sum, a + line * (TILE / 4), PITCH / 4, b + column);
            if (((s + SLICE_PIECES) & (CHAIN / VECTOR - 1)) == 0 || s + SLICE_PIECES >= block.s5) {
#pragma unroll
                for (int i = 0; i < TILE; i++) {
                    total[i] += sum[i];
                    sum[i] = 0;
                }
            }
        }
        barrier(CLK_LOCAL_MEM_FENCE);
#pragma unroll
        for (int i = 0; i < TILE; i++) {
            const int at = row_at[line * TILE + i].y;
            if (line * TILE + i >= block.s3)
                continue;
            finish(total[i].s0, at, channel, channels, flags, bias, addend, dst);
            finish(total[i].s1, at, channel + 1, channels, flags, bias, addend, dst);
            finish(total[i].s2, at, channel + 2, channels, flags, bias, addend, dst);
            finish(total[i].s3, at, channel + 3, channels, flags, bias, addend, dst);
        }
        barrier(CLK_LOCAL_MEM_FENCE);
    }
}

#endif
