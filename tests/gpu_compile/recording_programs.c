// SPDX-License-Identifier: Apache-2.0
// Programs, kernels and launches: what is written down.
#include "gpu_compile/recording.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PARAMETERS 64

struct _cl_program {
    int number;
    char source[17];
};

struct _cl_kernel {
    int program;
    cl_uint parameters; // As many as were set.
    size_t local_bytes[MAX_PARAMETERS];
    char name[128];
};

// ---------------------------------------------------------------- programs

static cl_program new_program(void)
{
    static atomic_int programs;
    cl_program program = calloc(1, sizeof *program);
    program->number = ++programs;
    return program;
}

cl_program clCreateProgramWithSource(cl_context context, cl_uint count, const char **texts,
                                     const size_t *lengths, cl_int *code)
{
    (void)context;
    size_t length = 0;
    for (cl_uint i = 0; i < count; i++)
        length += lengths && lengths[i] ? lengths[i] : strlen(texts[i]);
    char *text = calloc(length + 1, 1), *end = text;
    for (cl_uint i = 0; i < count; i++) {
        size_t part = lengths && lengths[i] ? lengths[i] : strlen(texts[i]);
        memcpy(end, texts[i], part);
        end += part;
    }
    cl_program program = new_program();
    record_source(text, program->source);
    free(text);
    succeed(code);
    return program;
}

// The binary of a program is this struct itself.
cl_program clCreateProgramWithBinary(cl_context context, cl_uint count, const cl_device_id *list,
                                     const size_t *sizes, const unsigned char **binaries,
                                     cl_int *status, cl_int *code)
{
    (void)context, (void)count, (void)list;
    cl_program program = calloc(1, sizeof *program);
    if (sizes[0] == sizeof *program)
        memcpy(program, binaries[0], sizeof *program);
    succeed(status);
    succeed(code);
    return program;
}

cl_int clBuildProgram(cl_program program, cl_uint count, const cl_device_id *list,
                      const char *options, void (*notify)(cl_program, void *), void *user)
{
    (void)count, (void)list, (void)notify, (void)user;
    record_line("build\t%d\t%s\t%s", program->number, program->source, options ? options : "");
    return CL_SUCCESS;
}

cl_int clGetProgramInfo(cl_program program, cl_program_info what, size_t size, void *result,
                        size_t *needed)
{
    if (what == CL_PROGRAM_NUM_DEVICES)
        return GIVE(cl_uint, 1);
    if (what == CL_PROGRAM_BINARY_SIZES)
        return GIVE(size_t, sizeof *program);
    if (what != CL_PROGRAM_BINARIES)
        return CL_INVALID_VALUE;
    unsigned char **binaries = result;
    if (binaries && binaries[0])
        memcpy(binaries[0], program, sizeof *program);
    if (needed)
        *needed = sizeof *binaries;
    return CL_SUCCESS;
}

cl_int clGetProgramBuildInfo(cl_program program, cl_device_id device, cl_program_build_info what,
                             size_t size, void *result, size_t *needed)
{
    (void)program, (void)device;
    return what == CL_PROGRAM_BUILD_STATUS ? GIVE(cl_build_status, CL_BUILD_SUCCESS)
                                           : give("", 1, size, result, needed);
}

cl_int clReleaseProgram(cl_program program)
{
    free(program);
    return CL_SUCCESS;
}

// ---------------------------------------------------------------- kernels

cl_kernel clCreateKernel(cl_program program, const char *name, cl_int *code)
{
    cl_kernel kernel = calloc(1, sizeof *kernel);
    kernel->program = program->number;
    strncpy(kernel->name, name, sizeof kernel->name - 1);
    succeed(code);
    return kernel;
}

cl_int clReleaseKernel(cl_kernel kernel)
{
    free(kernel);
    return CL_SUCCESS;
}

cl_int clSetKernelArg(cl_kernel kernel, cl_uint index, size_t bytes, const void *value)
{
    if (index >= MAX_PARAMETERS)
        return CL_INVALID_ARG_INDEX;
    kernel->local_bytes[index] = value ? 0 : bytes;
    if (index >= kernel->parameters)
        kernel->parameters = index + 1;
    return CL_SUCCESS;
}

cl_int clGetKernelInfo(cl_kernel kernel, cl_kernel_info what, size_t size, void *result,
                       size_t *needed)
{
    return what == CL_KERNEL_NUM_ARGS ? GIVE(cl_uint, kernel->parameters) : CL_INVALID_VALUE;
}

static size_t local_bytes(cl_kernel kernel)
{
    size_t bytes = 0;
    for (cl_uint i = 0; i < kernel->parameters; i++)
        bytes += kernel->local_bytes[i];
    return bytes;
}

// A device that computes nothing has no registers to run out of: `run` checks the groups.
cl_int clGetKernelWorkGroupInfo(cl_kernel kernel, cl_device_id device,
                                cl_kernel_work_group_info what, size_t size, void *result,
                                size_t *needed)
{
    switch (what) {
    case CL_KERNEL_WORK_GROUP_SIZE:
        return clGetDeviceInfo(device, CL_DEVICE_MAX_WORK_GROUP_SIZE, size, result, needed);
    case CL_KERNEL_LOCAL_MEM_SIZE:
        return GIVE(cl_ulong, local_bytes(kernel));
    case CL_KERNEL_PREFERRED_WORK_GROUP_SIZE_MULTIPLE:
        return GIVE(size_t, 32);
    case CL_KERNEL_PRIVATE_MEM_SIZE:
        return GIVE(cl_ulong, 0);
    default:
        return CL_INVALID_VALUE;
    }
}

cl_int clEnqueueNDRangeKernel(cl_command_queue queue, cl_kernel kernel, cl_uint dimensions,
                              const size_t *offset, const size_t *global, const size_t *local,
                              cl_uint waits, const cl_event *list, cl_event *event)
{
    (void)offset, (void)global;
    size_t group[3] = {1, 1, 1};
    for (cl_uint i = 0; local && i < dimensions; i++)
        group[i] = local[i];
    count_launch();
    record_line("launch\t%d\t%s\t%zu\t%zu\t%zu\t%zu", kernel->program, kernel->name, group[0],
                group[1], group[2], local_bytes(kernel));
    return clEnqueueBarrierWithWaitList(queue, waits, list, event);
}
