// SPDX-License-Identifier: Apache-2.0
#include "opencl/ocl_buffer.h"
#include "opencl/ocl_program.h"

#include <stdlib.h>

struct ocl_event {
    struct clef_event base;
    cl_event event;
};

// Many drivers take memory only when it is first written. Filling it here, and waiting for that,
// brings a lack of it to light where its size is known.
static clef_status fill_with_zeros(struct ocl_context *ocl, cl_mem memory, size_t bytes)
{
    static const cl_uint zero;
    size_t pattern = bytes % sizeof zero == 0 ? sizeof zero : 1;
    OCL_TRY(clEnqueueFillBuffer, (ocl->queue, memory, &zero, pattern, 0, bytes, 0, NULL, NULL),
            "%zu bytes", bytes);
    OCL_TRY(clFinish, (ocl->queue), "after the first use of a buffer of %zu bytes", bytes);
    return CLEF_OK;
}

clef_status ocl_buffer_create(void *context, size_t bytes, struct clef_buffer **result)
{
    struct ocl_context *ocl = context;
    struct ocl_buffer *buffer = calloc(1, sizeof *buffer);
    if (!buffer)
        return clef_fail(CLEF_OUT_OF_MEMORY, "no memory for a buffer");
    // On a processor, memory that the host can reach is the device's own.
    cl_mem_flags flags = CL_MEM_READ_WRITE;
    if (ocl->caps.kind == OCL_CPU)
        flags |= CL_MEM_ALLOC_HOST_PTR;
    cl_int code;
    buffer->memory = ocl_api.clCreateBuffer(ocl->context, flags, bytes, NULL, &code);
    if (!buffer->memory) {
        free(buffer);
        return ocl_fail(code, "clCreateBuffer", "%zu bytes; use a smaller batch", bytes);
    }
    clef_status status = fill_with_zeros(ocl, buffer->memory, bytes);
    if (status != CLEF_OK) {
        ocl_buffer_destroy(context, &buffer->base);
        return status;
    }
    *result = &buffer->base;
    return CLEF_OK;
}

// Commands that use the memory keep it alive until they are done.
void ocl_buffer_destroy(void *context, struct clef_buffer *buffer)
{
    (void)context;
    ocl_api.clReleaseMemObject(ocl_buffer(buffer)->memory);
    free(buffer);
}

static clef_status event_create(struct clef_buffer *buffer, struct clef_event **result)
{
    struct ocl_event *event = calloc(1, sizeof *event);
    if (!event)
        return clef_fail(CLEF_OUT_OF_MEMORY, "no memory for an event");
    event->base.device = buffer->device;
    *result = &event->base;
    return CLEF_OK;
}

static cl_event *event_place(struct clef_event **event)
{
    return event ? &((struct ocl_event *)*event)->event : NULL;
}

// Hands an enqueued transfer to the driver; after a failure the event is released.
static clef_status transfer_end(struct ocl_context *ocl, int code, const char *call, size_t bytes,
                                struct clef_event **event)
{
    clef_status status = CLEF_OK;
    if (code != CL_SUCCESS)
        status = ocl_fail(code, call, "%zu bytes", bytes);
    else if (event)
        status = ocl_flush(ocl);
    if (status != CLEF_OK && event) {
        free(*event);
        *event = NULL;
    }
    return status;
}

clef_status ocl_upload(void *context, struct clef_buffer *buffer, size_t offset, const void *src,
                       size_t bytes, struct clef_event **event)
{
    struct ocl_context *ocl = context;
    if (event)
        CLEF_TRY(event_create(buffer, event));
    cl_int code = ocl_api.clEnqueueWriteBuffer(ocl->queue, ocl_buffer(buffer)->memory, !event,
                                               offset, bytes, src, 0, NULL, event_place(event));
    return transfer_end(ocl, code, "clEnqueueWriteBuffer", bytes, event);
}

clef_status ocl_download(void *context, struct clef_buffer *buffer, size_t offset, void *dst,
                         size_t bytes, struct clef_event **event)
{
    struct ocl_context *ocl = context;
    if (event)
        CLEF_TRY(event_create(buffer, event));
    cl_int code = ocl_api.clEnqueueReadBuffer(ocl->queue, ocl_buffer(buffer)->memory, !event,
                                              offset, bytes, dst, 0, NULL, event_place(event));
    return transfer_end(ocl, code, "clEnqueueReadBuffer", bytes, event);
}

clef_status ocl_event_wait(void *context, struct clef_event *base)
{
    struct ocl_context *ocl = context;
    struct ocl_event *event = (struct ocl_event *)base;
    cl_int code = ocl_api.clWaitForEvents(1, &event->event);
    cl_int done = CL_COMPLETE;
    if (code == CL_SUCCESS)
        code = ocl_api.clGetEventInfo(event->event, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof done,
                                      &done, NULL);
    ocl_api.clReleaseEvent(event->event);
    free(event);
    if (code == CL_SUCCESS && done < 0)
        code = done;
    if (code != CL_SUCCESS)
        return ocl_fail(code, "clWaitForEvents", "waiting for a transfer");
    ocl_programs_save(ocl);
    return CLEF_OK;
}
