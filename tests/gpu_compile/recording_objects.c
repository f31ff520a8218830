// SPDX-License-Identifier: Apache-2.0
// Contexts, queues, buffers and events: none of them does anything.
#include "gpu_compile/recording.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct _cl_mem {
    size_t bytes;
    void *zeros; // Made when the buffer is first mapped.
};
struct _cl_event {
    atomic_int references;
};

cl_context clCreateContext(const cl_context_properties *properties, cl_uint count,
                           const cl_device_id *list,
                           void (*notify)(const char *, const void *, size_t, void *), void *user,
                           cl_int *code)
{
    (void)properties, (void)count, (void)notify, (void)user;
    cl_context context = calloc(1, sizeof *context);
    context->device = list[0];
    succeed(code);
    return context;
}

cl_int clReleaseContext(cl_context context)
{
    free(context);
    return CL_SUCCESS;
}

cl_command_queue clCreateCommandQueue(cl_context context, cl_device_id device,
                                      cl_command_queue_properties properties, cl_int *code)
{
    (void)device, (void)properties;
    cl_command_queue queue = calloc(1, sizeof *queue);
    queue->context = context;
    succeed(code);
    return queue;
}

cl_int clReleaseCommandQueue(cl_command_queue queue)
{
    free(queue);
    return CL_SUCCESS;
}

cl_int clGetCommandQueueInfo(cl_command_queue queue, cl_command_queue_info what, size_t size,
                             void *result, size_t *needed)
{
    return what == CL_QUEUE_CONTEXT  ? GIVE(cl_context, queue->context)
           : what == CL_QUEUE_DEVICE ? GIVE(cl_device_id, queue->context->device)
                                     : CL_INVALID_VALUE;
}

cl_mem clCreateBuffer(cl_context context, cl_mem_flags flags, size_t bytes, void *host,
                      cl_int *code)
{
    (void)context, (void)flags, (void)host;
    cl_mem memory = calloc(1, sizeof *memory);
    memory->bytes = bytes;
    succeed(code);
    return memory;
}

cl_mem clCreateSubBuffer(cl_mem memory, cl_mem_flags flags, cl_buffer_create_type type,
                         const void *region, cl_int *code)
{
    (void)memory, (void)type;
    return clCreateBuffer(NULL, flags, ((const cl_buffer_region *)region)->size, NULL, code);
}

cl_int clReleaseMemObject(cl_mem memory)
{
    free(memory->zeros);
    free(memory);
    return CL_SUCCESS;
}

cl_int clGetMemObjectInfo(cl_mem memory, cl_mem_info what, size_t size, void *result,
                          size_t *needed)
{
    return what == CL_MEM_SIZE ? GIVE(size_t, memory->bytes) : CL_INVALID_VALUE;
}

// ---------------------------------------------------------------- commands and their events

static void make_event(cl_event *event)
{
    if (event) {
        *event = calloc(1, sizeof **event);
        (*event)->references = 1;
    }
}

cl_int clEnqueueReadBuffer(cl_command_queue queue, cl_mem memory, cl_bool block, size_t at,
                           size_t bytes, void *data, cl_uint waits, const cl_event *list,
                           cl_event *event)
{
    (void)queue, (void)memory, (void)block, (void)at, (void)waits, (void)list;
    memset(data, 0, bytes);
    make_event(event);
    return CL_SUCCESS;
}

cl_int clEnqueueWriteBuffer(cl_command_queue queue, cl_mem memory, cl_bool block, size_t at,
                            size_t bytes, const void *data, cl_uint waits, const cl_event *list,
                            cl_event *event)
{
    (void)queue, (void)memory, (void)block, (void)at, (void)bytes, (void)data, (void)waits;
    (void)list;
    make_event(event);
    return CL_SUCCESS;
}

cl_int clEnqueueCopyBuffer(cl_command_queue queue, cl_mem src, cl_mem dst, size_t src_at,
                           size_t dst_at, size_t bytes, cl_uint waits, const cl_event *list,
                           cl_event *event)
{
    (void)queue, (void)src, (void)dst, (void)src_at, (void)dst_at, (void)bytes, (void)waits;
    (void)list;
    make_event(event);
    return CL_SUCCESS;
}

cl_int clEnqueueFillBuffer(cl_command_queue queue, cl_mem memory, const void *pattern,
                           size_t pattern_bytes, size_t at, size_t bytes, cl_uint waits,
                           const cl_event *list, cl_event *event)
{
    (void)queue, (void)memory, (void)pattern, (void)pattern_bytes, (void)at, (void)bytes;
    (void)waits, (void)list;
    make_event(event);
    return CL_SUCCESS;
}

void *clEnqueueMapBuffer(cl_command_queue queue, cl_mem memory, cl_bool block, cl_map_flags flags,
                         size_t at, size_t bytes, cl_uint waits, const cl_event *list,
                         cl_event *event, cl_int *code)
{
    (void)queue, (void)block, (void)flags, (void)bytes, (void)waits, (void)list;
    if (!memory->zeros)
        memory->zeros = calloc(1, memory->bytes);
    make_event(event);
    succeed(code);
    return (char *)memory->zeros + at;
}

cl_int clEnqueueUnmapMemObject(cl_command_queue queue, cl_mem memory, void *mapped, cl_uint waits,
                               const cl_event *list, cl_event *event)
{
    (void)queue, (void)memory, (void)mapped, (void)waits, (void)list;
    make_event(event);
    return CL_SUCCESS;
}

cl_int clEnqueueBarrierWithWaitList(cl_command_queue queue, cl_uint waits, const cl_event *list,
                                    cl_event *event)
{
    (void)queue, (void)waits, (void)list;
    make_event(event);
    return CL_SUCCESS;
}

cl_int clEnqueueMarkerWithWaitList(cl_command_queue queue, cl_uint waits, const cl_event *list,
                                   cl_event *event)
{
    return clEnqueueBarrierWithWaitList(queue, waits, list, event);
}

cl_int clFlush(cl_command_queue queue)
{
    (void)queue;
    return CL_SUCCESS;
}

cl_int clFinish(cl_command_queue queue)
{
    (void)queue;
    return CL_SUCCESS;
}

cl_int clWaitForEvents(cl_uint count, const cl_event *list)
{
    (void)count, (void)list;
    return CL_SUCCESS;
}

cl_int clRetainEvent(cl_event event)
{
    event->references++;
    return CL_SUCCESS;
}

cl_int clReleaseEvent(cl_event event)
{
    if (--event->references == 0)
        free(event);
    return CL_SUCCESS;
}

cl_int clGetEventInfo(cl_event event, cl_event_info what, size_t size, void *result, size_t *needed)
{
    (void)event;
    return what == CL_EVENT_COMMAND_EXECUTION_STATUS ? GIVE(cl_int, CL_COMPLETE) : CL_INVALID_VALUE;
}

cl_int clGetEventProfilingInfo(cl_event event, cl_profiling_info what, size_t size, void *result,
                               size_t *needed)
{
    static atomic_ullong nanoseconds;
    (void)event, (void)what;
    return GIVE(cl_ulong, atomic_fetch_add(&nanoseconds, 1000));
}
