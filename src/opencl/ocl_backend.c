// SPDX-License-Identifier: Apache-2.0
// The OpenCL backend: one context and one queue for each open device.
#include "opencl/ocl_buffer.h"
#include "opencl/ocl_cache.h"
#include "opencl/ocl_clblast.h"
#include "opencl/ocl_conv2d_config.h"
#include "opencl/ocl_device.h"
#include "opencl/ocl_peak.h"
#include "opencl/ocl_plan.h"
#include "opencl/ocl_program.h"
#include "opencl/ocl_transfer.h"
#include "opencl/ocl_tune.h"
#include "opencl/ocl_tuned.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

// Commands after which the driver is told to begin: few enough to keep it fed, more than one since
// telling costs about as much as enqueuing.
#define FLUSH_INTERVAL 8

static const struct clef_backend_ops op_table = {
#define OP_ENTRY(op) .op = ocl_##op,
    CLEF_OP_LIST(OP_ENTRY)
#undef OP_ENTRY
};

size_t ocl_group_size(const struct ocl_context *ocl, size_t wanted)
{
    size_t limit =
        ocl->caps.max_group < ocl->caps.max_items[0] ? ocl->caps.max_group : ocl->caps.max_items[0];
    if (limit > wanted)
        limit = wanted;
    size_t size = 1;
    while (2 * size <= limit)
        size *= 2;
    return size;
}

void ocl_notice(const struct ocl_context *ocl, enum clef_notice kind, const char *format, ...)
{
    char text[4096];
    if (!ocl->options.notice)
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    ocl->options.notice(ocl->options.notice_user, kind, text);
}

clef_status ocl_flush(struct ocl_context *ocl)
{
    ocl->unflushed = 0;
    OCL_TRY(clFlush, (ocl->queue), "queue of the device");
    return CLEF_OK;
}

clef_status ocl_enqueued(struct ocl_context *ocl)
{
    return ++ocl->unflushed >= FLUSH_INTERVAL ? ocl_flush(ocl) : CLEF_OK;
}

static void backend_close(void *context)
{
    struct ocl_context *ocl = context;
    ocl_clblast_close(ocl);
    ocl->unsettled = false;
    ocl_programs_save(ocl);
    if (ocl->compiled + ocl->loaded > 0)
        ocl_notice(ocl, CLEF_NOTICE_DETAIL, "OpenCL programs: %d compiled, %d from the cache",
                   ocl->compiled, ocl->loaded);
    ocl_programs_release(ocl);
    ocl_cache_close(ocl);
    ocl_tuned_free(ocl->tuned);
    ocl_transfer_close(ocl);
    if (ocl->profiling_queue)
        ocl_api.clReleaseCommandQueue(ocl->profiling_queue);
    if (ocl->queue)
        ocl_api.clReleaseCommandQueue(ocl->queue);
    if (ocl->context)
        ocl_api.clReleaseContext(ocl->context);
    free(ocl);
}

static clef_status open_context(struct ocl_context *ocl, const char *name)
{
    const cl_context_properties properties[] = {CL_CONTEXT_PLATFORM,
                                                (cl_context_properties)ocl->platform, 0};
    cl_int code;
    ocl->context = ocl_api.clCreateContext(properties, 1, &ocl->device, NULL, NULL, &code);
    if (!ocl->context)
        return ocl_fail(code, "clCreateContext", "device \"%s\"", name);
    ocl->queue = ocl_api.clCreateCommandQueue(ocl->context, ocl->device, 0, &code);
    if (!ocl->queue)
        return ocl_fail(code, "clCreateCommandQueue", "device \"%s\"", name);
    return ocl_transfer_open(ocl);
}

static clef_status backend_open(int index, const struct clef_device_options *options,
                                struct clef_device_info *info, void **context,
                                const struct clef_backend_ops **ops)
{
    struct ocl_context *ocl = calloc(1, sizeof *ocl);
    if (!ocl)
        return clef_fail(CLEF_OUT_OF_MEMORY, "no memory to open device \"%s\"", info->name);
    ocl->options = *options;
    clef_status status = CLEF_OK;
    if (info->unusable[0]) // A row without a type is no device at all.
        status = clef_fail(info->type[0] ? CLEF_UNSUPPORTED : CLEF_NOT_FOUND,
                           "device \"%s\" cannot be used: %s", info->selector, info->unusable);
    if (status == CLEF_OK)
        status = ocl_find(index, &ocl->platform, &ocl->device);
    if (status == CLEF_OK)
        status = ocl_read_caps(ocl->device, &ocl->caps);
    if (status == CLEF_OK)
        status = open_context(ocl, info->name);
    if (status != CLEF_OK) {
        backend_close(ocl);
        return status;
    }
    ocl_cache_open(ocl, options);
    if (!options->untuned)
        ocl_tuned_load(ocl);
    *context = ocl;
    *ops = &op_table;
    return CLEF_OK;
}

static clef_status backend_synchronize(void *context)
{
    struct ocl_context *ocl = context;
    ocl->unflushed = 0;
    if (ocl->transfer_queue)
        OCL_TRY(clFinish, (ocl->transfer_queue), "waiting for transfers");
    OCL_TRY(clFinish, (ocl->queue), "waiting for the device's work");
    ocl_programs_save(ocl);
    return CLEF_OK;
}

static const char *const *backend_alternatives(void *context)
{
    return ocl_conv2d_alternatives(context);
}

static void backend_prefer(void *context, const char *alternative)
{
    struct ocl_context *ocl = context;
    ocl->preferred = alternative;
}

const struct clef_backend clef_backend_opencl = {
    .name = "opencl",
    .enumerate = ocl_enumerate,
    .describe = ocl_describe,
    .open = backend_open,
    .close = backend_close,
    .buffer_create = ocl_buffer_create,
    .buffer_destroy = ocl_buffer_destroy,
    .upload = ocl_upload,
    .download = ocl_download,
    .event_wait = ocl_event_wait,
    .synchronize = backend_synchronize,
    .run_timed = ocl_run_timed,
    .alternatives = backend_alternatives,
    .prefer = backend_prefer,
    .tune = ocl_tune,
    .measure_peak = ocl_measure_peak,
};
