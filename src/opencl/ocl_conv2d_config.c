// SPDX-License-Identifier: Apache-2.0
#include "opencl/ocl_conv2d_config.h"
#include "opencl/ocl_program.h"
#include "opencl/ocl_winograd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// NAME, rows of an item, panels and items of a group, rows, shares. The larger tile comes first,
// and of the same tile that with two shares.
#define CPU_CONFIGS(X)            \
    X("cpu-8x32", 8, 2, 1, 64, 1) \
    X("cpu-6x16", 6, 1, 1, 66, 1)
#define GPU_CONFIGS(X)                 \
    X("gpu-128x64", 8, 4, 256, 128, 1) \
    X("gpu-64x32", 8, 2, 64, 64, 1)    \
    X("gpu-32x32x2", 8, 2, 64, 32, 2)  \
    X("gpu-32x32", 4, 2, 64, 32, 1)    \
    X("gpu-64x16x2", 8, 1, 64, 64, 2)  \
    X("gpu-64x16", 4, 1, 64, 64, 1)

#define CPU_ROW(name, ...) {name, "direct " name, false, __VA_ARGS__},
#define GPU_ROW(name, ...) {name, "direct " name, true, __VA_ARGS__},
static const struct ocl_conv2d_config configs[] = {CPU_CONFIGS(CPU_ROW) GPU_CONFIGS(GPU_ROW)};
#define CONFIG_COUNT (sizeof configs / sizeof configs[0])

#define NAME(name, ...) name,
#define LISTED(name, ...) " " name

static const struct ocl_conv2d_config *find(const char *name)
{
    for (size_t i = 0; name && i < CONFIG_COUNT; i++)
        if (strcmp(configs[i].name, name) == 0)
            return &configs[i];
    return NULL;
}

// How many items of a group Intel's compiler is to compute in step, 0 to leave it the choice: the
// least that the device can, since for more of them there are not enough registers.
static int intel_subgroup(const struct ocl_context *ocl)
{
    enum { SUB_GROUP_SIZES_INTEL = 0x4108 };
    size_t sizes[16], bytes = 0;
    if (ocl->caps.kind != OCL_GPU_INTEL ||
        ocl_api.clGetDeviceInfo(ocl->device, SUB_GROUP_SIZES_INTEL, sizeof sizes, sizes, &bytes) !=
            CL_SUCCESS)
        return 0;
    size_t least = 0;
    for (size_t i = 0; i < bytes / sizeof sizes[0]; i++)
        if (least == 0 || sizes[i] < least)
            least = sizes[i];
    return (int)least;
}

// Asks the kernel itself, once for each open device. Of its two builds that for aligned tensors is
// asked, which a network needs anyway. Without local memory a group is one item, which always fits.
static clef_status kernel_takes(struct ocl_context *ocl, enum ocl_conv2d_program program,
                                const struct ocl_conv2d_config *config, bool *takes)
{
    static const char *const names[] = {
        [OCL_CONV2D] = "conv2d", [OCL_CONV2D_WEIGHTS] = "conv2d_weights"};
    _Static_assert(CONFIG_COUNT <= OCL_CONV2D_CONFIGS, "every configuration has a place");
    signed char *known = &ocl->conv2d_takes[program][config - configs];
    if (*known == 0 && config->local) {
        char options[OCL_CONV2D_OPTIONS_LENGTH];
        ocl_conv2d_options(ocl, config, true, false, options);
        CLEF_TRY(ocl_kernel_takes(ocl, names[program], options, names[program],
                                  (size_t)config->group, takes));
        *known = *takes ? 1 : -1;
    }
    *takes = *known >= 0;
    return CLEF_OK;
}

