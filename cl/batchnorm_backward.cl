// SPDX-License-Identifier: Apache-2.0
// Backward batch normalisation: one pass for the sums, one for the gradients. Where diff_residual =
// g is wanted, the first pass writes it and the second reads it, so that dst is read once.
#include "batchnorm_sums.h"

#define IMAGE_PARAMETERS                                                                      \
    global const float *src, ulong src_at, global const float *dst, ulong dst_at,             \
        global const float *diff_dst, ulong diff_dst_at, global float *diff_src,              \
        ulong diff_src_at, global float *diff_residual, ulong diff_residual_at, int channels, \
        int rows, int chunk_rows, int flags
#define IMAGES                                                                      \
    {                                                                               \
        src + src_at, dst + dst_at, diff_dst + diff_dst_at, diff_src + diff_src_at, \
            diff_residual + diff_residual_at, flags                                 \
    }

struct images {
    global const float *src, *dst, *diff_dst;
    global float *diff_src, *diff_residual;
    int flags;
};

// diff_dst, or 0 where the ReLU was.
INLINE vec load_gradient(struct images images, ulong at)
{
    vec g = LOAD(images.diff_dst + at);
    if (images.flags & FUSED_RELU)
        g = WHERE_POSITIVE(vec, LOAD(images.dst + at), g);
    return g;
}

// Adds g and g * (src - mean) of one row.
INLINE struct sums add_row(struct sums sums, struct images images, ulong at, vec mean)
{
    const vec g = load_gradient(images, at);
    if (images.flags & FUSED_RESIDUAL)
        STORE(g, images.diff_residual + at);
    sums.first += g;
    sums.second = fma(g, LOAD(images.src + at) - mean, sums.second);
    return sums;
}

INLINE void sum_set(struct images images, global const float *all_means, struct part part,
                    int channels, const int vectors, struct sums *result)
{
    vec mean[SET];
    struct sums sums[SET];
    clear_sums(sums, vectors);
#pragma unroll
    for (int v = 0; v < vectors; v++)
        mean[v] = LOAD(all_means + part.c + v * WIDTH);
    const ulong step = (ulong)ROWS * channels;
    while (part.row < part.end) {
        const int end = min(part.end, part.row + PIECE * ROWS);
        struct sums piece[SET];
        clear_sums(piece, vectors);
#pragma unroll 2
        for (; part.row < end; part.row += ROWS, part.at += step)
#pragma unroll
            for (int v = 0; v < vectors; v++)
                piece[v] = add_row(piece[v], images, part.at + v * WIDTH, mean[v]);
        add_piece(sums, piece, vectors);
    }
#pragma unroll
    for (int v = 0; v < vectors; v++)
        result[v] = sums[v];
}

// `mean` is that of all channels; `sums` has SPAN elements.
void sum_part(struct images images, global const float *mean, struct part part, int channels,
              struct sums *sums)
{
    EACH_SET(sum_set, part, channels, sums, images, mean)
}

// diff_src = slope_g * g + slope_x * (src - mean) + shift of each channel.
struct slopes {
    vec mean, g, x, shift;
};

INLINE void write_set(struct images images, struct part part, int channels, const int vectors,
                      const struct slopes *of)
{
    struct slopes slopes[SET];
#pragma unroll
    for (int v = 0; v < vectors; v++)
        slopes[v] = of[v];
    const ulong step = (ulong)ROWS * channels;
    for (; part.row < part.end; part.row += ROWS, part.at += step)
#pragma unroll
        for (int v = 0; v < vectors; v++) {
            const ulong at = part.at + v * WIDTH;
            const vec g = images.flags & FUSED_RESIDUAL ? LOAD(images.diff_residual + at)
                                                        : load_gradient(images, at);
            const vec x = LOAD(images.src + at) - slopes[v].mean;
            STORE(fma(slopes[v].g, g, fma(slopes[v].x, x, slopes[v].shift)), images.diff_src + at);
        }
}

