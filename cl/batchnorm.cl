// SPDX-License-Identifier: Apache-2.0
// Forward batch normalisation. The variance is taken from a sum of squares, which would lose all
// digits where the mean is large; the sums are therefore those of x - pivot, the pivot being the
// channel's value in the tensor's first row.
#include "batchnorm_sums.h"

INLINE void sum_set(global const float *src, struct part part, int channels, const int vectors,
                    struct sums *result)
{
    vec pivot[SET];
    struct sums sums[SET];
    clear_sums(sums, vectors);
#pragma unroll
    for (int v = 0; v < vectors; v++)
        pivot[v] = LOAD(src + part.c + v * WIDTH);
    const ulong step = (ulong)ROWS * channels;
    while (part.row < part.end) {
        const int end = min(part.end, part.row + PIECE * ROWS);
        struct sums piece[SET];
        clear_sums(piece, vectors);
#pragma unroll 2
        for (; part.row < end; part.row += ROWS, part.at += step)
#pragma unroll
            for (int v = 0; v < vectors; v++) {
                const vec x = LOAD(src + part.at + v * WIDTH) - pivot[v];
                piece[v].first += x;
                piece[v].second = fma(x, x, piece[v].second);
            }
        add_piece(sums, piece, vectors);
    }
#pragma unroll
    for (int v = 0; v < vectors; v++)
        result[v] = sums[v];
}

// `sums` has SPAN elements.
void sum_part(global const float *src, struct part part, int channels, struct sums *sums)
{
    EACH_SET(sum_set, part, channels, sums, src)
}

// dst = (src - mean) * scale + shift of each channel.
struct affine {
    vec mean, scale, shift;
};

// The tensors that the last pass reads and writes.
struct images {
    global const float *src, *residual;
    global float *dst;
    int flags;
};

INLINE void normalise_set(struct images images, struct part part, int channels, const int vectors,
                          const struct affine *of)
{
    struct affine affine[SET];
#pragma unroll
    for (int v = 0; v < vectors; v++)
        affine[v] = of[v];
    const ulong step = (ulong)ROWS * channels;
    for (; part.row < part.end; part.row += ROWS, part.at += step)
#pragma unroll
        for (int v = 0; v < vectors; v++) {
            const ulong at = part.at + v * WIDTH;
            vec x = fma(LOAD(images.src + at) - affine[v].mean, affine[v].scale, affine[v].shift);
            if (images.flags & FUSED_RESIDUAL)
                x += LOAD(images.residual + at);
            if (images.flags & FUSED_RELU)
                x = RELU(vec, x);
            STORE(x, images.dst + at);
        }
}

// `affine` has SPAN elements.
void normalise_part(struct images images, const struct affine *affine, struct part part,
                    int channels)
{
    EACH_SET(normalise_set, part, channels, affine, images)
}

#define IMAGE_PARAMETERS                                                                    \
    global const float *src, ulong src_at, global const float *residual, ulong residual_at, \
        global float *dst, ulong dst_at, int channels, int rows, int chunk_rows, int flags
#define IMAGES                                                    \
    {                                                             \
        src + src_at, residual + residual_at, dst + dst_at, flags \
    }

// ---------------------------------------------------------------- training

#define STATISTICS_PARAMETERS                                                           \
    global const float *gamma, ulong gamma_at, global const float *beta, ulong beta_at, \
        global float *moving_mean, ulong moving_mean_at, global float *moving_variance, \
        ulong moving_variance_at, global float *saved_mean, ulong saved_mean_at,        \
        global float *saved_inv_std, ulong saved_inv_std_at, float keep, float take,    \
        float take_variance, float epsilon
#define STATISTICS_OF(c)                                                                  \
    {                                                                                     \
        gamma + gamma_at + (c), beta + beta_at + (c), moving_mean + moving_mean_at + (c), \
            moving_variance + moving_variance_at + (c), saved_mean + saved_mean_at + (c), \
            saved_inv_std + saved_inv_std_at + (c), keep, take, take_variance, epsilon    \
    }

// From the channel of an item on; the moving statistics keep `keep` of the old and take `take` of
// the new mean, `take_variance` of the new variance.
struct statistics {
    global const float *gamma, *beta;
    global float *moving_mean, *moving_variance, *saved_mean, *saved_inv_std;
    float keep, take, take_variance, epsilon;
};