// Where sub-groups of 8 do not exist, tests/gpu_compile finds that eight rows of an item do not fit
// the registers.
static bool is_allowed(const struct ocl_context *ocl, const struct ocl_conv2d_config *config)
{
    size_t group = (size_t)config->group;
    if (config->local && config->tile > 4 && intel_subgroup(ocl) > 8)
        return false;
    return group <= ocl->caps.max_group && group <= ocl->caps.max_items[0];
}

size_t ocl_conv2d_wanted_groups(const struct ocl_context *ocl,
                                const struct ocl_conv2d_config *config)
{
    size_t units = (size_t)ocl->caps.compute_units;
    if (ocl->caps.kind == OCL_CPU)
        return 12 * units; // So that a thread that is held up leaves work to the others.
    // Intel counts each of its small units, the others what has four of them.
    size_t items = units * (ocl->caps.kind == OCL_GPU_INTEL ? 64 : 256);
    size_t groups = items / (size_t)config->group;
    return groups > 0 ? groups : 1;
}

// Eight rows of an item just fit the registers of most of Intel's devices; four surely do.
static bool has_registers(const struct ocl_context *ocl, const struct ocl_conv2d_config *config)
{
    return config->tile <= 4 || ocl->caps.kind == OCL_GPU_NVIDIA || ocl->caps.kind == OCL_GPU_AMD;
}

static bool is_enough(const struct ocl_context *ocl, const struct ocl_conv2d_config *config,
                      size_t rows, size_t panels)
{
    size_t groups =
        ocl_groups(rows, (size_t)config->rows) * ocl_groups(panels, (size_t)config->panels);
    return groups >= ocl_conv2d_wanted_groups(ocl, config);
}

// The largest tile that keeps the device busy, else the smallest that is meant for so many panels,
// else a smaller one; each only if the device and the kernel take it. NULL if they take none.
static clef_status best_for_gpu(struct ocl_context *ocl, enum ocl_conv2d_program program,
                                size_t rows, size_t panels, const struct ocl_conv2d_config **best)
{
    const struct ocl_conv2d_config *least = find(panels > 1 ? "gpu-32x32x2" : "gpu-64x16x2");
    bool takes = false;
    for (int busy = 1; busy >= 0; busy--)
        for (size_t i = 0; i < CONFIG_COUNT; i++) {
            const struct ocl_conv2d_config *c = &configs[i];
            bool wanted = busy ? panels > 1 && is_enough(ocl, c, rows, panels) : c >= least;
            if (!c->local || !wanted || !is_allowed(ocl, c) || !has_registers(ocl, c))
                continue;
            CLEF_TRY(kernel_takes(ocl, program, c, &takes));
            *best = c;
            if (takes)
                return CLEF_OK;
        }
    *best = NULL;
    return CLEF_OK;
}

bool ocl_conv2d_nothing_fits(const struct ocl_context *ocl, enum ocl_conv2d_program program)
{
    for (size_t i = 0; i < CONFIG_COUNT; i++)
        if (configs[i].local && is_allowed(ocl, &configs[i]) && has_registers(ocl, &configs[i]) &&
            ocl->conv2d_takes[program][i] >= 0)
            return false;
    return ocl->caps.kind != OCL_CPU;
}

clef_status ocl_conv2d_choose_config(struct ocl_context *ocl, enum ocl_conv2d_program program,
                                     size_t rows, size_t panels,
                                     const struct ocl_conv2d_config **config)
{
    const char *forced = getenv("CLEF_CONV_CONFIG");
    bool takes = false;
    *config = find(ocl->preferred);
    if (*config && is_allowed(ocl, *config))
        CLEF_TRY(kernel_takes(ocl, program, *config, &takes));
    if (takes)
        return CLEF_OK;
    *config = find(forced);
    if (forced && *forced && !*config)
        return clef_fail(CLEF_INVALID_ARGUMENT, "CLEF_CONV_CONFIG=%s is none of%s", forced,
                         CPU_CONFIGS(LISTED) GPU_CONFIGS(LISTED));
    if (*config)
        return CLEF_OK;
    if (ocl->caps.kind == OCL_CPU) {
        *config = find(ocl->caps.vector_width >= 16 ? "cpu-8x32" : "cpu-6x16");
        return CLEF_OK;
    }
    CLEF_TRY(best_for_gpu(ocl, program, rows, panels, config));
    return *config ? CLEF_OK
                   : clef_fail(CLEF_UNSUPPORTED,
                               "conv2d: this device takes none of%s, whose groups have at least 64 "
                               "work-items",
                               GPU_CONFIGS(LISTED));
}

