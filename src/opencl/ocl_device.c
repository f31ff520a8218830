// SPDX-License-Identifier: Apache-2.0
// The list of devices, in the order of platforms. It is asked anew each time: nothing is kept that
// a driver could invalidate. A driver without a device has a row that says why.
#include "opencl/ocl_device.h"
#include "opencl/ocl_drivers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_PLATFORMS 32
#define MAX_ROWS 128
#define PLATFORM_NOT_FOUND_KHR (-1001) // The loader's code for "no driver is installed".

// A device, or a platform that has none for the reason `code`, or a driver that cannot be asked.
struct row {
    cl_platform_id platform;
    cl_device_id device;
    int platform_index, platform_device;
    cl_int code;
    const struct ocl_driver *bad_driver;
};

struct list {
    struct row rows[MAX_ROWS];
    int count;
};

static void add_row(struct list *list, struct row row)
{
    if (list->count < MAX_ROWS)
        list->rows[list->count++] = row;
}

static void list_platform(struct list *list, cl_platform_id platform, int index)
{
    cl_device_id devices[MAX_ROWS];
    cl_uint count = 0;
    cl_int code = ocl_api.clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, MAX_ROWS, devices, &count);
    if (code == CL_SUCCESS && count == 0)
        code = CL_DEVICE_NOT_FOUND;
    if (code != CL_SUCCESS)
        add_row(list, (struct row){platform, NULL, index, -1, code, NULL});
    for (cl_uint i = 0; code == CL_SUCCESS && i < count && i < MAX_ROWS; i++)
        add_row(list, (struct row){platform, devices[i], index, (int)i, CL_SUCCESS, NULL});
}

static clef_status list_platforms(struct list *list)
{
    list->count = 0;
    CLEF_TRY(ocl_library_open());
    cl_platform_id platforms[MAX_PLATFORMS];
    cl_uint count = 0;
    cl_int code = ocl_api.clGetPlatformIDs(MAX_PLATFORMS, platforms, &count);
    if (code == PLATFORM_NOT_FOUND_KHR || (code == CL_SUCCESS && count == 0))
        return clef_fail(CLEF_NOT_FOUND,
                         "no OpenCL driver is installed (%s, %d): install intel-opencl-icd, "
                         "nvidia-opencl-icd, rocm-opencl-runtime, or for any processor "
                         "pocl-opencl-icd",
                         ocl_error_name(PLATFORM_NOT_FOUND_KHR), PLATFORM_NOT_FOUND_KHR);
    if (code != CL_SUCCESS)
        return ocl_fail(code, "clGetPlatformIDs",
                        "listing the drivers: reinstall ocl-icd-libopencl1 and the drivers");
    for (cl_uint i = 0; i < count && i < MAX_PLATFORMS; i++)
        list_platform(list, platforms[i], (int)i);
    return CLEF_OK;
}

// The package of a driver, by the name of its platform or of its .icd file.
static const char *package_of(const char *platform)
{
    static const char *const packages[][2] = {
        {"NVIDIA", "nvidia-opencl-icd"}, {"AMD", "rocm-opencl-runtime"},
        {"Intel", "intel-opencl-icd"},   {"Portable", "pocl-opencl-icd"},
        {"PoCL", "pocl-opencl-icd"},     {"Clover", "mesa-opencl-icd"},
        {"Mesa", "mesa-opencl-icd"},     {"rusticl", "mesa-opencl-icd"}};
    for (size_t i = 0; i < sizeof packages / sizeof packages[0]; i++)
        if (strncasecmp(platform, packages[i][0], strlen(packages[i][0])) == 0)
            return packages[i][1];
    return "the package of its driver";
}

static clef_status explain_absence(const struct row *row)
{
    char platform[CLEF_NAME_LENGTH];
    if (row->bad_driver) {
        const char *path = row->bad_driver->path, *slash = strrchr(path, '/');
        return clef_fail(CLEF_DEVICE,
                         "the OpenCL driver %s breaks down when it lists its devices (%s): "
                         "reinstall or remove %s",
                         path, row->bad_driver->failure, package_of(slash ? slash + 1 : path));
    }
    ocl_platform_text(row->platform, CL_PLATFORM_NAME, platform, sizeof platform);
    if (row->code == CL_DEVICE_NOT_FOUND)
        return clef_fail(
            CLEF_NOT_FOUND,
            "the OpenCL driver \"%s\" finds no device (%s, %d): is its hardware there, "
            "and may you use it? Else reinstall %s",
            platform, ocl_error_name(row->code), row->code, package_of(platform));
    return clef_fail(CLEF_DEVICE,
                     "the OpenCL driver \"%s\" fails to list its devices (clGetDeviceIDs: %s, %d): "
                     "reinstall %s",
                     platform, ocl_error_name(row->code), row->code, package_of(platform));
}

static void refuse(struct clef_device_info *info, const char *reason)
{
    snprintf(info->unusable, sizeof info->unusable, "%s", reason);
}

static void describe_texts(const struct row *row, struct clef_device_info *info)
{
    ocl_device_text(row->device, CL_DEVICE_NAME, info->name, sizeof info->name);
    ocl_device_text(row->device, CL_DEVICE_VENDOR, info->vendor, sizeof info->vendor);
    ocl_device_text(row->device, CL_DRIVER_VERSION, info->driver, sizeof info->driver);
}

