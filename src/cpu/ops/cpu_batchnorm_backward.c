// SPDX-License-Identifier: Apache-2.0
// Backward batch normalisation: one pass for the sums, one for the gradients. Where
// diff_residual = g is wanted, the first pass writes it and the second reads it, so that dst is
// read once.
#include "cpu/ops/cpu_batchnorm_split.h"

struct backward {
    struct cpu_plan base;
    struct cpu_batchnorm_split split;
    const float *src, *dst, *gamma, *saved_mean, *saved_inv_std, *diff_dst;
    float *diff_src, *diff_residual, *diff_gamma, *diff_beta;
    struct cpu_batchnorm_sums sums; // In scratch, as are the slopes; unused for one chunk.
    float *slope_g, *slope_x, *shift;
};

// diff_src = slope_g * g + slope_x * (src - mean) + shift of each channel.
struct slopes {
    const float *mean, *slope_g, *slope_x, *shift;
};

// The part of each tensor that a tile covers; dst is NULL without ReLU.
struct tensors {
    const float *src, *dst, *diff_dst;
    float *diff_src, *diff_residual;
    size_t rows, stride;
};

static struct tensors tile_tensors(const struct backward *norm,
                                   const struct cpu_batchnorm_tile *tile)
{
    return (struct tensors){
        .src = norm->src + tile->start,
        .dst = norm->dst ? norm->dst + tile->start : NULL,
        .diff_dst = norm->diff_dst + tile->start,
        .diff_src = norm->diff_src + tile->start,
        .diff_residual = norm->diff_residual ? norm->diff_residual + tile->start : NULL,
        .rows = tile->rows,
        .stride = (size_t)norm->split.channels,
    };
}

CPU_INLINE void sum_group(struct tensors tile, const float *saved_mean, float *sums,
                          float *products, int c, int vectors, int lanes)
{
    cpu_vec mean[CPU_GROUP], sum[CPU_GROUP] = {{0}}, product[CPU_GROUP] = {{0}};
    for (int v = 0; v < vectors; v++)
        mean[v] = cpu_load_lanes(saved_mean + c + v * CPU_LANES, lanes);
    size_t at = (size_t)c;
    for (size_t row = 0; row < tile.rows; row++, at += tile.stride)
        for (int v = 0; v < vectors; v++) {
            size_t here = at + (size_t)(v * CPU_LANES);
            cpu_vec g = cpu_load_lanes(tile.diff_dst + here, lanes);
            if (tile.dst)
                g = cpu_where_positive(cpu_load_lanes(tile.dst + here, lanes), g);
            if (tile.diff_residual)
                cpu_store_lanes(tile.diff_residual + here, g, lanes);
            sum[v] += g;
            product[v] += g * (cpu_load_lanes(tile.src + here, lanes) - mean[v]);
        }
    for (int v = 0; v < vectors; v++) {
        cpu_store_lanes(sums + c + v * CPU_LANES, sum[v], lanes);
        cpu_store_lanes(products + c + v * CPU_LANES, product[v], lanes);
    }
}

static void sum_tile(const struct backward *norm, const struct cpu_batchnorm_tile *tile,
                     float *sums, float *products)
{
    struct tensors tensors = tile_tensors(norm, tile);
    CPU_EACH_GROUP(sum_group, tile->channels, tensors, norm->saved_mean + tile->first, sums,
                   products);
}

CPU_INLINE void gradient_group(struct tensors tile, const struct slopes *slopes, int c, int vectors,
                               int lanes)
{
    cpu_vec mean[CPU_GROUP], slope_g[CPU_GROUP], slope_x[CPU_GROUP], shift[CPU_GROUP];
    for (int v = 0; v < vectors; v++) {
        mean[v] = cpu_load_lanes(slopes->mean + c + v * CPU_LANES, lanes);
        slope_g[v] = cpu_load_lanes(slopes->slope_g + c + v * CPU_LANES, lanes);
        slope_x[v] = cpu_load_lanes(slopes->slope_x + c + v * CPU_LANES, lanes);
        shift[v] = cpu_load_lanes(slopes->shift + c + v * CPU_LANES, lanes);
    }
    const float *gradient = tile.diff_residual ? tile.diff_residual : tile.diff_dst;
    const float *mask = tile.diff_residual ? NULL : tile.dst;
    size_t at = (size_t)c;
    for (size_t row = 0; row < tile.rows; row++, at += tile.stride)
        for (int v = 0; v < vectors; v++) {
            size_t here = at + (size_t)(v * CPU_LANES);
            cpu_vec g = cpu_load_lanes(gradient + here, lanes);
            if (mask)
                g = cpu_where_positive(cpu_load_lanes(mask + here, lanes), g);
            cpu_vec x = cpu_load_lanes(tile.src + here, lanes) - mean[v];
            cpu_store_lanes(tile.diff_src + here, slope_g[v] * g + (slope_x[v] * x + shift[v]),
                            lanes);
        }
}

static void gradient_tile(const struct backward *norm, const struct cpu_batchnorm_tile *tile,
                          const struct slopes *slopes)
{
    struct tensors tensors = tile_tensors(norm, tile);
    CPU_EACH_GROUP(gradient_group, tile->channels, tensors, slopes);
}

