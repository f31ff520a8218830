// SPDX-License-Identifier: Apache-2.0
// The devices are listed in the order of platforms, and each list is asked anew: nothing is kept
// that a driver could invalidate.
#include "opencl/ocl_device.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define MAX_PLATFORMS 32
#define MAX_DEVICES 64 // Of a platform.

struct found_devices {
    struct {
        cl_platform_id platform;
        cl_device_id device;
    } rows[MAX_DEVICES];
    int count;
};

static clef_status find_devices(struct found_devices *found)
{
    found->count = 0;
    CLEF_TRY(ocl_library_open());
    cl_platform_id platforms[MAX_PLATFORMS];
    cl_uint platform_count = 0;
    OCL_TRY(clGetPlatformIDs, (MAX_PLATFORMS, platforms, &platform_count),
            "no OpenCL driver is installed: pocl-opencl-icd runs on any processor");
    for (cl_uint p = 0; p < platform_count && p < MAX_PLATFORMS; p++) {
        cl_device_id devices[MAX_DEVICES];
        cl_uint count = 0;
        if (ocl_api.clGetDeviceIDs(platforms[p], CL_DEVICE_TYPE_ALL, MAX_DEVICES, devices,
                                   &count) != CL_SUCCESS)
            continue;
        for (cl_uint d = 0; d < count && found->count < MAX_DEVICES; d++) {
            found->rows[found->count].platform = platforms[p];
            found->rows[found->count++].device = devices[d];
        }
    }
    return found->count > 0 ? CLEF_OK
                            : clef_fail(CLEF_NOT_FOUND, "no OpenCL platform has a device");
}

int ocl_enumerate(void)
{
    struct found_devices found;
    // A list without a device has one row, which says why.
    return find_devices(&found) == CLEF_OK ? found.count : 1;
}

clef_status ocl_find(int index, cl_platform_id *platform, cl_device_id *device)
{
    struct found_devices found;
    CLEF_TRY(find_devices(&found));
    if (index >= found.count)
        return clef_fail(CLEF_NOT_FOUND, "OpenCL device %d is gone: there are %d now", index,
                         found.count);
    *platform = found.rows[index].platform;
    *device = found.rows[index].device;
    return CLEF_OK;
}

// Copies a text, which some drivers surround with spaces; "" if the driver does not tell.
static void device_text(cl_device_id device, cl_device_info what, char *text, size_t size)
{
    char raw[1024] = "";
    if (ocl_api.clGetDeviceInfo(device, what, sizeof raw - 1, raw, NULL) != CL_SUCCESS)
        raw[0] = '\0';
    const char *begin = raw + strspn(raw, " ");
    size_t length = strlen(begin);
    while (length > 0 && begin[length - 1] == ' ')
        length--;
    snprintf(text, size, "%.*s", (int)length, begin);
}

static bool text_has(const char *text, const char *part)
{
    for (size_t length = strlen(part); *text; text++)
        if (strncasecmp(text, part, length) == 0)
            return true;
    return false;
}

static enum ocl_kind device_kind(cl_device_id device, cl_device_type type)
{
    if (type & CL_DEVICE_TYPE_CPU)
        return OCL_CPU;
    char vendor[256];
    device_text(device, CL_DEVICE_VENDOR, vendor, sizeof vendor);
    if (text_has(vendor, "nvidia"))
        return OCL_GPU_NVIDIA;
    if (text_has(vendor, "advanced micro devices") || text_has(vendor, "amd"))
        return OCL_GPU_AMD;
    return text_has(vendor, "intel") ? OCL_GPU_INTEL : OCL_GPU_OTHER;
}

