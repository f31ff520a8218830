// SPDX-License-Identifier: Apache-2.0
// What the passes of a convolution share: the shape of their tiles, and where rows lie.
//
// Without local memory, for processors, a work-item is a group and has tiles of TILE rows x PANELS
// panels of sums in registers.
//
// With local memory, for graphics processors, a group computes a tile of GROUP_ROWS x FILTERS sums,
// an item TILE x 4 of them. Slices of both factors go through local memory:
//
//            a panel: 4 items x 4 filters
//           .-------.
//           0 1 2 3 4 5 6 7       item = (share * LINES + line) * COLUMNS + column
//     TILE  . . . . . . . .
//     rows  8 9 10 ..
//
// With SHARES 2 each sum has two items, and each of them has half of its products.
#ifndef CLEF_CONV2D_TILE_H
#define CLEF_CONV2D_TILE_H

#ifndef LOCAL
#define LOCAL 0 // 0 or 1: slices in local memory.
#endif
#ifndef TILE
#define TILE 6 // Rows of an item: 1 to 16; with local memory 4 or 8.
#endif
#ifndef PANELS
#define PANELS 1 // Of a group with local memory: 1, 2 or 4; of a tile without: 1 or 2.
#endif
#ifndef GROUP
#define GROUP 64 // Work-items of a group with local memory: 64 or 256.
#endif
// Items that share the products of a sum with local memory: 1 or 2.
#ifndef SHARES
#define SHARES 1
#endif
// Floats that an item copies at a time to local memory: 1, or 4 where these are side by side and
// aligned.
#ifndef VECTOR
#define VECTOR 1
#endif

// Items that an Intel device computes in step; 0 leaves it to the compiler, which takes so many
// that registers run out.
#ifndef SUBGROUP
#define SUBGROUP 0
#endif

#define PANEL 16 // Filters side by side in the layout of weights.

// Products summed in registers before the sum joins those of other chains, which keeps rounding
// errors small.
#define CHAIN 64

// Offsets in src and dst of the rows of a kind, in `positions`; those of its images follow from
// `order`: the number of images, whether positions are to come before images, and the distances of
// images in src and dst.
int2 find_row(global const int2 *positions, int position_count, int row, int4 order)
{
    const int inside = order.y ? position_count : order.x;
    const int outer = row / inside, inner = row - outer * inside;
    return positions[order.y ? inner : outer] + (order.y ? outer : inner) * order.zw;
}

#if LOCAL

#define COLUMNS (4 * PANELS)             // Items beside each other.
#define LINES (GROUP / SHARES / COLUMNS) // Items below each other.
#define GROUP_ROWS (LINES * TILE)        // Of a group's tile.
#define FILTERS (PANELS * PANEL)         // Of a group's tile.
#define OWN_PRODUCTS 16                  // Of a slice: those that an item adds.
#define SLICE (SHARES * OWN_PRODUCTS)    // Products between two exchanges through local memory.

// Rows of an item come in runs of neighbours, which it reads at a time, and runs of all lines
// follow each other. Two rows at a time are what instructions that multiply two pairs of numbers
// take without moving one of them first.
#if defined(__gfx90a__) || defined(__gfx942__)
#define RUN 2
typedef float2 run;
#else
#define RUN 4
typedef float4 run;
#endif
#define OWN_ROW(line, i) (((i) / RUN * LINES + (line)) * RUN + (i) % RUN)

// Where element i + j of a tensor lies, which has fewer than 2^30 of them. AMD's instructions add
// 32 bits to an address that all items share; those of others take an address of the item, and the
// compiler keeps base + i.
#ifdef __AMDGCN__
#define PLACE(base, i, j) \
    ((global const float *)((global const char *)(base) + ((uint)((i) + (j)) << 2)))
#else
#define PLACE(base, i, j) ((base) + (i) + (j))
#endif

#if SUBGROUP
#define GROUP_SIZE                                     \
    __attribute__((reqd_work_group_size(GROUP, 1, 1))) \
    __attribute__((intel_reqd_sub_group_size(SUBGROUP)))
#elif defined(__AMDGCN__) && __AMDGCN_WAVEFRONT_SIZE == 32
// Eight waves have 128 registers each, as many as an item needs. Without the request the compiler
// begins so many loads at a time that they take twice as many, or memory.
#define GROUP_SIZE \
    __attribute__((reqd_work_group_size(GROUP, 1, 1))) __attribute__((amdgpu_waves_per_eu(8)))
#else
#define GROUP_SIZE __attribute__((reqd_work_group_size(GROUP, 1, 1)))
#endif

void clear(float4 *sum)
{
#pragma unroll
    for (int i = 0; i < TILE; i++)
        sum[i] = 0;
}

// Adds the products of one k: sum(i, :) += a(i) * b(:).
void multiply(float4 *sum, local const run *a, local const float4 *b)
{
    const float4 factor = *b;
#pragma unroll
    for (int i = 0; i < TILE / RUN; i++) {
        const run x = a[i * LINES];
        sum[RUN * i] = fma((float4)x.s0, factor, sum[RUN * i]);
        sum[RUN * i + 1] = fma((float4)x.s1, factor, sum[RUN * i + 1]);
#if RUN == 4
        sum[RUN * i + 2] = fma((float4)x.s2, factor, sum[RUN * i + 2]);
        sum[RUN * i + 3] = fma((float4)x.s3, factor, sum[RUN * i + 3]);
#endif
    }
}

