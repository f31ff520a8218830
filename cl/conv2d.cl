// SPDX-License-Identifier: Apache-2.0
// Convolution forward and backward_data:
//
//     dst(row, o) = act(sum over k of src(row, k) * weights(k, o) [+ bias(o)] [+ addend(row, o)])
//
// A kind is a set of rows whose sums run over the same k; a block is some rows of a kind. Steps say
// where the elements of k are, counted from a row's window in src, and which rows of weights they
// meet. Weights are in panels of 16 filters: row k of panel p is weights[(p * panel_rows + k) * 16].
// Chains of 64 products are summed in registers before the sum joins those of the other chains,
// which keeps rounding errors small.
//
// Without local memory, for processors: one work-item computes blocks of ROWS x 16 sums, chain by
// chain, so that the weights of a chain stay in the first-level cache for all rows of the block; a
// tile of TILE x 16 is in registers at a time.
//
// With local memory, for graphics processors: a group computes tiles of rows x filters, an item
// TILE x 4 of them:
//
//            a panel: 4 items x 4 filters
//           .-------.
//           0 1 2 3 4 5 6 7       item = line * COLUMNS + column
//     TILE  . . . . . . . .
//     rows  8 9 10 ..
#ifndef LOCAL
#define LOCAL 0 // 0 or 1: tiles in local memory.
#endif
#ifndef TILE
#define TILE 6 // Rows of an item in registers: 1 to 16; with local memory 4 or 8.
#endif
#ifndef ROWS
#define ROWS 66 // Rows of a block without local memory: a multiple of TILE.
#endif
#ifndef PANELS
#define PANELS 1 // Of a group with local memory: 1, 2 or 4.
#endif
#ifndef GROUP
#define GROUP 1 // Work-items of a group with local memory: a multiple of 4 * PANELS.
#endif

#define PANEL 16
#define CHAIN 64

// Bits of `flags`.
#define BIAS 1
#define ADDEND 2
#define RELU 4

#if LOCAL
#define LANES 4
typedef float4 vec;
#define LOAD(p) vload4(0, p)
#define STORE(v, p) vstore4(v, 0, p)
#else
#define LANES 16
typedef float16 vec;
#define LOAD(p) vload16(0, p)
#define STORE(v, p) vstore16(v, 0, p)
#endif

// Writes the sums of LANES filters from `channel` on to the row at `at`.
void finish(vec sum, int at, int channel, int channels, int flags, global const float *bias,
            global const float *addend, global float *dst)
{
    at += channel;
    if (channels - channel >= LANES) {
        if (flags & BIAS)
            sum += LOAD(bias + channel);
        if (flags & ADDEND)
            sum += LOAD(addend + at);
        if (flags & RELU)
            sum = select(sum, (vec)0, sum <= (vec)0); // NaN stays.
        STORE(sum, dst + at);
        return;
    }
    float lanes[LANES];
    STORE(sum, lanes);
    for (int i = 0; i < channels - channel; i++) {
        float x = lanes[i];
        if (flags & BIAS)
            x += bias[channel + i];
        if (flags & ADDEND)
            x += addend[at + i];
        dst[at + i] = flags & RELU && x <= 0 ? 0 : x;
    }
}

#if !LOCAL

// Offsets in src and dst of `count` rows of a block from `row` of its kind on. `order` is the
// number of images, whether positions come before images, and the distances of images.
void find_rows(int *source, int *target, global const int2 *positions, int position_count, int row,
               int count, int4 order)
{
    const int inside = order.y ? position_count : order.x;
    int outer = row / inside, inner = row - outer * inside;
    for (int i = 0; i < count; i++) {
        const int2 at = positions[order.y ? inner : outer] + (order.y ? outer : inner) * order.zw;
        source[i] = at.x;
        target[i] = at.y;
        if (++inner == inside) {
            inner = 0;
            outer++;
        }
    }
}

// Adds one chain to the sums of TILE rows, or begins them. A step is (offset in src, row of
// weights, length).
void multiply_tile(float16 *sums, const int *source, global const float *restrict src,
                   global const float *restrict weights, global const int4 *restrict steps,
                   int step_count, int channel_step, bool first)
{
    float16 sum[TILE];
#pragma unroll
    for (int i = 0; i < TILE; i++)
        sum[i] = 0;
    for (int s = 0; s < step_count; s++) {
        const int4 step = steps[s];
        global const float *w = weights + (size_t)step.y * PANEL;
        global const float *x[TILE];
#pragma unroll
        for (int i = 0; i < TILE; i++)
            x[i] = src + (source[i] + step.x);
        for (int k = 0; k < step.z; k++) {
            const float16 factor = vload16(k, w);
#pragma unroll
            for (int i = 0; i < TILE; i++)
                sum[i] = fma((float16)x[i][k * channel_step], factor, sum[i]);
        }
    }
#pragma unroll
    for (int i = 0; i < TILE; i++)
        sums[i] = first ? sum[i] : sums[i] + sum[i];
}

// Group (part, panel) computes the blocks parts[part] .. parts[part + 1]. A block is (first
// position, positions, first row, rows, first step, steps); the first step of a chain counts the
// chain's steps in its fourth component.
kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
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
            for (int i = 0; i < rows; i += TILE)
                multiply_tile(sums + i, source + i, src, weights, steps + s, count, channel_step,
                              s == block.s4);
        }
        for (int i = 0; i < rows; i++)
            finish(sums[i], target[i], panel * PANEL, channels, flags, bias, addend, dst);
    }
}

#else