// Turns the sums of a block into diff_gamma and diff_beta, and into the slopes of its channels.
static void finish_block(const struct backward *norm, const struct cpu_batchnorm_tile *tile,
                         const struct cpu_batchnorm_sums *sums, float *slope_g, float *slope_x,
                         float *shift)
{
    double sum[CPU_BATCHNORM_BLOCK], product[CPU_BATCHNORM_BLOCK];
    double rows = (double)norm->split.rows;
    cpu_batchnorm_combine(sums, norm->split.chunks, tile->channels, sum, product);
    for (int i = 0; i < tile->channels; i++) {
        int c = tile->first + i;
        double inv_std = (double)norm->saved_inv_std[c];
        double diff_gamma = product[i] * inv_std;
        double slope = (double)norm->gamma[c] * inv_std;
        norm->diff_gamma[c] = (float)diff_gamma;
        norm->diff_beta[c] = (float)sum[i];
        slope_g[i] = (float)slope;
        slope_x[i] = (float)(-slope * inv_std * diff_gamma / rows);
        shift[i] = (float)(-slope * sum[i] / rows);
    }
}

// All of a block, for a tensor of one chunk.
static void whole_block_task(void *argument, int task, int thread)
{
    const struct backward *norm = argument;
    struct cpu_batchnorm_tile tile = cpu_batchnorm_tile(&norm->split, task);
    float sum[CPU_BATCHNORM_BLOCK], product[CPU_BATCHNORM_BLOCK], slope_g[CPU_BATCHNORM_BLOCK],
        slope_x[CPU_BATCHNORM_BLOCK], shift[CPU_BATCHNORM_BLOCK];
    sum_tile(norm, &tile, sum, product);
    struct cpu_batchnorm_sums sums = {.first = sum, .second = product, .stride = 0};
    finish_block(norm, &tile, &sums, slope_g, slope_x, shift);
    struct slopes slopes = {norm->saved_mean + tile.first, slope_g, slope_x, shift};
    gradient_tile(norm, &tile, &slopes);
    (void)thread;
}

static void sum_task(void *argument, int task, int thread)
{
    const struct backward *norm = argument;
    struct cpu_batchnorm_tile tile = cpu_batchnorm_tile(&norm->split, task);
    size_t at = (size_t)tile.chunk * norm->sums.stride + (size_t)tile.first;
    sum_tile(norm, &tile, norm->sums.first + at, norm->sums.second + at);
    (void)thread;
}

static void finish_task(void *argument, int task, int thread)
{
    const struct backward *norm = argument;
    struct cpu_batchnorm_tile tile = cpu_batchnorm_tile(&norm->split, task);
    struct cpu_batchnorm_sums sums = {norm->sums.first + tile.first, norm->sums.second + tile.first,
                                      norm->sums.stride};
    finish_block(norm, &tile, &sums, norm->slope_g + tile.first, norm->slope_x + tile.first,
                 norm->shift + tile.first);
    (void)thread;
}

static void gradient_task(void *argument, int task, int thread)
{
    const struct backward *norm = argument;
    struct cpu_batchnorm_tile tile = cpu_batchnorm_tile(&norm->split, task);
    struct slopes slopes = {norm->saved_mean + tile.first, norm->slope_g + tile.first,
                            norm->slope_x + tile.first, norm->shift + tile.first};
    gradient_tile(norm, &tile, &slopes);
    (void)thread;
}

static clef_status backward_run(struct clef_plan *plan, const struct clef_run_values *values)
{
    struct backward *norm = (struct backward *)plan;
    const struct cpu_batchnorm_split *split = &norm->split;
    struct cpu_context *cpu = norm->base.cpu;
    if (split->chunks == 1) {
        cpu_parallel_for(cpu, split->blocks, whole_block_task, norm);
    } else {
        cpu_parallel_for(cpu, split->chunks * split->blocks, sum_task, norm);
        cpu_parallel_for(cpu, split->blocks, finish_task, norm);
        cpu_parallel_for(cpu, split->chunks * split->blocks, gradient_task, norm);
    }
    (void)values;
    return CLEF_OK;
}

clef_status CPU_NAME(batchnorm_backward)(void *context,
                                         const struct clef_batchnorm_backward_args *args,
                                         const struct clef_tensor *scratch,
                                         struct clef_plan_info *info, struct clef_plan **plan)
{
    struct cpu_batchnorm_split split = cpu_batchnorm_split(args->src);
    double count = (double)clef_tensor_count(args->src);
    int tensors = 3 + (args->relu ? 1 : 0) + (args->diff_residual ? 1 : 0);
    *info = (struct clef_plan_info){
        .scratch_floats = cpu_batchnorm_scratch(&split, 3),
        .flops = (9 + (args->relu ? 1 : 0)) * count,
        .bytes = sizeof(float) * (tensors * count + 5.0 * split.channels),
        .algorithm = split.chunks == 1 ? "block-wise" : "chunk-wise",
    };
    if (!plan)
        return CLEF_OK;
    CLEF_TRY(cpu_plan_create(context, sizeof(struct backward), backward_run, plan));
    struct backward *norm = (struct backward *)*plan;
    norm->split = split;
    norm->src = cpu_view(args->src).data;
    norm->dst = args->relu ? cpu_view(args->dst).data : NULL;
    norm->gamma = cpu_view(args->gamma).data;
    norm->saved_mean = cpu_view(args->saved_mean).data;
    norm->saved_inv_std = cpu_view(args->saved_inv_std).data;
    norm->diff_dst = cpu_view(args->diff_dst).data;
    norm->diff_src = cpu_view(args->diff_src).data;
    norm->diff_residual = cpu_view(args->diff_residual).data;
    norm->diff_gamma = cpu_view(args->diff_gamma).data;
    norm->diff_beta = cpu_view(args->diff_beta).data;
    if (info->scratch_floats > 0) {
        size_t channels = (size_t)split.channels;
        norm->slope_g = cpu_view(scratch).data;
        norm->slope_x = norm->slope_g + channels;
        norm->shift = norm->slope_x + channels;
        norm->sums.first = norm->shift + channels;
        norm->sums.second = norm->sums.first + channels;
        norm->sums.stride = 2 * channels;
    }
    return CLEF_OK;
}
