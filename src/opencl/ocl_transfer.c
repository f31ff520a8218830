// SPDX-License-Identifier: Apache-2.0
#include "opencl/ocl_transfer.h"
#include "opencl/ocl_program.h"
#include "opencl/ocl_staging.h"

#include <stdlib.h>
#include <string.h>

struct ocl_event {
    struct clef_event base;
    cl_event event;
    struct ocl_staging *staging; // NULL without.
    void *download_to;           // Where the staged bytes go in the end.
    size_t bytes;
};

// ---------------------------------------------------------------- two queues

clef_status ocl_transfer_open(struct ocl_context *ocl)
{
    // CLEF_OPENCL_TRANSFERS=beside|between overrides the choice, for tests.
    const char *setting = getenv("CLEF_OPENCL_TRANSFERS");
    bool beside = setting && *setting ? strcmp(setting, "beside") == 0 : ocl->caps.kind != OCL_CPU;
    if (!beside)
        return CLEF_OK;
    cl_int code;
    ocl->transfer_queue = ocl_api.clCreateCommandQueue(ocl->context, ocl->device, 0, &code);
    return ocl->transfer_queue ? CLEF_OK
                               : ocl_fail(code, "clCreateCommandQueue", "a queue for transfers");
}

void ocl_transfer_close(struct ocl_context *ocl)
{
    ocl_staging_release(ocl);
    if (ocl->transfer_queue)
        ocl_api.clReleaseCommandQueue(ocl->transfer_queue);
}

static void forget(cl_event *event)
{
    if (*event)
        ocl_api.clReleaseEvent(*event);
    *event = NULL;
}

clef_status ocl_transfer_before_use(struct ocl_context *ocl, struct ocl_buffer *buffer)
{
    if (!buffer->uploaded)
        return CLEF_OK;
    OCL_TRY(clEnqueueBarrierWithWaitList, (ocl->queue, 1, &buffer->uploaded, NULL),
            "for the upload of %zu bytes", buffer->base.bytes);
    forget(&buffer->uploaded); // All that follows is behind the barrier.
    return CLEF_OK;
}

clef_status ocl_transfer_after_use(struct ocl_context *ocl, struct ocl_buffer *buffer)
{
    if (!buffer->streamed)
        return CLEF_OK;
    forget(&buffer->used);
    OCL_TRY(clEnqueueMarkerWithWaitList, (ocl->queue, 0, NULL, &buffer->used),
            "after the use of a buffer of %zu bytes", buffer->base.bytes);
    return CLEF_OK;
}

// ---------------------------------------------------------------- transfers

static clef_status event_create(struct ocl_context *ocl, struct clef_buffer *buffer, size_t bytes,
                                struct ocl_event **result)
{
    struct ocl_event *event = calloc(1, sizeof *event);
    if (!event)
        return clef_fail(CLEF_OUT_OF_MEMORY, "no memory for an event");
    event->base.device = buffer->device;
    event->bytes = bytes;
    if (ocl->transfer_queue)
        event->staging = ocl_staging_take(ocl, bytes);
    *result = event;
    return CLEF_OK;
}

static void event_release(struct ocl_event *event)
{
    if (event->staging)
        event->staging->in_use = false;
    if (event->event)
        ocl_api.clReleaseEvent(event->event);
    free(event);
}

// Waits for a transfer. Where that itself fails the transfer may still be under way, and nothing
// may use the host's memory any more once the caller knows: so all that was enqueued is waited for.
static cl_int await(struct ocl_context *ocl, const cl_event *event)
{
    cl_int code = ocl_api.clWaitForEvents(1, event);
    if (code != CL_SUCCESS && code != CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST) {
        if (ocl->transfer_queue)
            ocl_api.clFinish(ocl->transfer_queue);
        ocl_api.clFinish(ocl->queue);
    }
    return code;
}

// After a failure between the transfer and what belongs to it.
static void event_abandon(struct ocl_context *ocl, struct ocl_event *event)
{
    if (event->event)
        await(ocl, &event->event);
    event_release(event);
}

static clef_status upload_now(struct ocl_context *ocl, struct ocl_buffer *buffer, size_t offset,
                              const void *src, size_t bytes)
{
    CLEF_TRY(ocl_transfer_before_use(ocl, buffer));
    OCL_TRY(clEnqueueWriteBuffer,
            (ocl->queue, buffer->memory, CL_TRUE, offset, bytes, src, 0, NULL, NULL), "%zu bytes",
            bytes);
    return CLEF_OK;
}

