// SPDX-License-Identifier: Apache-2.0
// What a driver tells of a device.
#include "opencl/ocl_device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

// Copies `raw` without the spaces that some drivers put around their texts.
static void trim(const char *raw, char *text, size_t size)
{
    const char *begin = raw + strspn(raw, " ");
    size_t length = strlen(begin);
    while (length > 0 && begin[length - 1] == ' ')
        length--;
    snprintf(text, size, "%.*s", (int)length, begin);
}

bool ocl_device_text(cl_device_id device, cl_device_info what, char *text, size_t size)
{
    char raw[8192] = "";
    bool told = ocl_api.clGetDeviceInfo(device, what, sizeof raw - 1, raw, NULL) == CL_SUCCESS;
    trim(told ? raw : "", text, size);
    return told;
}

bool ocl_platform_text(cl_platform_id platform, cl_platform_info what, char *text, size_t size)
{
    char raw[8192] = "";
    bool told = ocl_api.clGetPlatformInfo(platform, what, sizeof raw - 1, raw, NULL) == CL_SUCCESS;
    trim(told ? raw : "", text, size);
    return told;
}

static bool text_has(const char *text, const char *part)
{
    for (size_t length = strlen(part); *text; text++)
        if (strncasecmp(text, part, length) == 0)
            return true;
    return false;
}

// CLEF_OPENCL_AS=gpu has a processor work as a graphics processor would: for tests of the kernels
// and configurations that are meant for those.
static enum ocl_kind device_kind(cl_device_id device, cl_device_type type)
{
    const char *as = getenv("CLEF_OPENCL_AS");
    if (as && strcmp(as, "gpu") == 0)
        return OCL_GPU_OTHER;
    if (type & CL_DEVICE_TYPE_CPU)
        return OCL_CPU;
    char vendor[256];
    ocl_device_text(device, CL_DEVICE_VENDOR, vendor, sizeof vendor);
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
    caps->kind = device_kind(device, type);
    caps->is_gpu = (type & CL_DEVICE_TYPE_GPU) && !(type & CL_DEVICE_TYPE_CPU);
    caps->is_accelerator = !(type & (CL_DEVICE_TYPE_CPU | CL_DEVICE_TYPE_GPU));
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
    char extensions[8192];
    ocl_device_text(device, CL_DEVICE_EXTENSIONS, extensions, sizeof extensions);
    caps->compute_units = (int)units;
    caps->local_memory = (size_t)local;
    caps->memory = memory;
    caps->max_buffer = max_buffer;
    caps->alignment = alignment_bits >= 8 ? alignment_bits / 8 : 1; // Some drivers say 0.
    caps->vector_width = width ? (int)width : 1;
    caps->host_memory = (type & CL_DEVICE_TYPE_CPU) || unified;
    caps->fp16 = text_has(extensions, "cl_khr_fp16");
    caps->exact_division = (single & CL_FP_CORRECTLY_ROUNDED_DIVIDE_SQRT) != 0;
    READ(DOUBLE_FP_CONFIG, full); // The last, since it came with OpenCL 1.2.
#undef READ
    caps->fp64 = full != 0;
    return CLEF_OK;
}