// `slopes` has SPAN elements.
void write_part(struct images images, const struct slopes *slopes, struct part part, int channels)
{
    EACH_SET(write_set, part, channels, slopes, images)
}

#define CHANNEL_PARAMETERS                                                              \
    global const float *gamma, ulong gamma_at, global const float *saved_mean,          \
        ulong saved_mean_at, global const float *saved_inv_std, ulong saved_inv_std_at, \
        global float *diff_gamma, ulong diff_gamma_at, global float *diff_beta, ulong diff_beta_at
#define CHANNEL(c)                                                                    \
    {                                                                                 \
        gamma + gamma_at + (c), saved_mean + saved_mean_at + (c),                     \
            saved_inv_std + saved_inv_std_at + (c), diff_gamma + diff_gamma_at + (c), \
            diff_beta + diff_beta_at + (c)                                            \
    }

// From the channel of an item on.
struct channel {
    global const float *gamma, *saved_mean, *saved_inv_std;
    global float *diff_gamma, *diff_beta;
};

struct slopes finish(struct sums sums, int rows, bool writes, struct channel of)
{
    const vec inv_std = LOAD(of.saved_inv_std);
    const vec diff_gamma = sums.second * inv_std;
    if (writes) {
        STORE(diff_gamma, of.diff_gamma);
        STORE(sums.first, of.diff_beta);
    }
    struct slopes slopes;
    slopes.mean = LOAD(of.saved_mean);
    slopes.g = LOAD(of.gamma) * inv_std;
    slopes.x = -slopes.g * inv_std * (diff_gamma / (float)rows);
    slopes.shift = -slopes.g * (sums.first / (float)rows);
    return slopes;
}

// All of a tensor of one chunk.
GROUP kernel void batchnorm_backward(IMAGE_PARAMETERS, CHANNEL_PARAMETERS)
{
    COLUMN_SPACE;
    const struct part part = find_part(channels, 0, chunk_rows, rows);
    struct images images = IMAGES;
    struct sums sums[SPAN];
    struct slopes slopes[SPAN];
    sum_part(images, saved_mean + saved_mean_at, part, channels, sums);
    EACH_VECTOR(part, channels)
    {
        struct channel channel = CHANNEL(part.c + v * WIDTH);
        slopes[v] = finish(COLUMN_SUMS(sums[v]), rows, part.writes, channel);
    }
    write_part(images, slopes, part, channels);
}

GROUP kernel void backward_sum(IMAGE_PARAMETERS, global const float *mean, ulong mean_at,
                               global float *parts, ulong parts_at)
{
    COLUMN_SPACE;
    const int chunk = (int)get_group_id(1);
    const struct part part = find_part(channels, chunk, chunk_rows, rows);
    struct images images = IMAGES;
    struct sums sums[SPAN];
    sum_part(images, mean + mean_at, part, channels, sums);
    EACH_VECTOR(part, channels)
    store_part(COLUMN_SUMS(sums[v]), part, v, parts + parts_at, channels, chunk);
}

kernel void backward_join(JOIN_PARAMETERS)
{
    join_parts(parts + parts_at, joined + joined_at, channels, chunks);
}

GROUP kernel void backward_gradient(IMAGE_PARAMETERS, CHANNEL_PARAMETERS, global const float *parts,
                                    ulong parts_at, int chunks)
{
    const int chunk = (int)get_group_id(1);
    const struct part part = find_part(channels, chunk, chunk_rows, rows);
    struct images images = IMAGES;
    struct slopes slopes[SPAN];
    EACH_VECTOR(part, channels)
    {
        const int c = part.c + v * WIDTH;
        struct channel channel = CHANNEL(c);
        slopes[v] = finish(add_parts(parts + parts_at, c, channels, chunks), rows,
                           part.writes && chunk == 0, channel);
    }
    write_part(images, slopes, part, channels);
}
