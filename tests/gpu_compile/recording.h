// SPDX-License-Identifier: Apache-2.0
// An OpenCL library whose devices have the properties of real graphics processors and compute
// nothing: it writes down which programs are built and which kernels are launched, so that the
// compilers of the vendors can judge exactly what Clef would take on each of them.
//
// CLEF_OPENCL_LIBRARY names it to Clef, and CLEF_RECORD the directory that it writes to:
//   SOURCE.cl  the text of a program
//   record     lines "build PROGRAM SOURCE OPTIONS" and "launch PROGRAM KERNEL X Y Z LOCAL", with
//              tabs between: the group, and the bytes of local memory that are parameters
//   launches   how many kernels were launched, written at the end of the program
// Every read gives zeros, and the clock ticks once a question.
#ifndef CLEF_RECORDING_H
#define CLEF_RECORDING_H

#include <CL/cl.h>

// The objects of the OpenCL headers. Only events have a reference count: Clef and CLBlast release
// all others once.
struct _cl_context {
    cl_device_id device;
};
struct _cl_command_queue {
    cl_context context;
};

// Writes one line of the record, once.
void record_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

void count_launch(void);

// Saves the text of a program under its hash, which becomes `name`.
void record_source(const char *text, char name[17]);

// Answers a question of the API, such as clGetDeviceInfo, with `bytes` of `value`.
cl_int give(const void *value, size_t bytes, size_t size, void *result, size_t *needed);

// The same for a value of a type, inside a function whose parameters have the usual names.
#define GIVE(type, value) give(&(type){(type)(value)}, sizeof(type), size, result, needed)

// Sets the error code that many functions return by a pointer which may be NULL.
static inline void succeed(cl_int *code)
{
    if (code)
        *code = CL_SUCCESS;
}

#endif
