// SPDX-License-Identifier: Apache-2.0
// Forward batch normalisation. The variance is taken from a sum of squares, which would lose all
// digits where the mean is large; the sums are therefore those of x - pivot, the pivot being the
// channel's value in the tensor's first row.
#include "batchnorm_sums.h"

// Two rows at a time make independent chains of sums.
struct sums sum_rows(global const float *src, vec pivot, struct part part, int channels)
{
    vec sum[2] = {(vec)0, (vec)0}, square[2] = {(vec)0, (vec)0};
    const ulong step = (ulong)ROWS * channels;
    src += part.at;
    for (; part.row + ROWS < part.end; part.row += 2 * ROWS, src += 2 * step) {
        const vec x = LOAD(src) - pivot, next = LOAD(src + step) - pivot;
        sum[0] += x;
        square[0] = fma(x, x, square[0]);
        sum[1] += next;
        square[1] = fma(next, next, square[1]);
    }
    if (part.row < part.end) {
        const vec x = LOAD(src) - pivot;
        sum[0] += x;
        square[0] = fma(x, x, square[0]);
    }
    struct sums sums = {sum[0] + sum[1], square[0] + square[1]};
    return sums;
}

// dst = (src - mean) * scale + shift of each channel.
struct affine {
    vec mean, scale, shift;
};

void normalise_rows(global const float *src, global const float *residual, global float *dst,
                    struct affine affine, struct part part, int channels, int flags)
{
    for (; part.row < part.end; part.row += ROWS, part.at += (ulong)ROWS * channels) {
        vec x = fma(LOAD(src + part.at) - affine.mean, affine.scale, affine.shift);
        if (flags & FUSED_RESIDUAL)
            x += LOAD(residual + part.at);
        if (flags & FUSED_RELU)
            x = RELU(vec, x);
        STORE(x, dst + part.at);
    }
}

// ---------------------------------------------------------------- training

#define STATISTICS_PARAMETERS                                                           \
    global const float *gamma, ulong gamma_at, global const float *beta, ulong beta_at, \
        global float *moving_mean, ulong moving_mean_at, global float *moving_variance, \
        ulong moving_variance_at, global float *saved_mean, ulong saved_mean_at,        \
        global float *saved_inv_std, ulong saved_inv_std_at, float keep, float take, float epsilon
#define STATISTICS_OF(c)                                                                  \
    {                                                                                     \
        gamma + gamma_at + (c), beta + beta_at + (c), moving_mean + moving_mean_at + (c), \
            moving_variance + moving_variance_at + (c), saved_mean + saved_mean_at + (c), \
            saved_inv_std + saved_inv_std_at + (c), keep, take, epsilon                   \
    }

// From the channel of an item on; the moving statistics keep `keep` of the old and take `take` of
// the new.
struct statistics {
    global const float *gamma, *beta;
    global float *moving_mean, *moving_variance, *saved_mean, *saved_inv_std;
    float keep, take, epsilon;
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
        STORE(of.keep * LOAD(of.moving_variance) + of.take * variance, of.moving_variance);
    }
    struct affine affine;
    affine.mean = mean;
    affine.scale = LOAD(of.gamma) * inv_std;
    affine.shift = LOAD(of.beta) - rounding * affine.scale;
    return affine;
}

// All of a tensor of one chunk.
GROUP kernel void batchnorm_train(global const float *src, ulong src_at,
                                  global const float *residual, ulong residual_at,
                                  global float *dst, ulong dst_at, STATISTICS_PARAMETERS,
                                  int channels, int rows, int flags)
{
    COLUMN_SPACE;
    const struct part part = find_part(channels, 0, rows, rows);
    src += src_at;
    const vec pivot = LOAD(src + part.c);
    const struct sums sums = COLUMN_SUMS(sum_rows(src, pivot, part, channels));
    struct statistics statistics = STATISTICS_OF(part.c);
    const struct affine affine = finish(sums, pivot, rows, part.writes, statistics);
    normalise_rows(src, residual + residual_at, dst + dst_at, affine, part, channels, flags);
}

GROUP kernel void batchnorm_sum(global const float *src, ulong src_at, global float *parts,
                                ulong parts_at, int channels, int rows, int chunk_rows)
{
    COLUMN_SPACE;
    const int chunk = (int)get_group_id(1);
    const struct part part = find_part(channels, chunk, chunk_rows, rows);
    src += src_at;
    const vec pivot = LOAD(src + part.c);
    const struct sums sums = COLUMN_SUMS(sum_rows(src, pivot, part, channels));
    store_part(sums, part, parts + parts_at, channels, chunk);
}

// `affine` is mean, scale and shift, `channels` of each.
kernel void batchnorm_finish(global const float *src, ulong src_at, global const float *parts,
                             ulong parts_at, global float *affine, ulong affine_at,
                             STATISTICS_PARAMETERS, int channels, int rows, int chunks)
{
    const int c = (int)get_global_id(0) * WIDTH;
    if (c >= channels)
        return;
    const struct sums sums = add_parts(parts + parts_at, c, channels, chunks);
    struct statistics statistics = STATISTICS_OF(c);
    const struct affine of = finish(sums, LOAD(src + src_at + c), rows, true, statistics);
    affine += affine_at + c;
    STORE(of.mean, affine);
    STORE(of.scale, affine + channels);
    STORE(of.shift, affine + 2 * channels);
}

GROUP kernel void batchnorm_normalise(global const float *src, ulong src_at,
                                      global const float *residual, ulong residual_at,
                                      global float *dst, ulong dst_at, global const float *affine,
                                      ulong affine_at, int channels, int rows, int chunk_rows,
                                      int flags)
{
    const struct part part = find_part(channels, (int)get_group_id(1), chunk_rows, rows);
    affine += affine_at + part.c;
    const struct affine of = {LOAD(affine), LOAD(affine + channels), LOAD(affine + 2 * channels)};
    normalise_rows(src + src_at, residual + residual_at, dst + dst_at, of, part, channels, flags);
}

// ---------------------------------------------------------------- inference

GROUP kernel void batchnorm_infer(global const float *src, ulong src_at,
                                  global const float *residual, ulong residual_at,
                                  global float *dst, ulong dst_at, global const float *gamma,
                                  ulong gamma_at, global const float *beta, ulong beta_at,
                                  global const float *mean, ulong mean_at,
                                  global const float *variance, ulong variance_at, float epsilon,
                                  int channels, int rows, int chunk_rows, int flags)
{
    const struct part part = find_part(channels, (int)get_group_id(1), chunk_rows, rows);
    struct affine affine;
    affine.mean = LOAD(mean + mean_at + part.c);
    affine.scale =
        LOAD(gamma + gamma_at + part.c) / sqrt(LOAD(variance + variance_at + part.c) + epsilon);
    affine.shift = LOAD(beta + beta_at + part.c);
    normalise_rows(src + src_at, residual + residual_at, dst + dst_at, affine, part, channels,
                   flags);
}
