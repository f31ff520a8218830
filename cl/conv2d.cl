// SPDX-License-Identifier: Apache-2.0
// Convolution forward and backward_data:
//
//     dst(row, o) = act(sum over k of src(row, k) * weights(k, o) [+ bias(o)] [+ addend(row, o)])
//
// A kind is a set of rows whose sums run over the same k; a block is some rows of a kind. Steps say
// where the elements of k are, counted from a row's window in src, and which rows of weights they
// meet. Weights are in panels of 16 filters: row k of panel p is weights[(p * panel_rows + k) *
// 16].
//
// Group (part, panels) computes the blocks parts[part] .. parts[part + 1] of PANELS panels. A block
// is (first position, positions, first row, rows, first step, steps).
#include "conv2d_tile.h"

#ifndef ROWS
#define ROWS 66 // Rows of a block without local memory: a multiple of TILE.
#endif

// Bits of `flags`.
#define BIAS 1
#define ADDEND 2
#define RELU_FLAG 4
// Without local memory:
#define AHEAD 8         // Weights meet few rows, see ask_ahead.
#define PANELS_FIRST 16 // Groups are (panels, part).

#define PARAMETERS(step)                                                                       \
    global const float *restrict src, ulong src_at, global const float *restrict weights,      \
        ulong weights_at, global const float *bias, ulong bias_at, global const float *addend, \
        ulong addend_at, global float *dst, ulong dst_at, global const int8 *restrict blocks,  \
        global const int *restrict parts, global const int2 *restrict positions,               \
        global const step *restrict steps, int4 order, int panel_rows, int channel_step,       \
        int channels, int flags

#if !LOCAL

// ---------------------------------------------------------------- without local memory

// A block's sums are computed chain by chain, so that the weights of a chain stay in the
// first-level cache for all tiles of the block.

#ifndef TRANSPOSED
#define TRANSPOSED 0 // 1: backward_data with the weights of forward.
#endif

#include "ask.h"

void ask_for_lines(global const float *from, int lines)
{
    for (int i = 0; i < lines; i++)
        ASK_FOR(from + i * LINE);
}

// Where the weights of PANELS panels, `pitch` floats apart, lie for the chain that begins with
// steps[0]: `tap_rows` are the rows of each tap, and `room` may be filled in.
#if TRANSPOSED
#define WEIGHTS const float *
#define PANEL_PITCH(panel, panel_rows, channels) (CHAIN * PANEL)
#define ROW_OF(step, before) (before) // The chain's rows follow each other.

#define WIDTH 8
#define SPACE private
#include "transposed_panel.h"

// Row (tap, o) of a panel is column o of the filters' panels: elements of 16 of their rows.
WEIGHTS find_weights(float *room, global const float *restrict weights,
                     global const int4 *restrict steps, int step_count, int panel, int panel_rows,
                     int tap_rows, int channels)
{
    const int first = panel * PANEL;
    const int filter_panel = panel_rows / tap_rows * channels * PANEL;
    float *to = room;
    for (int s = 0; s < step_count; s++) {
        int tap = steps[s].y / tap_rows, o = steps[s].y - tap * tap_rows;
        for (int k = 0, count; k < steps[s].z; k += count, to += count * PANEL) {
            const int skip = o % WIDTH, column = (o - skip) % PANEL;
            count = min(min(WIDTH - skip, tap_rows - o), steps[s].z - k);
            global const float *from = weights + (ulong)(o / PANEL) * filter_panel +
                                       (ulong)(tap * channels + first) * PANEL + column;
            EACH_PANEL(p)
            {
                turn_columns(from + p * PANEL * PANEL, channels - first - p * PANEL, skip, count,
                             to + p * CHAIN * PANEL);
            }
            o += count;
            tap += o == tap_rows;
            o = o == tap_rows ? 0 : o;
        }
    }
    return room;
}

// Asks for part `part` of `parts` of the chain of weights that begins with `row`, for where weights
// meet so few rows that they come from the last cache or memory, and the processor does not foresee
// enough of them. In parts, since all would be more than it waits for at a time.
void ask_ahead(global const float *restrict weights, int row, int panel, int panel_rows,
               int tap_rows, int channels, int part, int parts)
{
    const int tap = row / tap_rows, first = (row - tap * tap_rows) / PANEL;
    const int filter_panel = panel_rows / tap_rows * channels * PANEL;
    const int squares = CHAIN / PANEL, end = first + squares * (part + 1) / parts;
    weights += (ulong)(tap * channels + panel * PANEL) * PANEL;
    for (int o = first + squares * part / parts; o < end; o++)
        ask_for_lines(weights + (ulong)o * filter_panel, PANELS * PANEL);
}
#else
#define WEIGHTS global const float *
// A panel that does not exist is computed as a copy of the one before.
#define PANEL_PITCH(panel, panel_rows, channels) \
    (((panel) + 1) * PANEL < (channels) ? (size_t)(panel_rows)*PANEL : 0)
