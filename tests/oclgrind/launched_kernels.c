// SPDX-License-Identifier: Apache-2.0
// Stands before Oclgrind, by LD_PRELOAD, and writes the name of each kernel that is launched, and
// the options that its program was built with, into the file that CLEF_TEST_KERNELS names.
// Oclgrind's own counts of instructions would tell it too, but corrupt memory.
#include <CL/cl.h>

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef __typeof__(clEnqueueNDRangeKernel) launch_function;

static void note(cl_kernel kernel)
{
    static FILE *file;
    const char *path = getenv("CLEF_TEST_KERNELS");
    char name[256], options[1024] = "";
    cl_program program;
    cl_device_id device;
    if (!file && path)
        file = fopen(path, "a");
    if (!file || clGetKernelInfo(kernel, CL_KERNEL_FUNCTION_NAME, sizeof name, name, NULL) ||
        clGetKernelInfo(kernel, CL_KERNEL_PROGRAM, sizeof program, &program, NULL) ||
        clGetProgramInfo(program, CL_PROGRAM_DEVICES, sizeof device, &device, NULL) ||
        clGetProgramBuildInfo(program, device, CL_PROGRAM_BUILD_OPTIONS, sizeof options, options,
                              NULL))
        abort();
    fprintf(file, "kernel %s\nbuild %s %s\n", name, name, options);
    fflush(file);
}

cl_int clEnqueueNDRangeKernel(cl_command_queue queue, cl_kernel kernel, cl_uint dimensions,
                              const size_t *offset, const size_t *global, const size_t *local,
                              cl_uint waits, const cl_event *wait_for, cl_event *event)
{
    launch_function *launch;
    void *next = dlsym(RTLD_NEXT, "clEnqueueNDRangeKernel");
    memcpy(&launch, &next, sizeof launch);
    cl_int code = launch(queue, kernel, dimensions, offset, global, local, waits, wait_for, event);
    if (code == CL_SUCCESS)
        note(kernel);
    return code;
}