// "OpenCL 3.0 and what the driver adds": the rest is told by the platform and driver.
static clef_status describe_version(const struct row *row, struct clef_device_info *info)
{
    char version[8192] = "";
    OCL_TRY(clGetDeviceInfo, (row->device, CL_DEVICE_VERSION, sizeof version - 1, version, NULL),
            "asked for CL_DEVICE_VERSION");
    size_t words = strcspn(version, " ");
    if (version[words])
        words += 1 + strcspn(version + words + 1, " ");
    snprintf(info->version, sizeof info->version, "%.*s", (int)words, version);
    return CLEF_OK;
}

// From "OpenCL MAJOR.MINOR ...", as the specification has it; a text that is not so counts as old.
static bool is_old(const char *version)
{
    static const char prefix[] = "OpenCL ";
    if (strncmp(version, prefix, strlen(prefix)) != 0)
        return true;
    char *end;
    long major = strtol(version + strlen(prefix), &end, 10);
    long minor = *end == '.' ? strtol(end + 1, NULL, 10) : 0;
    return major < 1 || (major == 1 && minor < 2);
}

// Every device must have a compiler, since kernels come as source text.
static clef_status describe_usability(const struct row *row, struct clef_device_info *info)
{
    cl_bool compiler = CL_FALSE, available = CL_FALSE;
    CLEF_TRY(describe_version(row, info));
    OCL_TRY(clGetDeviceInfo,
            (row->device, CL_DEVICE_COMPILER_AVAILABLE, sizeof compiler, &compiler, NULL),
            "asked for CL_DEVICE_COMPILER_AVAILABLE");
    OCL_TRY(clGetDeviceInfo, (row->device, CL_DEVICE_AVAILABLE, sizeof available, &available, NULL),
            "asked for CL_DEVICE_AVAILABLE");
    if (!available)
        refuse(info, "its driver says that it is not available (CL_DEVICE_AVAILABLE)");
    else if (!compiler)
        refuse(info, "its driver has no compiler (CL_DEVICE_COMPILER_AVAILABLE)");
    else if (is_old(info->version))
        refuse(info, "it is older than OpenCL 1.2");
    return CLEF_OK;
}

static void describe_row(const struct row *row, struct clef_device_info *info)
{
    struct ocl_caps caps = {0};
    info->platform_index = row->platform_index;
    info->platform_device = row->platform_device;
    if (row->platform)
        ocl_platform_text(row->platform, CL_PLATFORM_NAME, info->platform, sizeof info->platform);
    clef_status status = row->device ? CLEF_OK : explain_absence(row);
    if (status == CLEF_OK) {
        describe_texts(row, info);
        status = describe_usability(row, info);
    }
    // What is too old may refuse to tell what came with OpenCL 1.2.
    if (status == CLEF_OK) {
        status = ocl_read_caps(row->device, &caps);
        if (info->unusable[0])
            status = CLEF_OK;
    }
    if (status != CLEF_OK) {
        refuse(info, clef_last_error());
        return;
    }
    snprintf(info->type, sizeof info->type, "%s",
             caps.is_accelerator ? "accelerator"
             : caps.is_gpu       ? "gpu"
                                 : "cpu");
    info->is_gpu = caps.is_gpu;
    info->shares_host_memory = caps.host_memory;
    info->has_fp16 = caps.fp16;
    info->has_fp64 = caps.fp64;
    info->compute_units = caps.compute_units;
    info->memory_bytes = caps.memory;
    info->max_buffer_bytes = caps.max_buffer;
}

// ---------------------------------------------------------------- the list

// Asks for all that a list of devices shows.
static void list_all(void)
{
    struct list list;
    struct clef_device_info info;
    list_platforms(&list);
    for (int i = 0; i < list.count; i++)
        describe_row(&list.rows[i], &info);
}

static clef_status list_devices(struct list *list)
{
    const struct ocl_drivers *bad;
    list->count = 0;
    CLEF_TRY(ocl_drivers_examine(list_all, &bad));
    clef_status status = bad->none_left ? CLEF_OK : list_platforms(list);
    for (int i = 0; i < bad->count; i++)
        add_row(
            list,
            (struct row){.platform_index = -1, .platform_device = -1, .bad_driver = &bad->rows[i]});
    return list->count > 0 ? CLEF_OK : status;
}

static clef_status find_row(int index, struct row *row)
{
    struct list list;
    CLEF_TRY(list_devices(&list));
    if (index >= list.count)
        return clef_fail(CLEF_NOT_FOUND, "OpenCL device %d is gone: there are %d now", index,
                         list.count);
    *row = list.rows[index];
    return CLEF_OK;
}

int ocl_enumerate(void)
{
    struct list list;
    // Without any driver there is one row, which says so.
    return list_devices(&list) == CLEF_OK ? list.count : 1;
}

clef_status ocl_find(int index, cl_platform_id *platform, cl_device_id *device)
{
    struct row row;
    CLEF_TRY(find_row(index, &row));
    if (!row.device)
        return explain_absence(&row);
    *platform = row.platform;
    *device = row.device;
    return CLEF_OK;
}

void ocl_describe(int index, struct clef_device_info *info)
{
    memset(info, 0, sizeof *info);
    snprintf(info->backend, sizeof info->backend, "opencl");
    info->platform_index = info->platform_device = -1;
    info->filter_panel = OCL_PANEL;
    struct row row;
    if (find_row(index, &row) == CLEF_OK)
        describe_row(&row, info);
    else
        refuse(info, clef_last_error());
}