#define ROW_OF(step, before) (step).y

WEIGHTS find_weights(float *room, global const float *restrict weights,
                     global const int4 *restrict steps, int step_count, int panel, int panel_rows,
                     int tap_rows, int channels)
{
    return weights + (ulong)panel * panel_rows * PANEL;
}

// The same for weights that lie as they are multiplied with.
void ask_ahead(global const float *restrict weights, int row, int panel, int panel_rows,
               int tap_rows, int channels, int part, int parts)
{
    const int first = CHAIN * part / parts, lines = CHAIN * (part + 1) / parts - first;
    EACH_PANEL(p)
    {
        ask_for_lines(weights + ((ulong)(panel + p) * panel_rows + row + first) * PANEL, lines);
    }
}
#endif

// Adds one chain to the sums of `rows` rows, or begins them.
#define MULTIPLY(name, rows)                                                             \
    void name(sums_of_row *sums, const int *source, global const float *restrict src,    \
              WEIGHTS restrict weights, size_t pitch, global const int4 *restrict steps, \
              int step_count, int channel_step, bool first)                              \
    {                                                                                    \
        sums_of_row sum[rows];                                                           \
        CLEAR(sum, rows)                                                                 \
        for (int s = 0, before = 0; s < step_count; s++) {                               \
            const int4 step = steps[s];                                                  \
            WEIGHTS w = weights + (size_t)ROW_OF(step, before) * PANEL;                  \
            global const float *first_row = src + step.x, *x[rows];                      \
            EACH_ROW(i, rows)                                                            \
            {                                                                            \
                x[i] = first_row + source[i];                                            \
            }                                                                            \
            ADD_PRODUCTS(sum, rows, x, channel_step, w, pitch, step.z)                   \
            before += step.z;                                                            \
        }                                                                                \
        if (!first)                                                                      \
            ADD_EARLIER(sum, rows, sums[i][p])                                           \
        EACH_ROW(i, rows)                                                                \
        {                                                                                \
            EACH_PANEL(p)                                                                \
            {                                                                            \
                sums[i][p] = sum[i][p];                                                  \
            }                                                                            \
        }                                                                                \
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
            sum += load_vector16(bias + channel);
        if (flags & ADDEND)
            sum += load_vector16(addend + at);
        if (flags & RELU_FLAG)
            sum = select(sum, (float16)0, sum < (float16)0); // NaN stays.
        store_vector(sum, dst + at);
        return;
    }
    float lanes[PANEL];
    store_vector(sum, lanes);
    for (int i = 0; i < channels - channel; i++) {
        float x = lanes[i];
        if (flags & BIAS)
            x += bias[channel + i];
        if (flags & ADDEND)
            x += addend[at + i];
        dst[at + i] = flags & RELU_FLAG && x < 0 ? 0 : x;
    }
}

// A step is (offset in src, row of weights, length, -) of some products; the first step of a chain
// counts the chain's steps in its fourth component.
kernel GROUP_SIZE void conv2d(PARAMETERS(int4), int tap_rows)
{
    const uint part_dimension = flags & PANELS_FIRST ? 1 : 0;
    const int part = (int)get_group_id(part_dimension);
    const int panel = (int)get_group_id(1 - part_dimension) * PANELS;
    const size_t pitch = PANEL_PITCH(panel, panel_rows, channels);
    src += src_at;
    weights += weights_at;
    bias += bias_at;
    addend += addend_at;
    dst += dst_at;
    sums_of_row sums[ROWS];
    int source[ROWS], target[ROWS];
    float16 room[TRANSPOSED ? CHAIN * PANELS : 1];
    for (int b = parts[part]; b < parts[part + 1]; b++) {
        const int8 block = blocks[b];
        const int rows = block.s3;
        find_rows(source, target, positions + block.s0, block.s1, block.s2, rows, order);
        for (int i = rows; i < ROWS; i++)
            source[i] = source[rows - 1]; // The last tile is computed whole.
        for (int i = 0; block.s5 == 0 && i < rows; i++)
            EACH_PANEL(p)
            {
                sums[i][p] = 0;
            }
        const int end = block.s4 + block.s5, tiles = (rows + TILE - 1) / TILE;
        for (int s = block.s4, count; s < end; s += count) {
            count = steps[s].w;
            WEIGHTS w = find_weights((float *)room, weights, steps + s, count, panel, panel_rows,
                                     tap_rows, channels);
            // The last chain is followed by the first of the next panels.
            const bool last = s + count == end;
            const int next_row = steps[last ? block.s4 : s + count].y;
            const int next_panel = last ? panel + PANELS : panel;
            int i = 0;
            for (; rows - i > TAIL; i += TILE) {
                if (flags & AHEAD)
                    ask_ahead(weights, next_row, next_panel, panel_rows, tap_rows, channels,
                              i / TILE, tiles);
                multiply_tile(sums + i, source + i, src, w, pitch, steps + s, count, channel_step,
                              s == block.s4);
            }
            if (i < rows)
                multiply_tail(sums + i, source + i, src, w, pitch, steps + s, count, channel_step,
                              s == block.s4);
        }
        for (int i = 0; i < rows; i++)
            EACH_PANEL(p)
            {
                finish(sums[i][p], target[i], (panel + p) * PANEL, channels, flags, bias, addend,
                       dst);
            }
    }
}

