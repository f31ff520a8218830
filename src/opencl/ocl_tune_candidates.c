// SPDX-License-Identifier: Apache-2.0
#include "opencl/ocl_tune_candidates.h"
#include "core/philox.h"

#include <string.h>

#define SEED 1
#define MAX_RANDOM 1000
#define DRAWS 10000 // Most draws are not sound.

typedef size_t xgemm[16];
typedef size_t direct[10];

// clang-format off
// GEMMK KREG KWG KWI MDIMA MDIMC MWG NDIMB NDIMC NWG SA SB STRM STRN VWM VWN
static const xgemm cpu_xgemm[] = {
    // The first two are what makes PoCL and Intel's driver more than three times as fast as the
    // default: vectors of an item, 16 x 4 sums in registers; and scalars, for compilers that make
    // vectors of neighbouring items. Then others of both kinds.
    {1, 1,  1, 1,  4,  4,  64, 16, 16,  64, 0, 0, 0, 0, 16, 1},
    {1, 1,  1, 1, 32, 32,  32,  4,  4,  32, 0, 0, 0, 0,  1, 1},
    {1, 1,  1, 1,  2,  2,  32,  8,  8,  32, 0, 0, 0, 0, 16, 1},
    {1, 1,  1, 1, 64, 64,  64,  8,  8,  64, 0, 0, 0, 0,  1, 1},
    {1, 1,  1, 1,  4,  4,  64,  8,  8,  64, 0, 0, 0, 0, 16, 1},
    {1, 4,  1, 1, 64, 64,  64,  8,  8,  64, 0, 0, 0, 0,  1, 4},
    {1, 1,  1, 1,  8,  8,  64, 16, 16,  64, 0, 0, 0, 0,  8, 1},
    {0, 1, 32, 2, 16, 16, 128,  8,  8, 128, 0, 0, 0, 0,  8, 4},
};
static const xgemm gpu_xgemm[] = {
    {0, 1, 16, 2, 16, 16,  64, 16, 16,  64, 1, 1, 0, 0,  4, 4},
    {0, 1, 32, 2,  8,  8,  64,  8,  8,  64, 1, 1, 0, 0,  4, 4},
    {0, 1, 16, 2, 16, 16, 128, 16, 16, 128, 1, 1, 0, 0,  4, 4},
    {0, 1, 16, 2,  8,  8,  64,  8,  8,  64, 0, 0, 0, 0,  4, 4},
    {0, 1, 16, 2, 16, 16, 128,  8,  8,  64, 1, 1, 0, 0,  4, 4},
    {0, 1, 32, 2, 16, 16,  64,  8,  8,  64, 1, 1, 0, 0,  4, 4},
    {1, 4,  1, 1,  8,  8,  64,  8,  8,  64, 0, 0, 0, 0,  4, 4},
    {1, 1,  1, 1, 16, 16,  64, 16, 16,  64, 0, 0, 0, 0,  4, 1},
};
// KWID MDIMAD MDIMCD NDIMBD NDIMCD PADA PADB VWMD VWND WGD
static const direct cpu_direct[] = {
    { 2,  8,  8,  8,  8, 0, 0, 4, 4, 64},
    { 8,  8,  8,  8,  8, 0, 0, 8, 8, 64},
    { 2,  8,  8,  8,  8, 1, 1, 4, 4, 32},
    {16,  8,  8, 16, 16, 0, 0, 8, 4, 64},
};
static const direct gpu_direct[] = {
    { 2,  8,  8,  8,  8, 1, 1, 4, 4, 32},
    { 2, 16, 16, 16, 16, 1, 1, 2, 2, 32},
    { 2, 16,  8,  8,  8, 1, 1, 2, 4, 32},
    { 8,  8,  8,  8,  8, 0, 0, 4, 4, 64},
    { 2,  8,  8, 16,  8, 1, 1, 4, 2, 32},
};
// clang-format on

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

// ---------------------------------------------------------------- random ones

// Draws numbers in a fixed order.
struct draw {
    uint32_t stream;
    uint64_t index;
};

static size_t pick(struct draw *draw, const size_t *values, size_t count)
{
    uint32_t words[4];
    clef_philox(SEED, CLEF_RANDOM_SHUFFLE, draw->stream, draw->index++, words);
    return values[words[0] % count];
}

// One of the listed numbers.
#define PICK(draw, ...)                       \
    pick(draw, (const size_t[]){__VA_ARGS__}, \
         sizeof((const size_t[]){__VA_ARGS__}) / sizeof(size_t))

