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

// sums(i, :) += sum over k of a(i, k) * b(k, :), and asks for what is `ahead` floats behind each
// a(0, k) if that is not 0.
CPU_INLINE void accumulate(const int rows, const float *a, const size_t a_row, const size_t a_step,
                           const int ahead, const float *b, const size_t b_step, int steps,
                           struct sums *sums)
{
    for (; steps > 0; steps--) {
        if (ahead)
            __builtin_prefetch(a + ahead);
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

// Adds the products of a segment, and asks for `lines` cache lines of *ahead before every few
// steps: all at once they would be more than the processor waits for at a time.
CPU_INLINE void accumulate_ahead(const int rows, const float *a, const size_t a_row, const float *b,
                                 int steps, const float **ahead, int lines, struct sums *sums)
{
    for (; steps > 0; steps -= CPU_AHEAD_STEPS) {
        for (int i = 0; i < lines; i++, *ahead += CPU_LINE_FLOATS)
            __builtin_prefetch(*ahead);
        accumulate(rows, a, a_row, 1, 0, b, CPU_PANEL,
                   steps < CPU_AHEAD_STEPS ? steps : CPU_AHEAD_STEPS, sums);
        a += CPU_AHEAD_STEPS;
        b += CPU_AHEAD_STEPS * CPU_PANEL;
    }
}

CPU_INLINE void multiply(const int rows, const struct cpu_tile_input *in, const size_t step,
                         const bool asks_ahead, bool first, float *dst)
{
    struct sums sums;
    clear_sums(rows, &sums);
    const float *ahead = in->ahead;
    for (int s = 0; s < in->segment_count; s++) {
        const struct cpu_conv2d_segment *segment = &in->segments[s];
        const float *a = in->src + segment->src;
        const float *b = in->weights + (size_t)segment->weight * CPU_PANEL;
        for (int i = 0; in->src_ahead && i < rows; i++)
            __builtin_prefetch(a + (size_t)i * in->src_row + in->src_ahead);
        if (asks_ahead)
            accumulate_ahead(rows, a, in->src_row, b, segment->length, &ahead, in->ahead_lines,
                             &sums);
        else
            accumulate(rows, a, in->src_row, step, 0, b, CPU_PANEL, segment->length, &sums);
    }
    store_sums(rows, &sums, first, dst);
}

// The elements of a position are a part of a cache line, and the next tile's are in the next one.
CPU_INLINE void outer(const int rows, const struct cpu_tile_outer_input *in, const size_t src_row,
                      bool first, float *dst)
{
    struct sums sums;
    clear_sums(rows, &sums);
    accumulate(rows, in->src, src_row, in->src_step, src_row == 1 ? CPU_LINE_FLOATS : 0,
               in->diff_dst, in->diff_step, in->steps, &sums);
    store_sums(rows, &sums, first, dst);
}

#define CPU_DEFINE_HEIGHT(rows)                                                                   \
    static void multiply_##rows(const struct cpu_tile_input *in, bool first, float *sums)         \
    {                                                                                             \
        multiply(rows, in, 1, false, first, sums);                                                \
    }                                                                                             \
    static void multiply_ahead_##rows(const struct cpu_tile_input *in, bool first, float *sums)   \
    {                                                                                             \
        multiply(rows, in, 1, true, first, sums);                                                 \
    }                                                                                             \
    static void multiply_strided_##rows(const struct cpu_tile_input *in, bool first, float *sums) \
    {                                                                                             \
        multiply(rows, in, in->element_stride, false, first, sums);                               \
    }                                                                                             \
    static void outer_##rows(const struct cpu_tile_outer_input *in, bool first, float *sums)      \
    {                                                                                             \
        outer(rows, in, 1, first, sums);                                                          \
    }                                                                                             \
    static void outer_strided_##rows(const struct cpu_tile_outer_input *in, bool first,           \
                                     float *sums)                                                 \
    {                                                                                             \
        outer(rows, in, in->src_row, first, sums);                                                \
    }
CPU_EACH_HEIGHT(CPU_DEFINE_HEIGHT)

void CPU_NAME(tile_multiply)(int rows, const struct cpu_tile_input *in, bool first, float *sums)
{
    typedef void function(const struct cpu_tile_input *, bool, float *);
#define CPU_UNIT(height) multiply_##height,
#define CPU_AHEAD(height) multiply_ahead_##height,
#define CPU_STRIDED(height) multiply_strided_##height,
    static function *const unit[] = {CPU_EACH_HEIGHT(CPU_UNIT)};
    static function *const ahead[] = {CPU_EACH_HEIGHT(CPU_AHEAD)};
    static function *const strided[] = {CPU_EACH_HEIGHT(CPU_STRIDED)};
    function *const *by_height = in->element_stride != 1 ? strided : in->ahead ? ahead : unit;
    by_height[rows - 1](in, first, sums);
}

void CPU_NAME(tile_outer)(int rows, const struct cpu_tile_outer_input *in, bool first, float *sums)
{
    typedef void function(const struct cpu_tile_outer_input *, bool, float *);
#define CPU_OUTER_UNIT(height) outer_##height,
#define CPU_OUTER_STRIDED(height) outer_strided_##height,
    static function *const unit[] = {CPU_EACH_HEIGHT(CPU_OUTER_UNIT)};
    static function *const strided[] = {CPU_EACH_HEIGHT(CPU_OUTER_STRIDED)};
    function *const *by_height = in->src_row != 1 ? strided : unit;
    by_height[rows - 1](in, first, sums);
}
