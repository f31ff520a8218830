// SPDX-License-Identifier: Apache-2.0
// The OpenCL loader and CLBlast, opened when they are first needed: one program runs on machines
// with and without them, and can say what is missing.
#ifndef CLEF_OCL_LIBRARY_H
#define CLEF_OCL_LIBRARY_H

#include "core/error.h"

#include <clblast_c.h>
#include <stdbool.h>

// Every function of the OpenCL API that is called, all of version 1.2.
#define OCL_FUNCTIONS(X)            \
    X(clBuildProgram)               \
    X(clCreateBuffer)               \
    X(clCreateCommandQueue)         \
    X(clCreateContext)              \
    X(clCreateKernel)               \
    X(clCreateProgramWithBinary)    \
    X(clCreateProgramWithSource)    \
    X(clCreateSubBuffer)            \
    X(clEnqueueBarrierWithWaitList) \
    X(clEnqueueFillBuffer)          \
    X(clEnqueueMapBuffer)           \
    X(clEnqueueMarkerWithWaitList)  \
    X(clEnqueueNDRangeKernel)       \
    X(clEnqueueReadBuffer)          \
    X(clEnqueueUnmapMemObject)      \
    X(clEnqueueWriteBuffer)         \
    X(clFinish)                     \
    X(clFlush)                      \
    X(clGetDeviceIDs)               \
    X(clGetDeviceInfo)              \
    X(clGetEventInfo)               \
    X(clGetEventProfilingInfo)      \
    X(clGetKernelInfo)              \
    X(clGetKernelWorkGroupInfo)     \
    X(clGetPlatformIDs)             \
    X(clGetPlatformInfo)            \
    X(clGetProgramBuildInfo)        \
    X(clGetProgramInfo)             \
    X(clReleaseCommandQueue)        \
    X(clReleaseContext)             \
    X(clReleaseEvent)               \
    X(clReleaseKernel)              \
    X(clReleaseMemObject)           \
    X(clReleaseProgram)             \
    X(clRetainEvent)                \
    X(clSetKernelArg)               \
    X(clWaitForEvents)

#define OCL_CLBLAST_FUNCTIONS(X)  \
    X(CLBlastClearCache)          \
    X(CLBlastOverrideParameters)  \
    X(CLBlastSgemm)               \
    X(CLBlastSgemmWithTempBuffer) \
    X(CLBlastSGemmTempBufferSize)

// The functions under their own names: `ocl_api.clFinish(queue)`. All are NULL until the matching
// function below has succeeded once.
struct ocl_api {
#define OCL_API_MEMBER(name) __typeof__(name) *name;
    OCL_FUNCTIONS(OCL_API_MEMBER)
    OCL_CLBLAST_FUNCTIONS(OCL_API_MEMBER)
#undef OCL_API_MEMBER
};
extern struct ocl_api ocl_api;

// Opens the loader, or the library that the environment variable CLEF_OPENCL_LIBRARY names.
// CLEF_NOT_FOUND says what to install. Any thread may call it, any number of times.
clef_status ocl_library_open(void);

// Whether the process has the loader already, of its own or by the function above.
bool ocl_library_is_loaded(void);

// Opens CLBlast, in the same way; the loader must be open.
clef_status ocl_library_open_clblast(void);

#endif
