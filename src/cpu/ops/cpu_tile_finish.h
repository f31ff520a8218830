// SPDX-License-Identifier: Apache-2.0
// The last step of a product: sums of a panel become rows of the target.
#ifndef CLEF_CPU_TILE_FINISH_H
#define CLEF_CPU_TILE_FINISH_H

#include "cpu/ops/cpu_isa.h"

// Where the rows of a product go, and what is done to them on the way.
struct cpu_tile_output {
    float *dst;          // First element of the panel in row 0.
    size_t dst_row;      // Stride between rows.
    const float *bias;   // Of the panel; NULL for none.
    const float *addend; // As dst, with the same stride; NULL for none.
    int lanes;           // Filters of the panel that exist, 1 .. CPU_PANEL.
    bool relu;
};

// Writes the first `lanes` elements of a vector, all if it has fewer, to `lane` of the row at
// `row`.
static inline void cpu_finish_vector(cpu_vec value, int lane, int lanes, size_t row,
                                     const struct cpu_tile_output *out)
{
    float *dst = out->dst + row + lane;
    const float *bias = out->bias ? out->bias + lane : NULL;
    const float *addend = out->addend ? out->addend + row + lane : NULL;
    bool whole = lanes >= CPU_LANES;
    if (bias)
        value += whole ? cpu_load(bias) : cpu_load_part(bias, lanes);
    if (addend)
        value += whole ? cpu_load(addend) : cpu_load_part(addend, lanes);
    if (out->relu)
        value = cpu_relu(value);
    if (whole)
        cpu_store(dst, value);
    else
        cpu_store_part(dst, value, lanes);
}

// `lanes` are out->lanes, known to the compiler where all of a panel exist.
static inline __attribute__((always_inline)) void
cpu_finish_rows(int rows, const float *sums, const int lanes, const struct cpu_tile_output *out)
{
    for (int row = 0; row < rows; row++)
#pragma GCC unroll 2
        for (int lane = 0; lane < CPU_PANEL; lane += CPU_LANES)
            if (lane < lanes)
                cpu_finish_vector(cpu_load(sums + row * CPU_PANEL + lane), lane, lanes - lane,
                                  (size_t)row * out->dst_row, out);
}

// Writes `rows` rows of sums, CPU_PANEL floats each.
static inline void cpu_tile_finish(int rows, const float *sums,
                                   const struct cpu_tile_output *output)
{
    const struct cpu_tile_output out = *output; // Which nothing that is written aliases.
    if (out.lanes == CPU_PANEL)
        cpu_finish_rows(rows, sums, CPU_PANEL, &out);
    else
        cpu_finish_rows(rows, sums, out.lanes, &out);
}

#endif