// Adds an item's products of a slice. `pitch` and COLUMNS are the lengths of the rows of a and b.
// Of a loop unrolled as a whole, Intel's compiler reads so much ahead that registers run out, the
// sooner the more rows an item has.
void multiply_slice(float4 *sum, local const run *a, const int pitch, local const float4 *b)
{
#if SUBGROUP && TILE > 4
#pragma unroll 2
#elif SUBGROUP
#pragma unroll 8
#else
#pragma unroll
#endif
    for (int k = 0; k < OWN_PRODUCTS; k++)
        multiply(sum, a + k * pitch, b + k * COLUMNS);
}

// The same for a slice of `count` products, of which the item's begin with the one numbered
// `first`. All items go round equally often: where they did not, PoCL 3.1 read beyond local memory.
void multiply_rest(float4 *sum, local const run *a, const int pitch, local const float4 *b,
                   int first, int count)
{
#pragma unroll 1
    for (int k = 0; k < min(count, OWN_PRODUCTS); k++)
        if (SHARES == 1 || first + k < count)
            multiply(sum, a + k * pitch, b + k * COLUMNS);
}

// Adds the second share of each sum to the first, through local memory that the group is done with.
void join_shares(float4 *sum, local float4 *space, int share)
{
#if SHARES > 1
    const uint mine = (uint)get_local_id(0) % (GROUP / SHARES);
    barrier(CLK_LOCAL_MEM_FENCE);
#pragma unroll
    for (int i = 0; i < TILE; i++)
        if (share > 0)
            space[i * (GROUP / SHARES) + mine] = sum[i];
    barrier(CLK_LOCAL_MEM_FENCE);
#pragma unroll
    for (int i = 0; i < TILE; i++)
        if (share == 0)
            sum[i] += space[i * (GROUP / SHARES) + mine];
#endif
}

#else
#include "access.h"

#define GROUP_SIZE __attribute__((reqd_work_group_size(1, 1, 1)))

// Rows of a smaller tile, for what whole tiles leave: 64 rows are ten tiles of 6 and one of 4. It
// still has enough sums to hide the latency of their additions. What serves both tiles is a macro
// that makes a function of each: of a function whose number of rows is a parameter, PoCL's compiler
// spills the addresses even where it is in line.
#define TAIL (TILE / 2 + 1)
#define EACH_ROW(i, rows) _Pragma("unroll") for (int i = 0; i < rows; i++)
#define EACH_PANEL(p) _Pragma("unroll") for (int p = 0; p < PANELS; p++)

// Sums of some rows.
typedef float16 sums_of_row[PANELS];

// Adds the products of an element of each row and a row of the panels of weights.
#define ADD_PRODUCT(sum, rows, element, factor)                          \
    EACH_ROW(i, rows)                                                    \
    {                                                                    \
        EACH_PANEL(p)                                                    \
        {                                                                \
            sum[i][p] = fma((float16)(element), (factor)[p], sum[i][p]); \
        }                                                                \
    }

// Adds `count` products to the sums of some rows: of elements `step` apart at x[row], and rows of
// panels of weights that are `pitch` floats apart.
#define ADD_PRODUCTS(sum, rows, x, step, weights, pitch, count)         \
    for (int k = 0; k < count; k++) {                                   \
        float16 factor[PANELS];                                         \
        EACH_PANEL(p)                                                   \
        {                                                               \
            factor[p] = load_vector16(weights + p * pitch + k * PANEL); \
        }                                                               \
        ADD_PRODUCT(sum, rows, x[i][k * step], factor)                  \
    }

// Begins the sums of some rows.
#define CLEAR(sum, rows)   \
    EACH_ROW(i, rows)      \
    {                      \
        EACH_PANEL(p)      \
        {                  \
            sum[i][p] = 0; \
        }                  \
    }

// Adds what earlier chains have summed, an expression of i and p.
#define ADD_EARLIER(sum, rows, earlier) \
    EACH_ROW(i, rows)                   \
    {                                   \
        EACH_PANEL(p)                   \
        {                               \
            sum[i][p] += earlier;       \
        }                               \
    }

// As find_row, for `count` rows from `row` on. Images of one position are evenly apart, which saves
// the look-up of each.
void find_rows(int *source, int *target, global const int2 *restrict positions, int position_count,
               int row, int count, int4 order)
{
    const int inside = order.y ? position_count : order.x;
    int outer = row / inside, inner = row - outer * inside;
    for (int first = 0, length; first < count; first += length) {
        length = min(inside - inner, count - first);
        if (order.y) {
            for (int i = 0; i < length; i++) {
                const int2 at = positions[inner + i] + outer * order.zw;
                source[first + i] = at.x;
                target[first + i] = at.y;
            }
        } else {
            const int2 at = positions[outer] + inner * order.zw;
            for (int i = 0; i < length; i++) {
                source[first + i] = at.x + i * order.z;
                target[first + i] = at.y + i * order.w;
            }
        }
        inner = 0;
        outer++;
    }
}
#endif
#endif
