// SPDX-License-Identifier: Apache-2.0
// Transposition of a square of CPU_LANES vectors in registers.
#ifndef CLEF_CPU_TRANSPOSE_H
#define CLEF_CPU_TRANSPOSE_H

#include "cpu/ops/cpu_isa.h"

// Shuffles within blocks of four lanes are the cheap ones, so that vectors are first gathered from
// blocks in memory, and then each block of 4 x 4 is transposed in its place.
typedef float cpu_block __attribute__((vector_size(16), aligned(4), may_alias));

#if CPU_LANES == 16
#define CPU_PAIRS_LOW 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29
#define CPU_PAIRS_HIGH 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31
#define CPU_HALVES_LOW 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29
#define CPU_HALVES_HIGH 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31
#elif CPU_LANES == 8
#define CPU_PAIRS_LOW 0, 8, 1, 9, 4, 12, 5, 13
#define CPU_PAIRS_HIGH 2, 10, 3, 11, 6, 14, 7, 15
#define CPU_HALVES_LOW 0, 1, 8, 9, 4, 5, 12, 13
#define CPU_HALVES_HIGH 2, 3, 10, 11, 6, 7, 14, 15
#else
#define CPU_PAIRS_LOW 0, 4, 1, 5
#define CPU_PAIRS_HIGH 2, 6, 3, 7
#define CPU_HALVES_LOW 0, 1, 4, 5
#define CPU_HALVES_HIGH 2, 3, 6, 7
#endif

// Block j is the four floats at src, 4 * j rows on.
static inline cpu_vec cpu_load_blocks(const float *src)
{
    const cpu_block *first = (const cpu_block *)src;
#if CPU_LANES == 4
    return *first;
#else
    const cpu_block *second = (const cpu_block *)(src + 4 * CPU_PANEL);
#if CPU_LANES == 8
    return __builtin_shufflevector(*first, *second, 0, 1, 2, 3, 4, 5, 6, 7);
#else
    const cpu_block *third = (const cpu_block *)(src + 8 * CPU_PANEL);
    const cpu_block *fourth = (const cpu_block *)(src + 12 * CPU_PANEL);
    return __builtin_shufflevector(__builtin_shufflevector(*first, *second, 0, 1, 2, 3, 4, 5, 6, 7),
                                   __builtin_shufflevector(*third, *fourth, 0, 1, 2, 3, 4, 5, 6, 7),
                                   0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
#endif
#endif
}

// dst(i, j) = src(j, i) for i, j below CPU_LANES, rows at a stride of CPU_PANEL.
static inline void cpu_transpose(const float *src, float *dst)
{
#pragma GCC unroll 4
    for (int column = 0; column < CPU_LANES; column += 4) {
        cpu_vec a = cpu_load_blocks(src + column);
        cpu_vec b = cpu_load_blocks(src + column + CPU_PANEL);
        cpu_vec c = cpu_load_blocks(src + column + 2 * CPU_PANEL);
        cpu_vec d = cpu_load_blocks(src + column + 3 * CPU_PANEL);
        cpu_vec ab_low = __builtin_shufflevector(a, b, CPU_PAIRS_LOW);
        cpu_vec ab_high = __builtin_shufflevector(a, b, CPU_PAIRS_HIGH);
        cpu_vec cd_low = __builtin_shufflevector(c, d, CPU_PAIRS_LOW);
        cpu_vec cd_high = __builtin_shufflevector(c, d, CPU_PAIRS_HIGH);
        float *row = dst + column * CPU_PANEL;
        cpu_store(row, __builtin_shufflevector(ab_low, cd_low, CPU_HALVES_LOW));
        cpu_store(row + CPU_PANEL, __builtin_shufflevector(ab_low, cd_low, CPU_HALVES_HIGH));
        cpu_store(row + 2 * CPU_PANEL, __builtin_shufflevector(ab_high, cd_high, CPU_HALVES_LOW));
        cpu_store(row + 3 * CPU_PANEL, __builtin_shufflevector(ab_high, cd_high, CPU_HALVES_HIGH));
    }
}

#endif