struct affine finish(struct sums sums, vec pivot, int rows, bool writes, struct statistics of)
{
    const vec distance = sums.first / (float)rows; // Of the mean from the pivot.
    const vec mean = pivot + distance;
    const vec moved = mean - pivot;
    const vec rounding = (pivot - (mean - moved)) + (distance - moved); // Taken from the mean.
    vec variance = fma(-distance, distance, sums.second / (float)rows);
    variance = RELU(vec, variance); // Below 0 by rounding, where all values are alike.
    // The difference is zero but for an infinite variance, which must not pass for a finite result.
    const vec inv_std = 1.0f / sqrt(variance + of.epsilon) + (variance - variance);
    if (writes) {
        STORE(mean, of.saved_mean);
        STORE(inv_std, of.saved_inv_std);
        STORE(of.keep * LOAD(of.moving_mean) + of.take * mean, of.moving_mean);
        STORE(of.keep * LOAD(of.moving_variance) + of.take_variance * variance, of.moving_variance);
    }
    struct affine affine;
    affine.mean = mean;
    affine.scale = LOAD(of.gamma) * inv_std;
    affine.shift = LOAD(of.beta) - rounding * affine.scale;
    return affine;
}

// All of a tensor of one chunk.
GROUP kernel void batchnorm_train(IMAGE_PARAMETERS, STATISTICS_PARAMETERS)
{
    COLUMN_SPACE;
    const struct part part = find_part(channels, 0, chunk_rows, rows);
    struct images images = IMAGES;
    struct sums sums[SPAN];
    struct affine affine[SPAN];
    sum_part(images.src, part, channels, sums);
    EACH_VECTOR(part, channels)
    {
        struct statistics statistics = STATISTICS_OF(part.c + v * WIDTH);
        affine[v] = finish(COLUMN_SUMS(sums[v]), LOAD(images.src + part.c + v * WIDTH), rows,
                           part.writes, statistics);
    }
    normalise_part(images, affine, part, channels);
}

GROUP kernel void batchnorm_sum(global const float *src, ulong src_at, global float *parts,
                                ulong parts_at, int channels, int rows, int chunk_rows)
{
    COLUMN_SPACE;
    const int chunk = (int)get_group_id(1);
    const struct part part = find_part(channels, chunk, chunk_rows, rows);
    struct sums sums[SPAN];
    sum_part(src + src_at, part, channels, sums);
    EACH_VECTOR(part, channels)
    store_part(COLUMN_SUMS(sums[v]), part, v, parts + parts_at, channels, chunk);
}

kernel void batchnorm_join(JOIN_PARAMETERS)
{
    join_parts(parts + parts_at, joined + joined_at, channels, chunks);
}

GROUP kernel void batchnorm_normalise(IMAGE_PARAMETERS, STATISTICS_PARAMETERS,
                                      global const float *parts, ulong parts_at, int chunks)
{
    const int chunk = (int)get_group_id(1);
    const struct part part = find_part(channels, chunk, chunk_rows, rows);
    struct images images = IMAGES;
    struct affine affine[SPAN];
    EACH_VECTOR(part, channels)
    {
        const int c = part.c + v * WIDTH;
        struct statistics statistics = STATISTICS_OF(c);
        affine[v] = finish(add_parts(parts + parts_at, c, channels, chunks), LOAD(images.src + c),
                           rows, part.writes && chunk == 0, statistics);
    }
    normalise_part(images, affine, part, channels);
}

// ---------------------------------------------------------------- inference

GROUP kernel void batchnorm_infer(IMAGE_PARAMETERS, global const float *gamma, ulong gamma_at,
                                  global const float *beta, ulong beta_at, global const float *mean,
                                  ulong mean_at, global const float *variance, ulong variance_at,
                                  float epsilon)
{
    const struct part part = find_part(channels, (int)get_group_id(1), chunk_rows, rows);
    struct images images = IMAGES;
    struct affine affine[SPAN];
    EACH_VECTOR(part, channels)
    {
        const int c = part.c + v * WIDTH;
        affine[v].mean = LOAD(mean + mean_at + c);
        affine[v].scale =
            LOAD(gamma + gamma_at + c) / sqrt(LOAD(variance + variance_at + c) + epsilon);
        affine[v].shift = LOAD(beta + beta_at + c);
    }
    normalise_part(images, affine, part, channels);
}
