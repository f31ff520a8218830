// SPDX-License-Identifier: Apache-2.0
#include "gpu_compile/recorded_devices.h"
#include "gpu_compile/recording.h"

#include <string.h>

#define DEVICES (sizeof recorded_devices / sizeof recorded_devices[0])
#define PLATFORMS (sizeof recorded_platforms / sizeof recorded_platforms[0])

// Of the extension cl_intel_required_subgroup_size: an array of size_t.
#define DEVICE_SUB_GROUP_SIZES_INTEL 0x4108

// A platform or device is known by its place in these.
struct _cl_platform_id {
    char unused;
};
struct _cl_device_id {
    char unused;
};
static struct _cl_platform_id platforms[PLATFORMS];
static struct _cl_device_id devices[DEVICES];

static cl_int give_text(const char *text, size_t size, void *result, size_t *needed)
{
    return give(text, strlen(text) + 1, size, result, needed);
}
cl_int clGetPlatformIDs(cl_uint room, cl_platform_id *list, cl_uint *count)
{
    for (cl_uint i = 0; list && i < room && i < PLATFORMS; i++)
        list[i] = &platforms[i];
    if (count)
        *count = PLATFORMS;
    return CL_SUCCESS;
}

cl_int clGetPlatformInfo(cl_platform_id platform, cl_platform_info what, size_t size, void *result,
                         size_t *needed)
{
    const struct recorded_platform *p = &recorded_platforms[platform - platforms];
    switch (what) {
    case CL_PLATFORM_NAME:
        return give_text(p->name, size, result, needed);
    case CL_PLATFORM_VENDOR:
        return give_text(p->vendor, size, result, needed);
    case CL_PLATFORM_VERSION:
        return give_text(p->version, size, result, needed);
    default:
        return give_text("", size, result, needed);
    }
}

cl_int clGetDeviceIDs(cl_platform_id platform, cl_device_type type, cl_uint room,
                      cl_device_id *list, cl_uint *count)
{
    cl_uint found = 0;
    for (size_t i = 0; i < DEVICES; i++) {
        if (&platforms[recorded_devices[i].platform] != platform || !(type & CL_DEVICE_TYPE_GPU))
            continue;
        if (list && found < room)
            list[found] = &devices[i];
        found++;
    }
    if (count)
        *count = found;
    return found ? CL_SUCCESS : CL_DEVICE_NOT_FOUND;
}

static cl_int give_device_text(const struct recorded_device *d, cl_device_info what, size_t size,
                               void *result, size_t *needed)
{
    const struct recorded_platform *p = &recorded_platforms[d->platform];
    switch (what) {
    case CL_DEVICE_NAME:
        return give_text(d->name, size, result, needed);
    case CL_DEVICE_VENDOR:
        return give_text(p->vendor, size, result, needed);
    case CL_DEVICE_VERSION:
        return give_text(p->version, size, result, needed);
    case CL_DEVICE_OPENCL_C_VERSION:
        return give_text(p->c_version, size, result, needed);
    case CL_DEVICE_EXTENSIONS:
        return give_text(p->extensions, size, result, needed);
    case CL_DEVICE_PROFILE:
        return give_text("FULL_PROFILE", size, result, needed);
    case CL_DRIVER_VERSION:
        return give_text("recording", size, result, needed);
    default:
        return CL_INVALID_VALUE;
    }
}

static cl_int give_subgroup_sizes(const struct recorded_device *d, size_t size, void *result,
                                  size_t *needed)
{
    static const size_t sizes[] = {8, 16, 32};
    const size_t skipped = d->smallest_subgroup == 16;
    return d->smallest_subgroup ? give(sizes + skipped, sizeof sizes - skipped * sizeof sizes[0],
                                       size, result, needed)
                                : CL_INVALID_VALUE;
}

cl_int clGetDeviceInfo(cl_device_id device, cl_device_info what, size_t size, void *result,
                       size_t *needed)
{
    const struct recorded_device *d = &recorded_devices[device - devices];
    const cl_device_fp_config all = CL_FP_DENORM | CL_FP_INF_NAN | CL_FP_ROUND_TO_NEAREST |
                                    CL_FP_ROUND_TO_ZERO | CL_FP_ROUND_TO_INF | CL_FP_FMA;
    const size_t items[3] = {d->max_items, d->max_items, d->max_items_z};
    switch (what) {
    case CL_DEVICE_TYPE:
        return GIVE(cl_device_type, CL_DEVICE_TYPE_GPU);
    case CL_DEVICE_PLATFORM:
        return GIVE(cl_platform_id, &platforms[d->platform]);
    case CL_DEVICE_VENDOR_ID:
        return GIVE(cl_uint, recorded_platforms[d->platform].vendor_id);
    case CL_DEVICE_MAX_COMPUTE_UNITS:
        return GIVE(cl_uint, d->compute_units);
    case CL_DEVICE_MAX_CLOCK_FREQUENCY:
        return GIVE(cl_uint, 1500);
    case CL_DEVICE_MAX_WORK_GROUP_SIZE:
        return GIVE(size_t, d->max_group);
    case CL_DEVICE_MAX_WORK_ITEM_DIMENSIONS:
        return GIVE(cl_uint, 3);
    case CL_DEVICE_MAX_WORK_ITEM_SIZES:
        return give(items, sizeof items, size, result, needed);
    case CL_DEVICE_LOCAL_MEM_SIZE:
        return GIVE(cl_ulong, (cl_ulong)d->local_kib << 10);
    case CL_DEVICE_GLOBAL_MEM_SIZE:
        return GIVE(cl_ulong, (cl_ulong)d->memory_gib << 30);
    case CL_DEVICE_MAX_MEM_ALLOC_SIZE:
        return GIVE(cl_ulong, (cl_ulong)d->memory_gib << 28);
    case CL_DEVICE_MEM_BASE_ADDR_ALIGN:
        return GIVE(cl_uint, d->alignment_bits);
    case CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT:
    case CL_DEVICE_PREFERRED_VECTOR_WIDTH_FLOAT:
        return GIVE(cl_uint, 1);
    case CL_DEVICE_HOST_UNIFIED_MEMORY:
        return GIVE(cl_bool, d->host_memory);
    case CL_DEVICE_SINGLE_FP_CONFIG:
        return GIVE(cl_device_fp_config, all | CL_FP_CORRECTLY_ROUNDED_DIVIDE_SQRT);
    case CL_DEVICE_DOUBLE_FP_CONFIG:
        return GIVE(cl_device_fp_config, d->fp64 ? all : 0);
    case CL_DEVICE_AVAILABLE:
    case CL_DEVICE_COMPILER_AVAILABLE:
        return GIVE(cl_bool, CL_TRUE);
    case DEVICE_SUB_GROUP_SIZES_INTEL:
        return give_subgroup_sizes(d, size, result, needed);
    default:
        return give_device_text(d, what, size, result, needed);
    }
}
