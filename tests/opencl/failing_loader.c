// SPDX-License-Identifier: Apache-2.0
#include "failing_loader.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct failing_loader failing_loader;

__attribute__((constructor)) static void read_environment(void)
{
    const char *setting = getenv("CLEF_FAIL");
    if (setting && sscanf(setting, "%63[^:]:%d:%d", failing_loader.function, &failing_loader.number,
                          &failing_loader.code) != 3) {
        fprintf(stderr, "CLEF_FAIL=%s is not FUNCTION:NUMBER:CODE\n", setting);
        abort();
    }
}

static bool fails(const char *function)
{
    return strcmp(function, failing_loader.function) == 0 &&
           ++failing_loader.calls == failing_loader.number;
}

static void find(const char *function, void **address)
{
    *address = dlsym(RTLD_NEXT, function);
    if (!*address) {
        fprintf(stderr, "the OpenCL loader has no function %s\n", function);
        abort();
    }
}

// Declares the function of the real loader.
#define REAL(name)                 \
    static __typeof__(name) *real; \
    if (!real)                     \
        find(#name, (void **)&real);

static cl_int count(enum failing_kind kind, int change, cl_int code)
{
    if (code != CL_SUCCESS)
        return code;
    failing_loader.live[kind] += change;
    failing_loader.made[kind] += change > 0 ? change : 0;
    return code;
}

// One that returns its code.
#define FORWARD(name, parameters, arguments)                        \
    cl_int name parameters                                          \
    {                                                               \
        REAL(name)                                                  \
        return fails(#name) ? failing_loader.code : real arguments; \
    }

// One that returns an object, and its code through the last parameter.
#define CREATE(type, kind, name, parameters, arguments) \
    type name parameters                                \
    {                                                   \
        REAL(name)                                      \
        if (fails(#name)) {                             \
            if (code)                                   \
                *code = failing_loader.code;            \
            return NULL;                                \
        }                                               \
        type made = real arguments;                     \
        count(kind, made ? 1 : 0, CL_SUCCESS);          \
        return made;                                    \
    }

// One whose last parameter may ask for an event.
#define ENQUEUE(name, parameters, arguments)                                       \
    cl_int name parameters                                                         \
    {                                                                              \
        REAL(name)                                                                 \
        return fails(#name) ? failing_loader.code                                  \
                            : count(FAILING_EVENT, event ? 1 : 0, real arguments); \
    }

#define REFERENCES(kind, type, noun)          \
    cl_int clRetain##noun(type object)        \
    {                                         \
        REAL(clRetain##noun)                  \
        if (fails("clRetain" #noun))          \
            return failing_loader.code;       \
        return count(kind, 1, real(object));  \
    }                                         \
    cl_int clRelease##noun(type object)       \
    {                                         \
        REAL(clRelease##noun)                 \
        return count(kind, -1, real(object)); \
    }

REFERENCES(FAILING_CONTEXT, cl_context, Context)
REFERENCES(FAILING_QUEUE, cl_command_queue, CommandQueue)
REFERENCES(FAILING_MEMORY, cl_mem, MemObject)
REFERENCES(FAILING_PROGRAM, cl_program, Program)
REFERENCES(FAILING_KERNEL, cl_kernel, Kernel)
REFERENCES(FAILING_EVENT, cl_event, Event)

CREATE(cl_context, FAILING_CONTEXT, clCreateContext,
       (const cl_context_properties *properties, cl_uint devices, const cl_device_id *list,
        void(CL_CALLBACK *notify)(const char *, const void *, size_t, void *), void *user,
        cl_int *code),
       (properties, devices, list, notify, user, code))
CREATE(cl_command_queue, FAILING_QUEUE, clCreateCommandQueue,
       (cl_context context, cl_device_id device, cl_command_queue_properties properties,
        cl_int *code),
       (context, device, properties, code))
CREATE(cl_mem, FAILING_MEMORY, clCreateBuffer,
       (cl_context context, cl_mem_flags flags, size_t bytes, void *host, cl_int *code),
       (context, flags, bytes, host, code))
CREATE(cl_mem, FAILING_MEMORY, clCreateSubBuffer,
       (cl_mem memory, cl_mem_flags flags, cl_buffer_create_type type, const void *region,
        cl_int *code),
       (memory, flags, type, region, code))
CREATE(cl_program, FAILING_PROGRAM, clCreateProgramWithSource,
       (cl_context context, cl_uint lines, const char **text, const size_t *lengths, cl_int *code),
       (context, lines, text, lengths, code))
CREATE(cl_program, FAILING_PROGRAM, clCreateProgramWithBinary,
       (cl_context context, cl_uint devices, const cl_device_id *list, const size_t *sizes,
        const unsigned char **binaries, cl_int *each, cl_int *code),
       (context, devices, list, sizes, binaries, each, code))
CREATE(cl_kernel, FAILING_KERNEL, clCreateKernel,
       (cl_program program, const char *name, cl_int *code), (program, name, code))

FORWARD(clSetKernelArg, (cl_kernel kernel, cl_uint index, size_t size, const void *value),
        (kernel, index, size, value))
FORWARD(clFinish, (cl_command_queue queue), (queue))
FORWARD(clFlush, (cl_command_queue queue), (queue))
FORWARD(clWaitForEvents, (cl_uint events, const cl_event *list), (events, list))

// Questions all have the same four last parameters.
#define QUERY(name, object, info)                                                   \
    FORWARD(name, (object about, info what, size_t room, void *to, size_t *actual), \
            (about, what, room, to, actual))
#define QUERY_OF_DEVICE(name, object, info)                                                        \
    FORWARD(name,                                                                                  \
            (object about, cl_device_id device, info what, size_t room, void *to, size_t *actual), \
            (about, device, what, room, to, actual))
QUERY(clGetDeviceInfo, cl_device_id, cl_device_info)
QUERY(clGetEventInfo, cl_event, cl_event_info)
QUERY(clGetEventProfilingInfo, cl_event, cl_profiling_info)
QUERY(clGetKernelInfo, cl_kernel, cl_kernel_info)
QUERY(clGetProgramInfo, cl_program, cl_program_info)

// With CLEF_KERNEL_LIMIT=N no kernel runs in larger groups than of N items.
cl_int clGetKernelWorkGroupInfo(cl_kernel kernel, cl_device_id device,
                                cl_kernel_work_group_info what, size_t room, void *to,
                                size_t *actual)
{
    REAL(clGetKernelWorkGroupInfo)
    if (fails("clGetKernelWorkGroupInfo"))
        return failing_loader.code;
    cl_int code = real(kernel, device, what, room, to, actual);
    const char *setting = getenv("CLEF_KERNEL_LIMIT");
    size_t limit = setting ? strtoull(setting, NULL, 10) : SIZE_MAX;
    if (code == CL_SUCCESS && what == CL_KERNEL_WORK_GROUP_SIZE && to && *(size_t *)to > limit)
        *(size_t *)to = limit;
    return code;
}

ENQUEUE(clEnqueueNDRangeKernel,
        (cl_command_queue queue, cl_kernel kernel, cl_uint dimensions, const size_t *offset,
         const size_t *global, const size_t *local, cl_uint waits, const cl_event *list,
         cl_event *event),
        (queue, kernel, dimensions, offset, global, local, waits, list, event))
ENQUEUE(clEnqueueReadBuffer,
        (cl_command_queue queue, cl_mem memory, cl_bool blocking, size_t offset, size_t bytes,
         void *to, cl_uint waits, const cl_event *list, cl_event *event),
        (queue, memory, blocking, offset, bytes, to, waits, list, event))
ENQUEUE(clEnqueueWriteBuffer,
        (cl_command_queue queue, cl_mem memory, cl_bool blocking, size_t offset, size_t bytes,
         const void *from, cl_uint waits, const cl_event *list, cl_event *event),
        (queue, memory, blocking, offset, bytes, from, waits, list, event))
ENQUEUE(clEnqueueCopyBuffer,
        (cl_command_queue queue, cl_mem from, cl_mem to, size_t from_offset, size_t to_offset,
         size_t bytes, cl_uint waits, const cl_event *list, cl_event *event),
        (queue, from, to, from_offset, to_offset, bytes, waits, list, event))
ENQUEUE(clEnqueueFillBuffer,
        (cl_command_queue queue, cl_mem memory, const void *pattern, size_t size, size_t offset,
         size_t bytes, cl_uint waits, const cl_event *list, cl_event *event),
        (queue, memory, pattern, size, offset, bytes, waits, list, event))
ENQUEUE(clEnqueueUnmapMemObject,
        (cl_command_queue queue, cl_mem memory, void *data, cl_uint waits, const cl_event *list,
         cl_event *event),
        (queue, memory, data, waits, list, event))
ENQUEUE(clEnqueueBarrierWithWaitList,
        (cl_command_queue queue, cl_uint waits, const cl_event *list, cl_event *event),
        (queue, waits, list, event))
ENQUEUE(clEnqueueMarkerWithWaitList,
        (cl_command_queue queue, cl_uint waits, const cl_event *list, cl_event *event),
        (queue, waits, list, event))

void *clEnqueueMapBuffer(cl_command_queue queue, cl_mem memory, cl_bool blocking,
                         cl_map_flags flags, size_t offset, size_t bytes, cl_uint waits,
                         const cl_event *list, cl_event *event, cl_int *code)
{
    REAL(clEnqueueMapBuffer)
    if (fails("clEnqueueMapBuffer")) {
        if (code)
            *code = failing_loader.code;
        return NULL;
    }
    void *data = real(queue, memory, blocking, flags, offset, bytes, waits, list, event, code);
    count(FAILING_EVENT, event && data ? 1 : 0, CL_SUCCESS);
    return data;
}

// The real loader knows nothing of a build that it was not asked for, so its log is told here.
static cl_program refused;

cl_int clBuildProgram(cl_program program, cl_uint devices, const cl_device_id *list,
                      const char *options, void(CL_CALLBACK *notify)(cl_program, void *),
                      void *user)
{
    REAL(clBuildProgram)
    bool now = fails("clBuildProgram");
    refused = now ? program : program == refused ? NULL : refused;
    return now ? failing_loader.code : real(program, devices, list, options, notify, user);
}

cl_int clGetProgramBuildInfo(cl_program program, cl_device_id device, cl_program_build_info what,
                             size_t room, void *to, size_t *actual)
{
    static const char log[] = FAILING_BUILD_LOG;
    REAL(clGetProgramBuildInfo)
    if (fails("clGetProgramBuildInfo"))
        return failing_loader.code;
    if (program != refused || what != CL_PROGRAM_BUILD_LOG)
        return real(program, device, what, room, to, actual);
    if (actual)
        *actual = sizeof log;
    if (to)
        memcpy(to, log, room < sizeof log ? room : sizeof log);
    return CL_SUCCESS;
}
