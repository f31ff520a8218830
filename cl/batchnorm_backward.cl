// SPDX-License-Identifier: Apache-2.0
// Backward batch normalisation: one pass for the sums, one for the gradients. Where diff_residual =
// g is wanted, the first pass writes it and the second reads it, so that dst is read once.
#include "batchnorm_sums.h"

#define IMAGE_PARAMETERS                                                              \
    global const float *src, ulong src_at, global const float *dst, ulong dst_at,     \
        global const float *diff_dst, ulong diff_dst_at, global float *diff_residual, \
        ulong diff_residual_at, int channels, int rows, int chunk_rows, int flags
#define IMAGES                                                                                \
    {                                                                                         \
        src + src_at, dst + dst_at, diff_dst + diff_dst_at, diff_residual + diff_residual_at, \
            flags                                                                             \
    }

struct images {
    global const float *src, *dst, *diff_dst;
    global float *diff_residual;
    int flags;
};

// diff_dst, or 0 where the ReLU was.
vec load_gradient(struct images images, ulong at)
{
    vec g = LOAD(images.diff_dst + at);
    if (images.flags & FUSED_RELU)
        g = WHERE_POSITIVE(vec, LOAD(images.dst + at), g);
    return g;
}

// Adds g and g * (src - mean) of one row.
void sum_row(struct images images, ulong at, vec mean, vec *sum, vec *product)
{
    const vec g = load_gradient(images, at);
    if (images.flags & FUSED_RESIDUAL)
        STORE(g, images.diff_residual + at);
    *sum += g;
    *product = fma(g, LOAD(images.src + at) - mean, *product);
}

// Two rows at a time make independent chains of sums.
struct sums sum_rows(struct images images, vec mean, struct part part, int channels)
{
    vec sum[2] = {(vec)0, (vec)0}, product[2] = {(vec)0, (vec)0};
    const ulong step = (ulong)ROWS * channels;
    for (; part.row + ROWS < part.end; part.row += 2 * ROWS, part.at += 2 * step) {
        sum_row(images, part.at, mean, &sum[0], &product[0]);
        sum_row(images, part.at + step, mean, &sum[1], &product[1]);
    }
    if (part.row < part.end)
        sum_row(images, part.at, mean, &sum[0], &product[0]);
    struct sums sums = {sum[0] + sum[1], product[0] + product[1]};
    return sums;
}

// diff_src = slope_g * g + slope_x * (src - mean) + shift of each channel.
struct slopes {
    vec mean, g, x, shift;
};

void write_rows(struct images images, global float *diff_src, struct slopes slopes,
                struct part part, int channels)
{
    for (; part.row < part.end; part.row += ROWS, part.at += (ulong)ROWS * channels) {
        const vec g = images.flags & FUSED_RESIDUAL ? LOAD(images.diff_residual + part.at)
                                                    : load_gradient(images, part.at);
        const vec x = LOAD(images.src + part.at) - slopes.mean;
        STORE(fma(slopes.g, g, fma(slopes.x, x, slopes.shift)), diff_src + part.at);
    }
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
GROUP kernel void batchnorm_backward(IMAGE_PARAMETERS, global float *diff_src, ulong diff_src_at,
                                     CHANNEL_PARAMETERS)
{
    COLUMN_SPACE;
    const struct part part = find_part(channels, 0, chunk_rows, rows);
    struct images images = IMAGES;
    struct channel channel = CHANNEL(part.c);
    const struct sums sums =
        COLUMN_SUMS(sum_rows(images, LOAD(channel.saved_mean), part, channels));
    const struct slopes slopes = finish(sums, rows, part.writes, channel);
    write_rows(images, diff_src + diff_src_at, slopes, part, channels);
}

GROUP kernel void backward_sum(IMAGE_PARAMETERS, global const float *mean, ulong mean_at,
                               global float *parts, ulong parts_at)
{
    COLUMN_SPACE;
    const int chunk = (int)get_group_id(1);
    const struct part part = find_part(channels, chunk, chunk_rows, rows);
    struct images images = IMAGES;
    const struct sums sums =
        COLUMN_SUMS(sum_rows(images, LOAD(mean + mean_at + part.c), part, channels));
    store_part(sums, part, parts + parts_at, channels, chunk);
}

// `slopes` is mean, slope_g, slope_x and shift, `channels` of each.
kernel void backward_finish(global const float *parts, ulong parts_at, global float *slopes,
                            ulong slopes_at, CHANNEL_PARAMETERS, int channels, int rows, int chunks)
{
    const int c = (int)get_global_id(0) * WIDTH;
    if (c >= channels)
        return;
    struct channel channel = CHANNEL(c);
    const struct slopes of =
        finish(add_parts(parts + parts_at, c, channels, chunks), rows, true, channel);
    slopes += slopes_at + c;
    STORE(of.mean, slopes);
    STORE(of.g, slopes + channels);
    STORE(of.x, slopes + 2 * channels);
    STORE(of.shift, slopes + 3 * channels);
}

GROUP kernel void backward_gradient(IMAGE_PARAMETERS, global float *diff_src, ulong diff_src_at,
                                    global const float *slopes, ulong slopes_at)
{
    const struct part part = find_part(channels, (int)get_group_id(1), chunk_rows, rows);
    struct images images = IMAGES;
    slopes += slopes_at + part.c;
    const struct slopes of = {LOAD(slopes), LOAD(slopes + channels), LOAD(slopes + 2 * channels),
                              LOAD(slopes + 3 * channels)};
    write_rows(images, diff_src + diff_src_at, of, part, channels);
}
