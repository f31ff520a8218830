// SPDX-License-Identifier: Apache-2.0
// Each file of this folder is compiled once per instruction set with CPU_ISA set to its name.
// Everything external is declared through CPU_NAME, so that the versions live side by side; all
// else is static.
#ifndef CLEF_CPU_ISA_H
#define CLEF_CPU_ISA_H

#include "cpu/cpu.h"

#define CPU_PASTE_EXPANDED(name, isa) cpu_##name##_##isa
#define CPU_PASTE(name, isa) CPU_PASTE_EXPANDED(name, isa)
#define CPU_NAME(name) CPU_PASTE(name, CPU_ISA)

// Floats in a vector, and rows of the matrix tile: as many as the registers hold beside two vectors
// of weights.
#if defined(__AVX512F__)
#define CPU_LANES 16
#define CPU_TILE_ROWS 12
#elif defined(__AVX2__)
#define CPU_LANES 8
#define CPU_TILE_ROWS 6
#elif defined(__aarch64__)
#define CPU_LANES 4
#define CPU_TILE_ROWS 12
#else
#define CPU_LANES 4
#define CPU_TILE_ROWS 6
#endif

// Filters in a panel of weights: two vectors.
#define CPU_PANEL (2 * CPU_LANES)

// A vector of floats; loads and stores through it need no alignment. The element says that it may
// alias: where one vector type says both, GCC 14 for aarch64 fails with an internal error.
typedef float cpu_float __attribute__((may_alias));
typedef int cpu_int __attribute__((may_alias));
typedef cpu_float cpu_vec __attribute__((vector_size(CPU_LANES * 4), aligned(4)));
typedef cpu_int cpu_ivec __attribute__((vector_size(CPU_LANES * 4), aligned(4)));

static inline cpu_vec cpu_load(const float *address)
{
    return *(const cpu_vec *)address;
}

static inline void cpu_store(float *address, cpu_vec value)
{
    *(cpu_vec *)address = value;
}

static inline cpu_vec cpu_splat(float value)
{
    return value -
           (cpu_vec){0}; // Not a sum: x - 0 is x for every x, so that no instruction remains.
}

// The first `count` < CPU_LANES elements, zero in the other lanes.
static inline cpu_vec cpu_load_part(const float *address, int count)
{
    cpu_vec value = {0};
    for (int lane = 0; lane < count; lane++)
        value[lane] = address[lane];
    return value;
}

static inline void cpu_store_part(float *address, cpu_vec value, int count)
{
    for (int lane = 0; lane < count; lane++)
        address[lane] = value[lane];
}

// max(0, x), with NaN kept.
static inline cpu_vec cpu_relu(cpu_vec x)
{
    cpu_ivec negative = x < (cpu_vec){0};
    return (cpu_vec)(~negative & (cpu_ivec)x);
}

// x where mask_source > 0, else 0.
static inline cpu_vec cpu_where_positive(cpu_vec mask_source, cpu_vec x)
{
    cpu_ivec positive = mask_source > (cpu_vec){0};
    return (cpu_vec)(positive & (cpu_ivec)x);
}

#define CPU_DECLARE_OP(op)                                                                   \
    clef_status CPU_NAME(op)(void *context, const struct clef_##op##_args *args,             \
                             const struct clef_tensor *scratch, struct clef_plan_info *info, \
                             struct clef_plan **plan);
CLEF_OP_LIST(CPU_DECLARE_OP)

double CPU_NAME(measure_flops)(struct cpu_context *context);

#endif