#else

// ---------------------------------------------------------------- with local memory

#define PITCH (GROUP_ROWS + 4) // Floats of a line of local memory; 4 more avoid bank conflicts.

#define SLICE_STEPS (SLICE / VECTOR)
#define COPIED_K (SLICE * COLUMNS / GROUP) // Rows of weights that an item copies.

// What an item copies of a slice of src: four products of some rows, as they lie in src, or of four
// rows side by side, as they lie in local memory; and which of these products, and of the rows of
// weights, is its first. Four products are a step, which is then that of the weights as well.
#if VECTOR == 4
#define STEP_ITEMS (GROUP / SLICE_STEPS) // Items that copy of the same step.
#define COPIED_ROWS (GROUP_ROWS / STEP_ITEMS)
#define COPIED_ROW(item, i) \
    ((item) % COLUMNS + (item) / (COLUMNS * SLICE_STEPS) * COLUMNS + (i)*STEP_ITEMS)
#define FIRST_PRODUCT(item) ((item) / COLUMNS % SLICE_STEPS * 4)
#define FIRST_WEIGHT(item) (FIRST_PRODUCT(item) + (item) / (COLUMNS * SLICE_STEPS) * COPIED_K)
#else
#define ROW_ITEMS (GROUP / (GROUP_ROWS / 4)) // Items that copy the same rows.
#define COPIED_ROWS 4
#define COPIED_ROW(item, i) ((item) / ROW_ITEMS * 4 + (i))
#define FIRST_PRODUCT(item) ((item) % ROW_ITEMS)
#define FIRST_WEIGHT(item) ((item) / COLUMNS * COPIED_K)
#endif

// Copies an item's part of a slice of src. `rows` are the offsets of its rows; `steps` begin with
// its own, of which there are `count` if the slice is not whole.
void copy_elements(local float *to, global const float *src, const int *rows,
                   global const int2 *steps, const bool whole, int count)
{
#if VECTOR == 4
    if (!whole && count <= 0)
        return;
    const int offset = steps->x;
#pragma unroll
    for (int i = 0; i < COPIED_ROWS; i++) {
        const float4 x = *(global const float4 *)PLACE(src, rows[i], offset);
        local float *at = to + i * STEP_ITEMS;
        at[0] = x.s0;
        at[PITCH] = x.s1;
        at[2 * PITCH] = x.s2;
        at[3 * PITCH] = x.s3;
    }
#else
#pragma unroll
    for (int k = 0; k < SLICE; k += ROW_ITEMS)
        if (whole || k < count) {
            const int offset = steps[k].x;
#pragma unroll
            for (int i = 0; i < 4; i++) // Compilers store them together.
                to[k * PITCH + i] = *PLACE(src, rows[i], offset);
        }
#endif
}

// Rows of weights that an item copies follow each other.
#define K_STEPS (VECTOR == 4 ? 1 : COPIED_K)

