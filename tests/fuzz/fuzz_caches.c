// SPDX-License-Identifier: Apache-2.0
// What is kept of an OpenCL device: what was tuned, which is JSON, and compiled kernels.
#include "fuzz.h"

#include "opencl/ocl_cache.h"
#include "opencl/ocl_conv2d_config.h"
#include "opencl/ocl_tuned.h"

#include <stdlib.h>

// A graphics processor, which has most alternatives.
static const struct ocl_context context = {.caps = {.kind = OCL_GPU_AMD,
                                                    .compute_units = 32,
                                                    .max_group = 256,
                                                    .max_items = {256, 256, 256},
                                                    .local_memory = 64 << 10,
                                                    .is_gpu = true}};
static const struct ocl_identity identity = {"Platform", "Device", "1.0", "OpenCL 3.0"};

// CLBlast is asked for the alternatives, and stays loaded.
static void load_libraries(void)
{
    ocl_conv2d_alternatives(&context);
}

static bool is_tuned(const uint8_t *bytes, size_t size)
{
    return size > 0 && bytes[0] == '{';
}

static void read_tuned(const char *path)
{
    struct ocl_context ocl = context;
    if (ocl_tuned_read(&ocl, &identity, path) == CLEF_OK)
        ocl_tuned_free(ocl.tuned);
}

static void read_kernel(const char *path)
{
    const struct clef_hash key = {1, 2};
    size_t size;
    free(ocl_cache_read(path, key, &size));
}

static void read_input(const char *path, const uint8_t *bytes, size_t size)
{
    if (is_tuned(bytes, size))
        read_tuned(path);
    else
        read_kernel(path);
}

static size_t bound(const uint8_t *bytes, size_t size)
{
    return is_tuned(bytes, size) ? 100 * size + (128 << 10) : size + (16 << 10);
}

const struct fuzz_target fuzz_target = {
    .prepare = load_libraries, .read = read_input, .bound = bound};