void ocl_conv2d_options(const struct ocl_context *ocl, const struct ocl_conv2d_config *config,
                        bool aligned, bool transposed, char options[OCL_CONV2D_OPTIONS_LENGTH])
{
    if (config->local)
        snprintf(options, OCL_CONV2D_OPTIONS_LENGTH,
                 "-D LOCAL=1 -D TILE=%d -D PANELS=%d -D GROUP=%d -D SHARES=%d -D VECTOR=%d "
                 "-D SUBGROUP=%d",
                 config->tile, config->panels, config->group, config->shares, aligned ? 4 : 1,
                 intel_subgroup(ocl));
    else
        snprintf(options, OCL_CONV2D_OPTIONS_LENGTH,
                 "-D TILE=%d -D PANELS=%d -D ROWS=%d%s -D RANGE_TILES=%d", config->tile,
                 config->panels, config->rows, transposed ? " -D TRANSPOSED=1" : "",
                 OCL_RANGE_TILES);
}

bool ocl_conv2d_is_aligned(const struct clef_tensor *t)
{
    return ((t->offset | t->stride_n | t->stride_h | t->stride_w | (size_t)t->c) & 3) == 0;
}

// As ocl_conv2d_choose, for one preference.
static clef_status choose(const struct ocl_context *ocl, const char *preferred,
                          const struct ocl_conv2d_problem *problem,
                          enum clef_conv2d_algorithm *algorithm)
{
    enum clef_conv2d_algorithm named = clef_conv2d_find_algorithm(preferred);
    if (find(preferred))
        named = CLEF_CONV2D_DIRECT;
    CLEF_TRY(clef_conv2d_choose(problem->op, named, ocl->caps.kind == OCL_CPU, &problem->image,
                                &problem->result, &problem->window, algorithm));
    const struct ocl_winograd *winograd = ocl_winograd_find(*algorithm);
    if (winograd && !ocl_winograd_fits(ocl, winograd, problem))
        *algorithm = CLEF_CONV2D_DIRECT;
    return CLEF_OK;
}

clef_status ocl_conv2d_choose(const struct ocl_context *ocl,
                              const struct ocl_conv2d_problem *problem,
                              enum clef_conv2d_algorithm *algorithm)
{
    return choose(ocl, ocl->preferred, problem, algorithm);
}

bool ocl_conv2d_serves(const struct ocl_context *ocl, const char *alternative,
                       const struct ocl_conv2d_problem *problem)
{
    enum clef_conv2d_algorithm named = clef_conv2d_find_algorithm(alternative), algorithm;
    return !ocl_winograd_find(named) ||
           (choose(ocl, alternative, problem, &algorithm) == CLEF_OK && algorithm == named);
}

#define WINOGRAD_NAMES "winograd-4x4", "winograd-2x2", "toeplitz-2x2",

const char *const *ocl_conv2d_alternatives(const struct ocl_context *ocl)
{
    static const char *const cpu[] = {"clblast", "direct", CPU_CONFIGS(NAME) WINOGRAD_NAMES NULL};
    static const char *const gpu[] = {"clblast", "direct", GPU_CONFIGS(NAME) WINOGRAD_NAMES NULL};
    const char *const *all = ocl->caps.kind == OCL_CPU ? cpu : gpu;
    return ocl_library_open_clblast() == CLEF_OK ? all : all + 1;
}