static void draw_xgemm(struct draw *draw, bool cpu, size_t *v)
{
    v[OCL_GEMMK] = cpu ? PICK(draw, 0, 1, 1, 1) : PICK(draw, 0, 0, 0, 1);
    bool registers = v[OCL_GEMMK] == 1;
    v[OCL_KREG] = registers ? PICK(draw, 1, 1, 2, 4, 8) : 1;
    v[OCL_KWG] = registers ? 1 : PICK(draw, 16, 32);
    v[OCL_KWI] = registers ? 1 : PICK(draw, 2, 8);
    v[OCL_MDIMC] = cpu ? PICK(draw, 1, 2, 4, 8, 16, 32, 64) : PICK(draw, 8, 16, 32);
    v[OCL_NDIMC] = cpu ? PICK(draw, 2, 4, 8, 16) : PICK(draw, 8, 16, 32);
    v[OCL_MWG] = PICK(draw, 32, 64, 64, 128);
    v[OCL_NWG] = registers ? v[OCL_MWG] : PICK(draw, 32, 64, 64, 128);
    v[OCL_MDIMA] = registers ? v[OCL_MDIMC] : PICK(draw, 4, 8, 16, 32);
    v[OCL_NDIMB] = registers ? v[OCL_NDIMC] : PICK(draw, 4, 8, 16, 32);
    v[OCL_SA] = registers || cpu ? 0 : PICK(draw, 0, 1);
    v[OCL_SB] = registers || cpu ? 0 : PICK(draw, 0, 1);
    v[OCL_STRM] = registers ? 0 : PICK(draw, 0, 1);
    v[OCL_STRN] = registers ? 0 : PICK(draw, 0, 1);
    v[OCL_VWM] = cpu ? PICK(draw, 1, 8, 16) : PICK(draw, 1, 2, 4, 8);
    v[OCL_VWN] = PICK(draw, 1, 2, 4);
}

static void draw_direct(struct draw *draw, bool cpu, size_t *v)
{
    v[OCL_WGD] = cpu ? PICK(draw, 16, 32, 64) : PICK(draw, 8, 16, 32, 64);
    v[OCL_MDIMCD] = PICK(draw, 4, 8, 16);
    v[OCL_NDIMCD] = PICK(draw, 4, 8, 16);
    v[OCL_MDIMAD] = PICK(draw, 4, 8, 16, 32);
    v[OCL_NDIMBD] = PICK(draw, 4, 8, 16, 32);
    v[OCL_KWID] = PICK(draw, 2, 8, 16);
    v[OCL_VWMD] = PICK(draw, 1, 2, 4, 8);
    v[OCL_VWND] = PICK(draw, 1, 2, 4, 8);
    v[OCL_PADA] = PICK(draw, 0, 1);
    v[OCL_PADB] = PICK(draw, 0, 1);
}

// Whether the sums of an item have a chance to stay in registers.
static bool fits_registers(bool cpu, enum ocl_clblast_kernel kernel, const size_t *v)
{
    size_t sums = kernel == OCL_XGEMM ? v[OCL_MWG] / v[OCL_MDIMC] * (v[OCL_NWG] / v[OCL_NDIMC])
                                      : v[OCL_WGD] / v[OCL_MDIMCD] * (v[OCL_WGD] / v[OCL_NDIMCD]);
    return sums <= (cpu ? 512 : 64) && sums >= (v[OCL_VWM] > 4 && kernel == OCL_XGEMM ? 32 : 8);
}

static bool draw_sound(const struct ocl_caps *caps, enum ocl_clblast_kernel kernel, int number,
                       size_t *values)
{
    bool cpu = caps->kind == OCL_CPU;
    struct draw draw = {.stream = (uint32_t)number};
    for (int i = 0; i < DRAWS; i++) {
        if (kernel == OCL_XGEMM)
            draw_xgemm(&draw, cpu, values);
        else
            draw_direct(&draw, cpu, values);
        if (fits_registers(cpu, kernel, values) && ocl_clblast_is_sound(caps, kernel, values))
            return true;
    }
    return false;
}

// Copies row `number` of a table that is sound; *number becomes what is left after the table.
static bool from_table(const struct ocl_caps *caps, enum ocl_clblast_kernel kernel,
                       const size_t *table, int rows, int *number, size_t *values)
{
    int width = ocl_clblast_param_count(kernel);
    for (int i = 0; i < rows; i++) {
        const size_t *row = table + (size_t)i * (size_t)width;
        if (!ocl_clblast_is_sound(caps, kernel, row) || (*number)-- > 0)
            continue;
        memcpy(values, row, (size_t)width * sizeof *row);
        return true;
    }
    return false;
}

bool ocl_tune_candidate(const struct ocl_caps *caps, enum ocl_clblast_kernel kernel, int number,
                        size_t values[OCL_CLBLAST_MAX_PARAMS])
{
    bool cpu = caps->kind == OCL_CPU, large = kernel == OCL_XGEMM;
    const size_t *table =
        large ? (cpu ? cpu_xgemm[0] : gpu_xgemm[0]) : (cpu ? cpu_direct[0] : gpu_direct[0]);
    int rows = large ? (cpu ? COUNT(cpu_xgemm) : COUNT(gpu_xgemm))
                     : (cpu ? COUNT(cpu_direct) : COUNT(gpu_direct));
    if (from_table(caps, kernel, table, rows, &number, values))
        return true;
    return number < MAX_RANDOM && draw_sound(caps, kernel, number, values);
}
