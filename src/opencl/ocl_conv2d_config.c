// SPDX-License-Identifier: Apache-2.0
#include "opencl/ocl_conv2d_config.h"

#include <stdlib.h>
#include <string.h>

// clang-format off
#define CPU_CONFIG(tile, rows) \
    {"cpu-" #tile "x16", false, tile, 1, 1, rows, \
     "-D TILE=" #tile " -D ROWS=" #rows}
#define GPU_CONFIG(tile, panels, group, rows, filters) \
    {"gpu-" #rows "x" #filters, true, tile, panels, group, rows, \
     "-D LOCAL=1 -D TILE=" #tile " -D PANELS=" #panels " -D GROUP=" #group}

// The larger tile of a kind of device comes first.
static const struct ocl_conv2d_config configs[] = {
    CPU_CONFIG(16, 64),          // 32 vector registers of 16 floats.
    CPU_CONFIG(6, 66),           // 16 of 8.
    GPU_CONFIG(8, 2, 64, 64, 32),
    GPU_CONFIG(4, 2, 64, 32, 32),
    GPU_CONFIG(4, 1, 64, 64, 16),
};
// clang-format on

#define CONFIG_COUNT (sizeof configs / sizeof configs[0])

static const struct ocl_conv2d_config *find(const char *name)
{
    for (size_t i = 0; i < CONFIG_COUNT; i++)
        if (strcmp(configs[i].name, name) == 0)
            return &configs[i];
    return NULL;
}

size_t ocl_conv2d_wanted_groups(const struct ocl_context *ocl)
{
    return (size_t)ocl->caps.compute_units * (ocl->caps.kind == OCL_CPU ? 12 : 4);
}

clef_status ocl_conv2d_choose_config(const struct ocl_context *ocl, size_t rows, size_t panels,
                                     const struct ocl_conv2d_config **config)
{
    const char *forced = getenv("CLEF_CONV_CONFIG");
    if (forced && *forced) {
        *config = find(forced);
        return *config ? CLEF_OK
                       : clef_fail(CLEF_INVALID_ARGUMENT,
                                   "CLEF_CONV_CONFIG=%s is none of cpu-16x16, cpu-6x16, gpu-64x32, "
                                   "gpu-32x32, gpu-64x16",
                                   forced);
    }
    if (ocl->caps.kind == OCL_CPU) {
        *config = find(ocl->caps.vector_width >= 16 ? "cpu-16x16" : "cpu-6x16");
        return CLEF_OK;
    }
    *config = find("gpu-64x32");
    size_t groups = ocl_groups(rows, (size_t)(*config)->rows) * ocl_groups(panels, 2);
    if (groups < ocl_conv2d_wanted_groups(ocl))
        *config = find("gpu-32x32");
    return CLEF_OK;
}

clef_status ocl_conv2d_use_clblast(bool *clblast)
{
    const char *choice = getenv("CLEF_CONV");
    *clblast = choice && strcmp(choice, "clblast") == 0;
    if (!choice || !*choice || *clblast || strcmp(choice, "direct") == 0)
        return CLEF_OK;
    return clef_fail(CLEF_INVALID_ARGUMENT, "CLEF_CONV=%s is neither direct nor clblast", choice);
}
