// SPDX-License-Identifier: Apache-2.0
#include "cpu/ops/cpu_tile.h"

// Each height of the tile is a function of its own, so that the sums stay in registers.
#if CPU_TILE_ROWS == 12
#define CPU_EACH_HEIGHT(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12)
#else
#define CPU_EACH_HEIGHT(X) X(1) X(2) X(3) X(4) X(5) X(6)
#endif

#define CPU_INLINE static inline __attribute__((always_inline))

// The last panel may have fewer filters than lanes.
__attribute__((noinline)) static void finish_part(const float *values, float *dst,
                                                  const float *bias, const float *addend, int lanes,
                                                  bool relu)
{
    for (int lane = 0; lane < lanes; lane++) {
        float value = values[lane] + (bias ? bias[lane] : 0) + (addend ? addend[lane] : 0);
        dst[lane] = relu && value < 0 ? 0 : value;
    }
}

CPU_INLINE void finish_row(cpu_vec low, cpu_vec high, int row, const struct cpu_tile_output *out)
{
    float *dst = out->dst + (size_t)row * out->dst_row;
    const float *addend = out->addend ? out->addend + (size_t)row * out->dst_row : NULL;
    int lanes = out->lanes;
    if (lanes == CPU_PANEL) {
        if (out->bias) {
            low += cpu_load(out->bias);
            high += cpu_load(out->bias + CPU_LANES);
        }
        if (addend) {
            low += cpu_load(addend);
            high += cpu_load(addend + CPU_LANES);
        }
        cpu_store(dst, out->relu ? cpu_relu(low) : low);
        cpu_store(dst + CPU_LANES, out->relu ? cpu_relu(high) : high);
        return;
    }
    float values[CPU_PANEL];
    cpu_store(values, low);
    cpu_store(values + CPU_LANES, high);
    finish_part(values, dst, out->bias, addend, lanes, out->relu);
}

// Products summed in one chain. Each rounding error is relative to the sum so far, so that for n
// products in chains of c the variance of the error grows as n * (c + n / c) / 2: chains of 64 make
// the error of the network's longest reductions, n = 1152 to 4608, several times smaller.
#define CHAIN_LENGTH 64

CPU_INLINE void multiply(const int rows, const struct cpu_tile_input *in,
                         const struct cpu_tile_output *out, const size_t stride)
{
    cpu_vec low[CPU_TILE_ROWS], high[CPU_TILE_ROWS];
    cpu_vec total_low[CPU_TILE_ROWS], total_high[CPU_TILE_ROWS];
#pragma GCC unroll 12
    for (int i = 0; i < rows; i++)
        low[i] = high[i] = total_low[i] = total_high[i] = (cpu_vec){0};
    const size_t src_row = in->src_row;
    int chain = 0;
    for (int s = 0; s < in->segment_count; s++) {
        const struct cpu_conv2d_segment *segment = &in->segments[s];
        const float *a = in->src + segment->src;
        const float *b = in->weights + (size_t)segment->weight * CPU_PANEL;
        for (int left = segment->length; left > 0;) {
            if (chain == CHAIN_LENGTH) {
#pragma GCC unroll 12
                for (int i = 0; i < rows; i++) {
                    total_low[i] += low[i];
                    total_high[i] += high[i];
                    low[i] = high[i] = (cpu_vec){0};
                }
                chain = 0;
            }
            int steps = left < CHAIN_LENGTH - chain ? left : CHAIN_LENGTH - chain;
            chain += steps;
            left -= steps;
            for (int k = 0; k < steps; k++) {
                cpu_vec b0 = cpu_load(b), b1 = cpu_load(b + CPU_LANES);
#pragma GCC unroll 12
                for (int i = 0; i < rows; i++) {
                    cpu_vec x = cpu_splat(a[(size_t)i * src_row]);
                    low[i] += x * b0;
                    high[i] += x * b1;
                }
                a += stride;
                b += CPU_PANEL;
            }
        }
    }
#pragma GCC unroll 12
    for (int i = 0; i < rows; i++)
        finish_row(low[i] + total_low[i], high[i] + total_high[i], i, out);
}

CPU_INLINE void outer(const int rows, const struct cpu_tile_outer_input *in, float *diff_weights,
                      const size_t src_row)
{
    cpu_vec low[CPU_TILE_ROWS], high[CPU_TILE_ROWS];
#pragma GCC unroll 12
    for (int i = 0; i < rows; i++)
        low[i] = high[i] = (cpu_vec){0};
    const float *a = in->src, *b = in->diff_dst;
    for (int k = 0; k < in->steps; k++) {
        cpu_vec b0 = cpu_load(b), b1 = cpu_load(b + CPU_LANES);
#pragma GCC unroll 12
        for (int i = 0; i < rows; i++) {
            cpu_vec x = cpu_splat(a[(size_t)i * src_row]);
            low[i] += x * b0;
            high[i] += x * b1;
        }
        a += in->src_step;
        b += in->diff_step;
    }
#pragma GCC unroll 12
    for (int i = 0; i < rows; i++) {
        float *row = diff_weights + i * CPU_PANEL;
        cpu_store(row, cpu_load(row) + low[i]);
        cpu_store(row + CPU_LANES, cpu_load(row + CPU_LANES) + high[i]);
    }
}

#define CPU_DEFINE_HEIGHT(rows)                                                          \
    static void multiply_##rows(const struct cpu_tile_input *in,                         \
                                const struct cpu_tile_output *out)                       \
    {                                                                                    \
        if (in->element_stride == 1)                                                     \
            multiply(rows, in, out, 1);                                                  \
        else                                                                             \
            multiply(rows, in, out, in->element_stride);                                 \
    }                                                                                    \
    static void outer_##rows(const struct cpu_tile_outer_input *in, float *diff_weights) \
    {                                                                                    \
        if (in->src_row == 1)                                                            \
            outer(rows, in, diff_weights, 1);                                            \
        else                                                                             \
            outer(rows, in, diff_weights, in->src_row);                                  \
    }
CPU_EACH_HEIGHT(CPU_DEFINE_HEIGHT)

void CPU_NAME(tile_multiply)(int rows, const struct cpu_tile_input *in,
                             const struct cpu_tile_output *out)
{
#define CPU_MULTIPLY_ENTRY(height) multiply_##height,
    static void (*const by_height[])(const struct cpu_tile_input *,
                                     const struct cpu_tile_output *) = {
        CPU_EACH_HEIGHT(CPU_MULTIPLY_ENTRY)};
    by_height[rows - 1](in, out);
}

void CPU_NAME(tile_outer)(int rows, const struct cpu_tile_outer_input *in, float *diff_weights)
{
#define CPU_OUTER_ENTRY(height) outer_##height,
    static void (*const by_height[])(const struct cpu_tile_outer_input *,
                                     float *) = {CPU_EACH_HEIGHT(CPU_OUTER_ENTRY)};
    by_height[rows - 1](in, diff_weights);
}