clef_status ocl_read_caps(cl_device_id device, struct ocl_caps *caps)
{
    cl_device_type type = 0;
    cl_uint units = 0, alignment_bits = 0, width = 0;
    cl_ulong local = 0, memory = 0, max_buffer = 0;
    cl_bool unified = CL_FALSE;
    cl_device_fp_config single = 0, full = 0;
#define READ(what, variable)                                                                  \
    OCL_TRY(clGetDeviceInfo, (device, CL_DEVICE_##what, sizeof(variable), &(variable), NULL), \
            "asked for CL_DEVICE_" #what)
    READ(TYPE, type);
    READ(MAX_COMPUTE_UNITS, units);
    READ(MAX_WORK_GROUP_SIZE, caps->max_group);
    READ(MAX_WORK_ITEM_SIZES, caps->max_items);
    READ(LOCAL_MEM_SIZE, local);
    READ(GLOBAL_MEM_SIZE, memory);
    READ(MAX_MEM_ALLOC_SIZE, max_buffer);
    READ(MEM_BASE_ADDR_ALIGN, alignment_bits);
    READ(NATIVE_VECTOR_WIDTH_FLOAT, width);
    READ(HOST_UNIFIED_MEMORY, unified);
    READ(SINGLE_FP_CONFIG, single);
    READ(DOUBLE_FP_CONFIG, full);
#undef READ
    char extensions[8192], version[128];
    device_text(device, CL_DEVICE_EXTENSIONS, extensions, sizeof extensions);
    device_text(device, CL_DEVICE_OPENCL_C_VERSION, version, sizeof version);
    int major = 1, minor = 2;
    sscanf(version, "OpenCL C %d.%d", &major, &minor);
    caps->kind = device_kind(device, type);
    caps->compute_units = (int)units;
    caps->local_memory = (size_t)local;
    caps->memory = memory;
    caps->max_buffer = max_buffer;
    caps->alignment = alignment_bits / 8;
    caps->vector_width = width ? (int)width : 1;
    caps->c_version = 100 * major + 10 * minor;
    caps->host_memory = caps->kind == OCL_CPU || unified;
    caps->fp16 = text_has(extensions, "cl_khr_fp16");
    caps->fp64 = full != 0;
    caps->exact_division = (single & CL_FP_CORRECTLY_ROUNDED_DIVIDE_SQRT) != 0;
    return CLEF_OK;
}

void ocl_describe(int index, struct clef_device_info *info)
{
    memset(info, 0, sizeof *info);
    snprintf(info->backend, sizeof info->backend, "opencl");
    info->filter_panel = OCL_PANEL;
    cl_platform_id platform;
    cl_device_id device;
    struct ocl_caps caps = {0};
    if (ocl_find(index, &platform, &device) != CLEF_OK) {
        snprintf(info->name, sizeof info->name, "none");
        snprintf(info->unusable, sizeof info->unusable, "%s", clef_last_error());
        return;
    }
    device_text(device, CL_DEVICE_NAME, info->name, sizeof info->name);
    device_text(device, CL_DEVICE_VENDOR, info->vendor, sizeof info->vendor);
    device_text(device, CL_DRIVER_VERSION, info->driver, sizeof info->driver);
    cl_bool compiler = CL_FALSE, available = CL_FALSE;
    ocl_api.clGetDeviceInfo(device, CL_DEVICE_COMPILER_AVAILABLE, sizeof compiler, &compiler, NULL);
    ocl_api.clGetDeviceInfo(device, CL_DEVICE_AVAILABLE, sizeof available, &available, NULL);
    if (ocl_read_caps(device, &caps) != CLEF_OK)
        snprintf(info->unusable, sizeof info->unusable, "%s", clef_last_error());
    else if (!available)
        snprintf(info->unusable, sizeof info->unusable, "the driver says that it is not available");
    else if (!compiler)
        snprintf(info->unusable, sizeof info->unusable, "its driver has no compiler");
    info->is_gpu = caps.kind != OCL_CPU;
    info->compute_units = caps.compute_units;
    info->memory_bytes = caps.memory;
    info->max_buffer_bytes = caps.max_buffer;
}
