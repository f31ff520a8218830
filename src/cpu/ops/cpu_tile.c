// SPDX-License-Identifier: Apache-2.0
#include "cpu/ops/cpu_tile.h"

// Each height of the tile is a function of its own, so that the sums stay in registers.
#if CPU_TILE_ROWS == 12
#define CPU_EACH_HEIGHT(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12)
#else
#define CPU_EACH_HEIGHT(X) X(1) X(2) X(3) X(4) X(5) X(6)
#endif

#define CPU_INLINE static inline __attribute__((always_inline))

struct sums {
    cpu_vec low[CPU_TILE_ROWS], high[CPU_TILE_ROWS];
};

CPU_INLINE void clear_sums(const int rows, struct sums *sums)
{
#pragma GCC unroll 12
    for (int i = 0; i < rows; i++)
        sums->low[i] = sums->high[i] = (cpu_vec){0};
}

// sums(i, :) += sum over k of a(i, k) * b(k, :)
CPU_INLINE void accumulate(const int rows, const float *a, const size_t a_row, const size_t a_step,
                           const float *b, const size_t b_step, int steps, struct sums *sums)
{
    for (; steps > 0; steps--) {
        cpu_vec b_low = cpu_load(b), b_high = cpu_load(b + CPU_LANES);
#pragma GCC unroll 12
        for (int i = 0; i < rows; i++) {
            cpu_vec x = cpu_splat(a[(size_t)i * a_row]);
            sums->low[i] += x * b_low;
            sums->high[i] += x * b_high;
        }
        a += a_step;
        b += b_step;
    }
}

CPU_INLINE void store_sums(const int rows, const struct sums *sums, bool first, float *dst)
{
    if (first) {
#pragma GCC unroll 12
        for (int i = 0; i < rows; i++) {
            cpu_store(dst + i * CPU_PANEL, sums->low[i]);
            cpu_store(dst + i * CPU_PANEL + CPU_LANES, sums->high[i]);
        }
        return;
    }
#pragma GCC unroll 12
    for (int i = 0; i < rows; i++) {
        float *low = dst + i * CPU_PANEL, *high = low + CPU_LANES;
        cpu_store(low, cpu_load(low) + sums->low[i]);
        cpu_store(high, cpu_load(high) + sums->high[i]);
    }
}

CPU_INLINE void multiply(const int rows, const struct cpu_tile_input *in, const size_t step,
                         bool first, float *dst)
{
    struct sums sums;
    clear_sums(rows, &sums);
    for (int s = 0; s < in->segment_count; s++) {
        const struct cpu_conv2d_segment *segment = &in->segments[s];
        accumulate(rows, in->src + segment->src, in->src_row, step,
                   in->weights + (size_t)segment->weight * CPU_PANEL, CPU_PANEL, segment->length,
                   &sums);
    }
    store_sums(rows, &sums, first, dst);
}

CPU_INLINE void outer(const int rows, const struct cpu_tile_outer_input *in, const size_t src_row,
                      bool first, float *dst)
{
    struct sums sums;
    clear_sums(rows, &sums);
    accumulate(rows, in->src, src_row, in->src_step, in->diff_dst, in->diff_step, in->steps, &sums);
    store_sums(rows, &sums, first, dst);
}

#define CPU_DEFINE_HEIGHT(rows)                                                              \
    static void multiply_##rows(const struct cpu_tile_input *in, bool first, float *sums)    \
    {                                                                                        \
        if (in->element_stride == 1)                                                         \
            multiply(rows, in, 1, first, sums);                                              \
        else                                                                                 \
            multiply(rows, in, in->element_stride, first, sums);                             \
    }                                                                                        \
    static void outer_##rows(const struct cpu_tile_outer_input *in, bool first, float *sums) \
    {                                                                                        \
        if (in->src_row == 1)                                                                \
            outer(rows, in, 1, first, sums);                                                 \
        else                                                                                 \
            outer(rows, in, in->src_row, first, sums);                                       \
    }
CPU_EACH_HEIGHT(CPU_DEFINE_HEIGHT)

void CPU_NAME(tile_multiply)(int rows, const struct cpu_tile_input *in, bool first, float *sums)
{
#define CPU_MULTIPLY_ENTRY(height) multiply_##height,
    static void (*const by_height[])(const struct cpu_tile_input *, bool,
                                     float *) = {CPU_EACH_HEIGHT(CPU_MULTIPLY_ENTRY)};
    by_height[rows - 1](in, first, sums);
}

void CPU_NAME(tile_outer)(int rows, const struct cpu_tile_outer_input *in, bool first, float *sums)
{
#define CPU_OUTER_ENTRY(height) outer_##height,
    static void (*const by_height[])(const struct cpu_tile_outer_input *, bool,
                                     float *) = {CPU_EACH_HEIGHT(CPU_OUTER_ENTRY)};
    by_height[rows - 1](in, first, sums);
}
