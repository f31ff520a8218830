// SPDX-License-Identifier: Apache-2.0
// Stands before the OpenCL loader, by CLEF_OPENCL_LIBRARY, and lists what CLEF_FAKE_OPENCL says:
//     no-platform    a loader without any driver, which succeeds with none
//     broken         clGetPlatformIDs fails
//     no-device      one driver that finds no device
//     failing        one driver that fails to list its devices
//     abort          clGetPlatformIDs ends the process
//     crash          clGetDeviceIDs ends the process
//     accelerator    one driver with an accelerator, which can be used
//     devices        two drivers with five devices, most of which cannot be used
#include <CL/cl.h>

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct device {
    const char *name, *version;
    cl_device_type type;
    cl_bool available, compiler;
    cl_ulong memory;
    int platform;
};

#define GIB ((cl_ulong)1 << 30)
static const struct device devices[] = {
    {"  Radeon RX 6800 ", "OpenCL 2.0 AMD-APP (3590.0)", CL_DEVICE_TYPE_GPU, 1, 1, 16 * GIB, 0},
    {"Radeon RX 7900", "OpenCL 2.0 AMD-APP (3590.0)", CL_DEVICE_TYPE_GPU, 1, 0, 24 * GIB, 0},
    {"Radeon HD 5450", "OpenCL 1.1 AMD-APP (3590.0)", CL_DEVICE_TYPE_GPU, 1, 1, GIB, 0},
    {"Radeon Pro", "OpenCL 2.0 AMD-APP (3590.0)", CL_DEVICE_TYPE_GPU, 0, 1, 32 * GIB, 0},
    {"Some accelerator", "OpenCL 3.0", CL_DEVICE_TYPE_ACCELERATOR, 1, 1, 2 * GIB, 1},
};
enum { DEVICE_COUNT = sizeof devices / sizeof devices[0] };

// The addresses are the handles.
static int platforms[2];

static bool mode_is(const char *name)
{
    const char *mode = getenv("CLEF_FAKE_OPENCL");
    return mode && strcmp(mode, name) == 0;
}

static cl_int answer(const void *value, size_t size, size_t room, void *to, size_t *actual)
{
    if (actual)
        *actual = size;
    if (to && room < size)
        return CL_INVALID_VALUE;
    if (to)
        memcpy(to, value, size);
    return CL_SUCCESS;
}

static cl_int answer_text(const char *text, size_t room, void *to, size_t *actual)
{
    return answer(text, strlen(text) + 1, room, to, actual);
}

cl_int clGetPlatformIDs(cl_uint room, cl_platform_id *ids, cl_uint *count)
{
    cl_uint found = mode_is("no-platform") ? 0 : mode_is("devices") ? 2 : 1;
    if (mode_is("abort")) {
        fprintf(stderr, "first words\nno \033[1mtopology\n\n");
        abort();
    }
    if (mode_is("broken"))
        return CL_OUT_OF_HOST_MEMORY;
    for (cl_uint i = 0; ids && i < found && i < room; i++)
        ids[i] = (cl_platform_id)&platforms[i];
    if (count)
        *count = found;
    return CL_SUCCESS;
}

cl_int clGetPlatformInfo(cl_platform_id platform, cl_platform_info what, size_t room, void *to,
                         size_t *actual)
{
    bool second = (void *)platform == &platforms[1];
    const char *name = second ? "Other OpenCL" : "AMD Accelerated Parallel Processing";
    return answer_text(what == CL_PLATFORM_NAME ? name : "OpenCL 2.1", room, to, actual);
}

cl_int clGetDeviceIDs(cl_platform_id platform, cl_device_type type, cl_uint room, cl_device_id *ids,
                      cl_uint *count)
{
    cl_uint found = 0;
    (void)type;
    if (mode_is("crash"))
        raise(SIGSEGV);
    if (mode_is("no-device"))
        return CL_DEVICE_NOT_FOUND;
    if (mode_is("failing"))
        return CL_OUT_OF_RESOURCES;
    for (int i = 0; i < DEVICE_COUNT; i++) {
        bool wanted = mode_is("accelerator") ? devices[i].type == CL_DEVICE_TYPE_ACCELERATOR
                                             : (void *)platform == &platforms[devices[i].platform];
        if (!wanted)
            continue;
        if (ids && found < room)
            ids[found] = (cl_device_id)(void *)(size_t)&devices[i];
        found++;
    }
    if (count)
        *count = found;
    return CL_SUCCESS;
}

cl_int clGetDeviceInfo(cl_device_id id, cl_device_info what, size_t room, void *to, size_t *actual)
{
    const struct device *device = (const void *)id;
    const char *text = what == CL_DEVICE_NAME         ? device->name
                       : what == CL_DEVICE_VERSION    ? device->version
                       : what == CL_DEVICE_VENDOR     ? "Advanced Micro Devices, Inc."
                       : what == CL_DRIVER_VERSION    ? "3590.0"
                       : what == CL_DEVICE_EXTENSIONS ? "cl_khr_fp16 cl_khr_byte_addressable_store"
                       : what == CL_DEVICE_OPENCL_C_VERSION ? "OpenCL C 1.2"
                                                            : NULL;
    if (text)
        return answer_text(text, room, to, actual);
    // A question that came with OpenCL 1.2.
    if (what == CL_DEVICE_DOUBLE_FP_CONFIG && strstr(device->version, "OpenCL 1.1"))
        return CL_INVALID_VALUE;
    static const cl_ulong zeros[8];
    switch (what) {
    case CL_DEVICE_TYPE:
        return answer(&device->type, sizeof device->type, room, to, actual);
    case CL_DEVICE_AVAILABLE:
        return answer(&device->available, sizeof device->available, room, to, actual);
    case CL_DEVICE_COMPILER_AVAILABLE:
        return answer(&device->compiler, sizeof device->compiler, room, to, actual);
    case CL_DEVICE_GLOBAL_MEM_SIZE:
        return answer(&device->memory, sizeof device->memory, room, to, actual);
    default:
        return answer(zeros, room, room, to, actual);
    }
}