// As copy_elements, four filters of some rows of weights.
void copy_weights(local float4 *to, global const float *weights, global const int2 *steps,
                  const bool whole, int count)
{
#pragma unroll
    for (int i = 0; i < K_STEPS; i++)
        if (whole || i < count) {
            global const float *from = weights + (long)steps[i].y * PANEL;
#if VECTOR == 4
#pragma unroll
            for (int k = 0; k < COPIED_K; k++)
                to[k * COLUMNS] = *(global const float4 *)(from + k * PANEL);
#else
            to[i * COLUMNS] = vload4(0, from);
#endif
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
    dst[at + channel] = flags & RELU_FLAG && x < 0 ? 0 : x;
}

void finish_four(float4 x, int at, int channel, int channels, int flags, global const float *bias,
                 global const float *addend, global float *dst)
{
    finish(x.s0, at, channel, channels, flags, bias, addend, dst);
    finish(x.s1, at, channel + 1, channels, flags, bias, addend, dst);
    finish(x.s2, at, channel + 2, channels, flags, bias, addend, dst);
    finish(x.s3, at, channel + 3, channels, flags, bias, addend, dst);
}

// A step is (offset in src, row of weights) of VECTOR products.
kernel GROUP_SIZE void conv2d(PARAMETERS(int2))
{
    local float4 a[SLICE * PITCH / 4];   // Elements of src: [k][row].
    local float4 b[SLICE * FILTERS / 4]; // Weights: [k][filter].
    local int2 row_at[GROUP_ROWS];
    const uint item = (uint)get_local_id(0);
    const int share = (int)(item / (COLUMNS * LINES));
    const int line = (int)(item / COLUMNS % LINES), column = (int)(item % COLUMNS);
    const int filter = (int)get_group_id(1) * FILTERS + column * 4; // The item's first.
    // Panels beyond the last are computed as copies of it.
    const int panel = min(filter / PANEL, (channels - 1) / PANEL);
    // What this item multiplies, and what it copies.
    const int first = share * OWN_PRODUCTS;
    local const run *mine_a = (local const run *)a + first * (PITCH / RUN) + line;
    local const float4 *mine_b = b + first * COLUMNS + column;
    const int k = (int)FIRST_PRODUCT(item), own_k = (int)FIRST_WEIGHT(item);
    local float *own_a = (local float *)a + k * PITCH + COPIED_ROW(item, 0);
    local float4 *own_b = b + own_k * COLUMNS + column;
    // From the step of what it copies of src to that of the weights.
    const int to_weights = VECTOR == 4 ? 0 : own_k - k;
    src += src_at;
    weights += weights_at + (ulong)(panel * (ulong)panel_rows + own_k % VECTOR) * PANEL +
               (filter & (PANEL - 1));
    bias += bias_at;
    addend += addend_at;
    dst += dst_at;
    for (int n = parts[get_group_id(0)]; n < parts[get_group_id(0) + 1]; n++) {
        const int8 block = blocks[n];
        // So are rows.
        for (int i = (int)item; i < GROUP_ROWS; i += GROUP)
            row_at[i] =
                find_row(positions + block.s0, block.s1, block.s2 + min(i, block.s3 - 1), order);
        barrier(CLK_LOCAL_MEM_FENCE);
        int rows[COPIED_ROWS];
#pragma unroll
        for (int i = 0; i < COPIED_ROWS; i++)
            rows[i] = row_at[COPIED_ROW(item, i)].x;
        float4 total[TILE];
        clear(total);
        global const int2 *own_step = steps + (block.s4 + k / VECTOR);
        for (int left = block.s5; left > 0;) {
            float4 sum[TILE];
            clear(sum);
            const int rest = min(left, CHAIN / VECTOR) & (SLICE_STEPS - 1); // Of the last chain.
            for (int i = min(left, CHAIN / VECTOR) - rest; i > 0; i -= SLICE_STEPS) {
                barrier(CLK_LOCAL_MEM_FENCE);
                copy_elements(own_a, src, rows, own_step, true, 0);
                copy_weights(own_b, weights, own_step + to_weights, true, 0);
                barrier(CLK_LOCAL_MEM_FENCE);
                multiply_slice(sum, mine_a, PITCH / RUN, mine_b);
                own_step += SLICE_STEPS;
            }
            left -= CHAIN / VECTOR;
            if (rest) {
                barrier(CLK_LOCAL_MEM_FENCE);
                copy_elements(own_a, src, rows, own_step, false, rest * VECTOR - k);
                copy_weights(own_b, weights, own_step + to_weights, false, rest * VECTOR - own_k);
                barrier(CLK_LOCAL_MEM_FENCE);
                multiply_rest(sum, mine_a, PITCH / RUN, mine_b, first, rest * VECTOR);
            }
#pragma unroll
            for (int i = 0; i < TILE; i++)
                total[i] += sum[i];
        }
        join_shares(total, a, share);
#pragma unroll
        for (int i = 0; i < TILE; i++) {
            const int row = OWN_ROW(line, i);
            if (share == 0 && row < block.s3)
                finish_four(total[i], row_at[row].y, filter, channels, flags, bias, addend, dst);
        }
        barrier(CLK_LOCAL_MEM_FENCE);
    }
}

#endif