// Beside the kernels, after what used the buffer last.
static clef_status upload_beside(struct ocl_context *ocl, struct ocl_buffer *buffer, size_t offset,
                                 const void *src, struct ocl_event *event)
{
    // What was enqueued before it became streamed has left no trace.
    if (!buffer->streamed) {
        buffer->streamed = true;
        CLEF_TRY(ocl_transfer_after_use(ocl, buffer));
    }
    if (event->staging)
        src = memcpy(event->staging->data, src, event->bytes);
    CLEF_TRY(ocl_flush(ocl)); // A queue may wait only for commands that were submitted.
    OCL_TRY(clEnqueueWriteBuffer,
            (ocl->transfer_queue, buffer->memory, CL_FALSE, offset, event->bytes, src,
             buffer->used ? 1 : 0, buffer->used ? &buffer->used : NULL, &event->event),
            "%zu bytes", event->bytes);
    forget(&buffer->uploaded);
    OCL_TRY(clRetainEvent, (event->event), "of an upload");
    buffer->uploaded = event->event;
    OCL_TRY(clFlush, (ocl->transfer_queue), "queue of the transfers");
    return CLEF_OK;
}

static clef_status upload_between(struct ocl_context *ocl, struct ocl_buffer *buffer, size_t offset,
                                  const void *src, struct ocl_event *event)
{
    OCL_TRY(
        clEnqueueWriteBuffer,
        (ocl->queue, buffer->memory, CL_FALSE, offset, event->bytes, src, 0, NULL, &event->event),
        "%zu bytes", event->bytes);
    return ocl_flush(ocl);
}

clef_status ocl_upload(void *context, struct clef_buffer *base, size_t offset, const void *src,
                       size_t bytes, struct clef_event **result)
{
    struct ocl_context *ocl = context;
    struct ocl_buffer *buffer = ocl_buffer(base);
    if (!result)
        return upload_now(ocl, buffer, offset, src, bytes);
    struct ocl_event *event = NULL;
    CLEF_TRY(event_create(ocl, base, bytes, &event));
    clef_status status = ocl->transfer_queue ? upload_beside(ocl, buffer, offset, src, event)
                                             : upload_between(ocl, buffer, offset, src, event);
    if (status == CLEF_OK)
        *result = &event->base;
    else
        event_abandon(ocl, event);
    return status;
}

static clef_status enqueue_download(struct ocl_context *ocl, struct ocl_buffer *buffer,
                                    size_t offset, void *dst, struct ocl_event *event)
{
    if (event->staging) {
        event->download_to = dst;
        dst = event->staging->data;
    }
    OCL_TRY(
        clEnqueueReadBuffer,
        (ocl->queue, buffer->memory, CL_FALSE, offset, event->bytes, dst, 0, NULL, &event->event),
        "%zu bytes", event->bytes);
    CLEF_TRY(ocl_transfer_after_use(ocl, buffer));
    return ocl_flush(ocl);
}

// Always between the kernels, since it reads what they leave.
clef_status ocl_download(void *context, struct clef_buffer *base, size_t offset, void *dst,
                         size_t bytes, struct clef_event **result)
{
    struct ocl_context *ocl = context;
    struct ocl_buffer *buffer = ocl_buffer(base);
    CLEF_TRY(ocl_transfer_before_use(ocl, buffer));
    if (!result) {
        OCL_TRY(clEnqueueReadBuffer,
                (ocl->queue, buffer->memory, CL_TRUE, offset, bytes, dst, 0, NULL, NULL),
                "%zu bytes", bytes);
        return CLEF_OK;
    }
    struct ocl_event *event = NULL;
    CLEF_TRY(event_create(ocl, base, bytes, &event));
    clef_status status = enqueue_download(ocl, buffer, offset, dst, event);
    if (status == CLEF_OK)
        *result = &event->base;
    else
        event_abandon(ocl, event);
    return status;
}

clef_status ocl_event_wait(void *context, struct clef_event *base)
{
    struct ocl_context *ocl = context;
    struct ocl_event *event = (struct ocl_event *)base;
    size_t bytes = event->bytes;
    cl_int code = await(ocl, &event->event);
    cl_int state = CL_COMPLETE;
    if (code == CL_SUCCESS || code == CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST)
        // The event knows the error by its own number.
        ocl_api.clGetEventInfo(event->event, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof state,
                               &state, NULL);
    if (state < 0)
        code = state;
    if (code == CL_SUCCESS && event->download_to)
        memcpy(event->download_to, event->staging->data, bytes);
    event_release(event);
    if (code != CL_SUCCESS)
        return ocl_fail(code, "clWaitForEvents", "a transfer of %zu bytes", bytes);
    ocl_programs_save(ocl);
    return CLEF_OK;
}
