// SPDX-License-Identifier: Apache-2.0
// Forward batch normalisation. Variances are taken from sums of squares, which would lose all
// digits where the mean is large; the sums are therefore those of x - pivot, the pivot being the
// channel's value in the tensor's first row.
#include "cpu/ops/cpu_batchnorm_split.h"
#include "ops/moving_variance.h"

#include <math.h>

struct batchnorm {
    struct cpu_plan base;
    struct cpu_batchnorm_split split;
    const float *src, *residual, *gamma, *beta;
    float *dst, *moving_mean, *moving_variance, *saved_mean, *saved_inv_std;
    double momentum, epsilon;
    double take_variance; // Of the new variance for the moving one.
    bool relu;
    struct cpu_batchnorm_sums sums; // In scratch, as are scale and shift; unused for one chunk.
    float *scale, *shift;
};

// dst = (src - mean) * scale + shift of each channel.
struct affine {
    const float *mean, *scale, *shift;
};

CPU_INLINE void sum_group(const float *src, const float *pivot, size_t rows, size_t stride,
                          float *sums, float *squares, int c, int vectors, int lanes)
{
    cpu_vec origin[CPU_GROUP], sum[CPU_GROUP] = {{0}}, square[CPU_GROUP] = {{0}};
    for (int v = 0; v < vectors; v++)
        origin[v] = cpu_load_lanes(pivot + c + v * CPU_LANES, lanes);
    src += c;
    for (size_t row = 0; row < rows; row++, src += stride)
        for (int v = 0; v < vectors; v++) {
            cpu_vec x = cpu_load_lanes(src + v * CPU_LANES, lanes) - origin[v];
            sum[v] += x;
            square[v] += x * x;
        }
    for (int v = 0; v < vectors; v++) {
        cpu_store_lanes(sums + c + v * CPU_LANES, sum[v], lanes);
        cpu_store_lanes(squares + c + v * CPU_LANES, square[v], lanes);
    }
}

static void sum_tile(const struct batchnorm *norm, const struct cpu_batchnorm_tile *tile,
                     float *sums, float *squares)
{
    CPU_EACH_GROUP(sum_group, tile->channels, norm->src + tile->start, norm->src + tile->first,
                   tile->rows, (size_t)norm->split.channels, sums, squares);
}

CPU_INLINE void normalise_group(const float *src, const float *residual, float *dst, bool relu,
                                size_t rows, size_t stride, const struct affine *affine, int c,
                                int vectors, int lanes)
{
    cpu_vec mean[CPU_GROUP], scale[CPU_GROUP], shift[CPU_GROUP];
    for (int v = 0; v < vectors; v++) {
        mean[v] = cpu_load_lanes(affine->mean + c + v * CPU_LANES, lanes);
        scale[v] = cpu_load_lanes(affine->scale + c + v * CPU_LANES, lanes);
        shift[v] = cpu_load_lanes(affine->shift + c + v * CPU_LANES, lanes);
    }
    size_t at = (size_t)c;
    for (size_t row = 0; row < rows; row++, at += stride)
        for (int v = 0; v < vectors; v++) {
            cpu_vec x = cpu_load_lanes(src + at + v * CPU_LANES, lanes);
            x = (x - mean[v]) * scale[v] + shift[v];
            if (residual)
                x += cpu_load_lanes(residual + at + v * CPU_LANES, lanes);
            if (relu)
                x = cpu_relu(x);
            cpu_store_lanes(dst + at + v * CPU_LANES, x, lanes);
        }
}

static void normalise_tile(const struct batchnorm *norm, const struct cpu_batchnorm_tile *tile,
                           const struct affine *affine)
{
    const float *residual = norm->residual ? norm->residual + tile->start : NULL;
    CPU_EACH_GROUP(normalise_group, tile->channels, norm->src + tile->start, residual,
                   norm->dst + tile->start, norm->relu, tile->rows, (size_t)norm->split.channels,
                   affine);
}

// ---------------------------------------------------------------- training

