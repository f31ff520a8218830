// SPDX-License-Identifier: Apache-2.0
#include "opencl/ocl_buffer.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE_PAGE ((size_t)2 << 20)

// A processor walks through tensors with strides of whole pages, as the C backend does
// (src/cpu/cpu_backend.c): with small pages it would miss the translation of most addresses. Only
// whole huge pages of the buffer are asked for, before they are first written; it is only advice.
static void advise_huge_pages(char *data, size_t bytes)
{
#ifdef MADV_HUGEPAGE
    size_t skip = (HUGE_PAGE - (uintptr_t)data % HUGE_PAGE) % HUGE_PAGE;
    if (bytes >= skip + HUGE_PAGE)
        madvise(data + skip, (bytes - skip) / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE);
#else
    (void)data;
    (void)bytes;
#endif
}

// In memory that is the host's own the host itself is the fastest.
static clef_status clear_from_host(struct ocl_context *ocl, cl_mem memory, size_t bytes)
{
    cl_int code;
    void *data = ocl_api.clEnqueueMapBuffer(ocl->queue, memory, CL_TRUE, CL_MAP_WRITE, 0, bytes, 0,
                                            NULL, NULL, &code);
    if (!data)
        return ocl_fail(code, "clEnqueueMapBuffer", "%zu bytes", bytes);
    if (ocl->caps.kind == OCL_CPU)
        advise_huge_pages(data, bytes);
    memset(data, 0, bytes);
    OCL_TRY(clEnqueueUnmapMemObject, (ocl->queue, memory, data, 0, NULL, NULL), "%zu bytes", bytes);
    return CLEF_OK;
}

static clef_status clear_on_device(struct ocl_context *ocl, cl_mem memory, size_t bytes)
{
    static const cl_uint zero;
    size_t pattern = bytes % sizeof zero == 0 ? sizeof zero : 1;
    OCL_TRY(clEnqueueFillBuffer, (ocl->queue, memory, &zero, pattern, 0, bytes, 0, NULL, NULL),
            "%zu bytes", bytes);
    return CLEF_OK;
}

// Many drivers take memory only when it is first written. Filling it here, and waiting for that,
// brings a lack of it to light where its size is known.
static clef_status fill_with_zeros(struct ocl_context *ocl, cl_mem memory, size_t bytes)
{
    CLEF_TRY(ocl->caps.host_memory ? clear_from_host(ocl, memory, bytes)
                                   : clear_on_device(ocl, memory, bytes));
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
    struct ocl_buffer *released = ocl_buffer(buffer);
    if (released->uploaded)
        ocl_api.clReleaseEvent(released->uploaded);
    if (released->used)
        ocl_api.clReleaseEvent(released->used);
    ocl_api.clReleaseMemObject(released->memory);
    free(buffer);
}
