// SPDX-License-Identifier: Apache-2.0
// Transposition of a square of CPU_LANES vectors in registers.
#ifndef CLEF_CPU_TRANSPOSE_H
#define CLEF_CPU_TRANSPOSE_H

#include "cpu/ops/cpu_isa.h"

#if CPU_LANES == 16
#define CPU_INTERLEAVE_LOW 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define CPU_INTERLEAVE_HIGH 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#elif CPU_LANES == 8
#define CPU_INTERLEAVE_LOW 0, 8, 1, 9, 2, 10, 3, 11
#define CPU_INTERLEAVE_HIGH 4, 12, 5, 13, 6, 14, 7, 15
#else
#define CPU_INTERLEAVE_LOW 0, 4, 1, 5
#define CPU_INTERLEAVE_HIGH 2, 6, 3, 7
#endif

// dst(i, j) = src(j, i) for i, j below CPU_LANES, rows at a stride of CPU_PANEL. Interleaving row i
// with row i + CPU_LANES/2 moves each element's row number one bit into its column number; after
// log2(CPU_LANES) rounds all bits have changed places.
static inline void cpu_transpose(const float *src, float *dst)
{
    cpu_vec rows[2][CPU_LANES];
#pragma GCC unroll 16
    for (int i = 0; i < CPU_LANES; i++)
        rows[0][i] = cpu_load(src + i * CPU_PANEL);
    int from = 0;
#pragma GCC unroll 4
    for (int round = 1; round < CPU_LANES; round *= 2, from ^= 1)
#pragma GCC unroll 8
        for (int i = 0; i < CPU_LANES / 2; i++) {
            cpu_vec a = rows[from][i], b = rows[from][i + CPU_LANES / 2];
            rows[from ^ 1][2 * i] = __builtin_shufflevector(a, b, CPU_INTERLEAVE_LOW);
            rows[from ^ 1][2 * i + 1] = __builtin_shufflevector(a, b, CPU_INTERLEAVE_HIGH);
        }
#pragma GCC unroll 16
    for (int i = 0; i < CPU_LANES; i++)
        cpu_store(dst + i * CPU_PANEL, rows[from][i]);
}

#endif