// Turns the sums of a block into its statistics, and into the scale and shift of its channels.
static void finish_block(const struct batchnorm *norm, const struct cpu_batchnorm_tile *tile,
                         const struct cpu_batchnorm_sums *sums, float *scale, float *shift)
{
    double sum[CPU_BATCHNORM_BLOCK], square[CPU_BATCHNORM_BLOCK];
    double rows = (double)norm->split.rows, momentum = norm->momentum;
    cpu_batchnorm_combine(sums, norm->split.chunks, tile->channels, sum, square);
    for (int i = 0; i < tile->channels; i++) {
        int c = tile->first + i;
        double distance = sum[i] / rows; // Of the mean from the pivot.
        double mean = (double)norm->src[c] + distance;
        double variance = square[i] / rows - distance * distance;
        if (variance < 0) // By rounding, where all values are alike.
            variance = 0;
        // The difference is zero but for an infinite variance, which must not pass for a finite
        // result.
        double inv_std = 1 / sqrt(variance + norm->epsilon) + (variance - variance);
        norm->saved_mean[c] = (float)mean;
        norm->saved_inv_std[c] = (float)inv_std;
        double factor = (double)norm->gamma[c] * inv_std;
        scale[i] = (float)factor;
        // What rounding the mean to float took from it comes back here.
        shift[i] = (float)((double)norm->beta[c] - (mean - (double)(float)mean) * factor);
        norm->moving_mean[c] =
            (float)(momentum * (double)norm->moving_mean[c] + (1 - momentum) * mean);
        norm->moving_variance[c] =
            (float)(momentum * (double)norm->moving_variance[c] + norm->take_variance * variance);
    }
}

// All of a block, for a tensor of one chunk.
static void whole_block_task(void *argument, int task, int thread)
{
    const struct batchnorm *norm = argument;
    struct cpu_batchnorm_tile tile = cpu_batchnorm_tile(&norm->split, task);
    float sum[CPU_BATCHNORM_BLOCK], square[CPU_BATCHNORM_BLOCK];
    float scale[CPU_BATCHNORM_BLOCK], shift[CPU_BATCHNORM_BLOCK];
    sum_tile(norm, &tile, sum, square);
    struct cpu_batchnorm_sums sums = {.first = sum, .second = square, .stride = 0};
    finish_block(norm, &tile, &sums, scale, shift);
    struct affine affine = {norm->saved_mean + tile.first, scale, shift};
    normalise_tile(norm, &tile, &affine);
    (void)thread;
}

static void sum_task(void *argument, int task, int thread)
{
    const struct batchnorm *norm = argument;
    struct cpu_batchnorm_tile tile = cpu_batchnorm_tile(&norm->split, task);
    size_t at = (size_t)tile.chunk * norm->sums.stride + (size_t)tile.first;
    sum_tile(norm, &tile, norm->sums.first + at, norm->sums.second + at);
    (void)thread;
}

static void finish_task(void *argument, int task, int thread)
{
    const struct batchnorm *norm = argument;
    struct cpu_batchnorm_tile tile = cpu_batchnorm_tile(&norm->split, task);
    struct cpu_batchnorm_sums sums = {norm->sums.first + tile.first, norm->sums.second + tile.first,
                                      norm->sums.stride};
    finish_block(norm, &tile, &sums, norm->scale + tile.first, norm->shift + tile.first);
    (void)thread;
}

static void normalise_task(void *argument, int task, int thread)
{
    const struct batchnorm *norm = argument;
    struct cpu_batchnorm_tile tile = cpu_batchnorm_tile(&norm->split, task);
    struct affine affine = {norm->saved_mean + tile.first, norm->scale + tile.first,
                            norm->shift + tile.first};
    normalise_tile(norm, &tile, &affine);
    (void)thread;
}

static clef_status train_run(struct clef_plan *plan, const struct clef_run_values *values)
{
    struct batchnorm *norm = (struct batchnorm *)plan;
    const struct cpu_batchnorm_split *split = &norm->split;
    struct cpu_context *cpu = norm->base.cpu;
    if (split->chunks == 1) {
        cpu_parallel_for(cpu, split->blocks, whole_block_task, norm);
    } else {
        cpu_parallel_for(cpu, split->chunks * split->blocks, sum_task, norm);
        cpu_parallel_for(cpu, split->blocks, finish_task, norm);
        cpu_parallel_for(cpu, split->chunks * split->blocks, normalise_task, norm);
    }
    (void)values;
    return CLEF_OK;
}

