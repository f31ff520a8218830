// SPDX-License-Identifier: Apache-2.0
// What the passes of batch normalisation share: how a matrix of rows x channels is laid over
// work-items, and sums over its rows in a fixed order.
//
// A work-item has SPAN vectors of WIDTH channels, a group LANES * SPAN of them and ROWS rows at a
// time: the item at (x, y) takes rows y, y + ROWS, ... of a chunk of rows. A tensor of one chunk
// needs one launch. Otherwise two sums of each chunk go to `parts`, which the items of the next
// pass add in the order of the chunks, or a launch between them where that would take each of them
// long:
//
//     parts[2 * chunk * channels + c]  and  parts[(2 * chunk + 1) * channels + c]
#include "vector.h"

// Powers of two. A processor has 1 and 1: an item is a group, and nothing needs local memory.
#ifndef LANES
#define LANES 32
#endif
#ifndef ROWS
#define ROWS 8
#endif
// A power of two, and 1 where ROWS is not. Of its vectors an item takes all rows of SET, whose sums
// are in registers, then all of the next.
#ifndef SPAN
#define SPAN 1
#endif
#define SET (SPAN < 4 ? SPAN : 4)
// Rows of an item whose sum joins that of its others: one chain of all rows would round more.
#define PIECE 16
#define INLINE __attribute__((always_inline))
#define GROUP __attribute__((reqd_work_group_size(LANES, ROWS, 1)))

// Bits of the argument `flags`.
#define FUSED_RELU 1
#define FUSED_RESIDUAL 2

// An item's part of a chunk, or a set of its vectors. Beyond the last channel an item goes along
// without rows, for the sake of the barriers.
struct part {
    int c;        // Its first channel.
    int row, end; // Its first row and the end of the chunk's, within the chunk.
    ulong at;     // Of its first element, from the start of the tensor.
    bool writes;  // Whether what there is one of for each channel is this item's to write.
};

struct part find_part(int channels, int chunk, int chunk_rows, int all_rows)
{
    const int c = (int)get_global_id(0) * SPAN * WIDTH;
    const bool inside = c < channels;
    struct part part;
    part.c = inside ? c : 0;
    part.row = (int)get_local_id(1);
    part.end = inside ? min(all_rows - chunk * chunk_rows, chunk_rows) : 0;
    part.at = ((ulong)chunk * chunk_rows + part.row) * channels + part.c;
    part.writes = inside && part.row == 0;
    return part;
}

// Loops over the vectors v of a part.
#define EACH_VECTOR(part, channels) \
    for (int v = 0; v < SPAN && (part).c + v * WIDTH < (channels); v++)

INLINE struct part from_vector(struct part part, int v)
{
    part.c += v * WIDTH;
    part.at += v * WIDTH;
    return part;
}

// Calls function(..., a part of fewer vectors, their number, which it knows beforehand, and element
// `v` of values) for all of a part: sets, and what a set is too large for one by one. A single
// vector needs no loop, in which PoCL 3.1 mistakes the values of a group's items for each other.
#if SPAN == 1
#define EACH_SET(function, part, channels, values, ...) \
    function(__VA_ARGS__, part, channels, 1, values);
#else
#define EACH_SET(function, part, channels, values, ...)                               \
    for (int v = 0; v < SPAN && (part).c + v * WIDTH < (channels);)                   \
        if ((part).c + (v + SET) * WIDTH <= (channels)) {                             \
            function(__VA_ARGS__, from_vector(part, v), channels, SET, (values) + v); \
            v += SET;                                                                 \
        } else {                                                                      \
            function(__VA_ARGS__, from_vector(part, v), channels, 1, (values) + v);   \
            v++;                                                                      \
        }
#endif

struct sums {
    vec first, second;
};

INLINE void clear_sums(struct sums *sums, const int vectors)
{
#pragma unroll
    for (int v = 0; v < vectors; v++)
        sums[v].first = sums[v].second = (vec)0;
}

INLINE void add_piece(struct sums *sums, const struct sums *piece, const int vectors)
{
#pragma unroll
    for (int v = 0; v < vectors; v++) {
        sums[v].first += piece[v].first;
        sums[v].second += piece[v].second;
    }
}

// The sums over the items of a column, at each of them.
#if ROWS > 1
#define COLUMN_SPACE local vec space[LANES * ROWS]
#define COLUMN_SUMS(mine) column_sums(space, mine)

vec column_sum(local vec *space, vec mine)
{
    const int x = (int)get_local_id(0), y = (int)get_local_id(1);
    space[y * LANES + x] = mine;
    for (int other = ROWS / 2; other > 0; other /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (y < other)
            space[y * LANES + x] += space[(y + other) * LANES + x];
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    const vec sum = space[x];
    barrier(CLK_LOCAL_MEM_FENCE);
    return sum;
}

struct sums column_sums(local vec *space, struct sums mine)
{
    struct sums sums;
    sums.first = column_sum(space, mine.first);
    sums.second = column_sum(space, mine.second);
    return sums;
}
#else
#define COLUMN_SPACE
#define COLUMN_SUMS(mine) (mine)
#endif

// Stores the sums of one vector.
INLINE void store_part(struct sums sums, struct part part, int v, global float *parts, int channels,
                       int chunk)
{
    parts += 2 * (ulong)chunk * channels + part.c + v * WIDTH;
    if (part.writes) {
        STORE(sums.first, parts);
        STORE(sums.second, parts + channels);
    }
}

// A sum, and what rounding has taken from it.
struct pair {
    vec sum, rest;
};

// Knuth's two-sum, in which only the addition to `rest` rounds. It stands in for double precision,
// which not every device has.
INLINE struct pair pair_add(struct pair pair, vec x)
{
    const vec sum = pair.sum + x;
    const vec taken = sum - pair.sum;
    pair.rest += (pair.sum - (sum - taken)) + (x - taken);
    pair.sum = sum;
    return pair;
}

struct sums add_parts(global const float *parts, int c, int channels, int chunks)
{
    struct pair first = {(vec)0, (vec)0}, second = {(vec)0, (vec)0};
    for (int chunk = 0; chunk < chunks; chunk++) {
        const ulong at = 2 * (ulong)chunk * channels + c;
        first = pair_add(first, LOAD(parts + at));
        second = pair_add(second, LOAD(parts + at + channels));
    }
    struct sums sums = {first.sum + first.rest, second.sum + second.rest};
    return sums;
}

// The sums of all chunks become those of a single one.
#define JOIN_PARAMETERS                                                               \
    global const float *parts, ulong parts_at, global float *joined, ulong joined_at, \
        int channels, int chunks
INLINE void join_parts(global const float *parts, global float *joined, int channels, int chunks)
{
    const int c = (int)get_global_id(0) * WIDTH;
    if (c >= channels)
        return;
    const struct sums sums = add_parts(parts, c, channels, chunks);
    STORE(sums.first, joined + c);
    STORE(sums.second, joined + channels + c);
}