#define COLUMNS (4 * PANELS)      // Items beside each other.
#define LINES (GROUP / COLUMNS)   // Items below each other.
#define GROUP_ROWS (LINES * TILE) // Rows of a group's tile.
#define FILTERS (PANELS * PANEL)  // Filters of a group's tile.
#define SLICE 16                  // Products between two exchanges through local memory.
#define PITCH (GROUP_ROWS + 4)    // Floats of a line of local memory; 4 more avoid bank conflicts.

// Offsets in src and dst of one row of a kind. `order` as above: the number of images, whether
// positions come before images, and the distances of images.
int2 find_row(global const int2 *positions, int position_count, int row, int4 order)
{
    const int inside = order.y ? position_count : order.x;
    const int outer = row / inside, inner = row - outer * inside;
    return positions[order.y ? inner : outer] + (order.y ? outer : inner) * order.zw;
}

// As above, but that a step is a single product: (offset in src, row of weights).
kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void
conv2d(global const float *restrict src, ulong src_at, global const float *restrict weights,
       ulong weights_at, global const float *bias, ulong bias_at, global const float *addend,
       ulong addend_at, global float *dst, ulong dst_at, global const int8 *restrict blocks,
       global const int *restrict parts, global const int2 *restrict positions,
       global const int2 *restrict steps, int4 order, int panel_rows, int channel_step,
       int channels, int flags)
{
    local float4 a[SLICE][PITCH / 4];   // Elements of src: [k][row].
    local float4 b[SLICE][FILTERS / 4]; // Weights: [k][filter].
    local int2 row_at[GROUP_ROWS];
    const int item = (int)get_local_id(0), line = item / COLUMNS, column = item - line * COLUMNS;
    const int first_panel = (int)get_group_id(1) * PANELS;
    const int panels = (channels + PANEL - 1) / PANEL;
    src += src_at;
    weights += weights_at;
    bias += bias_at;
    addend += addend_at;
    dst += dst_at;
    for (int n = parts[get_group_id(0)]; n < parts[get_group_id(0) + 1]; n++) {
        const int8 block = blocks[n];
        // Rows beyond the last are computed as copies of it.
        for (int i = item; i < GROUP_ROWS; i += GROUP)
            row_at[i] = find_row(positions + block.s0, block.s1,
                                 block.s2 + min(i, block.s3 - 1), order);
        float4 total[TILE], sum[TILE];
#pragma unroll
        for (int i = 0; i < TILE; i++)
            total[i] = sum[i] = 0;
        for (int first = 0; first < block.s5; first += SLICE) {
            barrier(CLK_LOCAL_MEM_FENCE);
            for (int i = item; i < SLICE * GROUP_ROWS; i += GROUP) {
                const int row = i / SLICE, k = i - row * SLICE;
                float x = 0;
                if (first + k < block.s5)
                    x = src[row_at[row].x + steps[block.s4 + first + k].x];
                ((local float *)a[k])[row] = x;
            }
            for (int i = item; i < SLICE * FILTERS; i += GROUP) {
                const int k = i / FILTERS, filter = i - k * FILTERS, lane = filter % PANEL;
                const int panel = first_panel + filter / PANEL;
                float x = 0;
                if (first + k < block.s5 && panel < panels)
                    x = weights[((size_t)panel * panel_rows + steps[block.s4 + first + k].y) *
                                    PANEL +
                                lane];
                ((local float *)b[k])[filter] = x;
            }
            barrier(CLK_LOCAL_MEM_FENCE);
#pragma unroll
            for (int k = 0; k < SLICE; k++) {
                const float4 factor = b[k][column];
#pragma unroll
                for (int i = 0; i < TILE / 4; i++) {
                    const float4 x = a[k][line * (TILE / 4) + i];
                    sum[4 * i] = fma((float4)x.s0, factor, sum[4 * i]);
                    sum[4 * i + 1] = fma((float4)x.s1, factor, sum[4 * i + 1]);
                    sum[4 * i + 2] = fma((float4)x.s2, factor, sum[4 * i + 2]);
                    sum[4 * i + 3] = fma((float4)x.s3, factor, sum[4 * i + 3]);
                }
            }
            if ((first + SLICE) % CHAIN == 0 || first + SLICE >= block.s5) {
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
            const int row = line * TILE + i, channel = first_panel * PANEL + column * LANES;
            if (row < block.s3 && channel < channels)
                finish(total[i], row_at[row].y, channel, channels, flags, bias, addend, dst);
        }
        barrier(CLK_LOCAL_MEM_FENCE);
    }
}

#endif

// Panels of filters to panels of channels, for backward_data: row (tap, o) of panel p of the result
// has the weights of channels 16 * p .. 16 * p + 15. One item for each row of each listed tap.
kernel void conv2d_transpose(global const float *restrict weights, ulong weights_at,
                             global float *restrict transposed, ulong transposed_at,
                             global const int *restrict taps, int kernel_taps, int in, int out)
{
    const int o = (int)get_global_id(0), tap = taps[get_global_id(1)];
    const int panel = (int)get_global_id(2), filter_panel = o / PANEL;
    if (o >= out)
        return;
    const int first = panel * PANEL;
    weights += weights_at + ((ulong)(filter_panel * kernel_taps + tap) * in + first) * PANEL + o -
               filter_panel * PANEL;
    float row[PANEL];
    for (int i = 0; i < PANEL; i++)
        row[i] = first + i < in ? weights[i * PANEL] : 0;
    transposed += transposed_at + ((ulong)(panel * kernel_taps + tap) * out + o) * PANEL;
    vstore16(vload16(0, row), 0, transposed);
}