clef_status CPU_NAME(batchnorm_train)(void *context, const struct clef_batchnorm_train_args *args,
                                      const struct clef_tensor *scratch,
                                      struct clef_plan_info *info, struct clef_plan **plan)
{
    struct cpu_batchnorm_split split = cpu_batchnorm_split(args->src);
    double count = (double)clef_tensor_count(args->src);
    *info = (struct clef_plan_info){
        .scratch_floats = cpu_batchnorm_scratch(&split, 2),
        .flops = (7 + (args->residual ? 1 : 0) + (args->relu ? 1 : 0)) * count,
        .bytes = sizeof(float) * ((args->residual ? 3 : 2) * count + 8.0 * split.channels),
        .algorithm = split.chunks == 1 ? "block-wise" : "chunk-wise",
    };
    if (!plan)
        return CLEF_OK;
    CLEF_TRY(cpu_plan_create(context, sizeof(struct batchnorm), train_run, plan));
    struct batchnorm *norm = (struct batchnorm *)*plan;
    norm->split = split;
    norm->src = cpu_view(args->src).data;
    norm->residual = cpu_view(args->residual).data;
    norm->gamma = cpu_view(args->gamma).data;
    norm->beta = cpu_view(args->beta).data;
    norm->dst = cpu_view(args->dst).data;
    norm->moving_mean = cpu_view(args->moving_mean).data;
    norm->moving_variance = cpu_view(args->moving_variance).data;
    norm->saved_mean = cpu_view(args->saved_mean).data;
    norm->saved_inv_std = cpu_view(args->saved_inv_std).data;
    norm->momentum = (double)args->momentum;
    norm->take_variance = clef_batchnorm_take_variance(args);
    norm->epsilon = (double)args->epsilon;
    norm->relu = args->relu;
    if (info->scratch_floats > 0) {
        size_t channels = (size_t)split.channels;
        norm->scale = cpu_view(scratch).data;
        norm->shift = norm->scale + channels;
        norm->sums.first = norm->shift + channels;
        norm->sums.second = norm->sums.first + channels;
        norm->sums.stride = 2 * channels;
    }
    return CLEF_OK;
}

// ---------------------------------------------------------------- inference

static void infer_task(void *argument, int task, int thread)
{
    const struct batchnorm *norm = argument;
    struct cpu_batchnorm_tile tile = cpu_batchnorm_tile(&norm->split, task);
    const float *variance = norm->moving_variance + tile.first;
    const float *gamma = norm->gamma + tile.first;
    float scale[CPU_BATCHNORM_BLOCK];
    for (int c = 0; c < tile.channels; c++)
        scale[c] = (float)((double)gamma[c] / sqrt((double)variance[c] + norm->epsilon));
    struct affine affine = {norm->moving_mean + tile.first, scale, norm->beta + tile.first};
    normalise_tile(norm, &tile, &affine);
    (void)thread;
}

static clef_status infer_run(struct clef_plan *plan, const struct clef_run_values *values)
{
    struct batchnorm *norm = (struct batchnorm *)plan;
    cpu_parallel_for(norm->base.cpu, norm->split.chunks * norm->split.blocks, infer_task, norm);
    (void)values;
    return CLEF_OK;
}

clef_status CPU_NAME(batchnorm_infer)(void *context, const struct clef_batchnorm_infer_args *args,
                                      const struct clef_tensor *scratch,
                                      struct clef_plan_info *info, struct clef_plan **plan)
{
    double count = (double)clef_tensor_count(args->src);
    *info = (struct clef_plan_info){
        .flops = (3 + (args->residual ? 1 : 0) + (args->relu ? 1 : 0)) * count,
        .bytes = sizeof(float) * ((args->residual ? 3 : 2) * count + 4.0 * args->src->c),
        .algorithm = "direct",
    };
    (void)scratch;
    if (!plan)
        return CLEF_OK;
    CLEF_TRY(cpu_plan_create(context, sizeof(struct batchnorm), infer_run, plan));
    struct batchnorm *norm = (struct batchnorm *)*plan;
    norm->split = cpu_batchnorm_split(args->src);
    norm->src = cpu_view(args->src).data;
    norm->residual = cpu_view(args->residual).data;
    norm->gamma = cpu_view(args->gamma).data;
    norm->beta = cpu_view(args->beta).data;
    norm->dst = cpu_view(args->dst).data;
    norm->moving_mean = cpu_view(args->moving_mean).data;
    norm->moving_variance = cpu_view(args->moving_variance).data;
    norm->epsilon = (double)args->epsilon;
    norm->relu = args->relu;
    return CLEF_OK;
}
