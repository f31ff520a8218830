// SPDX-License-Identifier: Apache-2.0
// Multiplication of vectors by one of Winograd's matrices. The matrix is a constant of the caller:
// loops are unrolled, and zeros and ones leave no instruction.
#ifndef CLEF_CPU_WINOGRAD_TRANSFORM_H
#define CLEF_CPU_WINOGRAD_TRANSFORM_H

#include "cpu/ops/cpu_isa.h"
#include "cpu/ops/cpu_winograd_matrices.h"

#ifndef CPU_TRANSFORM
#define CPU_TRANSFORM static inline __attribute__((always_inline))
#endif

// Adds `factor` times x to a sum that has begun or not.
CPU_TRANSFORM void cpu_add_term(const float factor, cpu_vec x, bool *begun, cpu_vec *sum)
{
    if (factor == 0)
        return;
    *sum = *begun ? *sum + factor * x : factor * x;
    *begun = true;
}

CPU_TRANSFORM bool cpu_begins_pair(const struct cpu_winograd_matrix *m, const int point)
{
    return point % 2 == 1 && point < 2 * m->pairs;
}

CPU_TRANSFORM bool cpu_ends_pair(const struct cpu_winograd_matrix *m, const int point)
{
    return point > 0 && point % 2 == 0 && point <= 2 * m->pairs;
}

// out(j) = sum over i of m(j, i) * in(i)
CPU_TRANSFORM void cpu_to_points(const struct cpu_winograd_matrix *m, const cpu_vec *in,
                                 cpu_vec *out)
{
#pragma GCC unroll 6
    for (int j = 0; j < m->points; j++) {
        if (cpu_ends_pair(m, j))
            continue;
        cpu_vec even = {0}, odd = {0}, all = {0};
        bool has_even = false, has_odd = false, has_any = false;
#pragma GCC unroll 6
        for (int i = 0; i < m->width; i++) {
            if (!cpu_begins_pair(m, j))
                cpu_add_term(m->at[j][i], in[i], &has_any, &all);
            else if (i % 2 == 0)
                cpu_add_term(m->at[j][i], in[i], &has_even, &even);
            else
                cpu_add_term(m->at[j][i], in[i], &has_odd, &odd);
        }
        if (cpu_begins_pair(m, j)) {
            out[j] = even + odd;
            out[j + 1] = even - odd;
        } else {
            out[j] = all;
        }
    }
}

// out(i) = sum over j of m(j, i) * in(j)
CPU_TRANSFORM void cpu_from_points(const struct cpu_winograd_matrix *m, const cpu_vec *in,
                                   cpu_vec *out)
{
    cpu_vec sum[CPU_WINOGRAD_POINTS], difference[CPU_WINOGRAD_POINTS];
#pragma GCC unroll 6
    for (int j = 0; j < m->points; j++) {
        sum[j] = difference[j] = in[j];
        if (cpu_begins_pair(m, j)) {
            sum[j] += in[j + 1];
            difference[j] -= in[j + 1];
        }
    }
#pragma GCC unroll 6
    for (int i = 0; i < m->width; i++) {
        cpu_vec total = {0};
        bool begun = false;
#pragma GCC unroll 6
        for (int j = 0; j < m->points; j++)
            if (!cpu_ends_pair(m, j))
                cpu_add_term(m->at[j][i], i % 2 == 0 ? sum[j] : difference[j], &begun, &total);
        out[i] = total;
    }
}

#endif
