// SPDX-License-Identifier: Apache-2.0
// Times from the device's own clock. Only a queue that was made for it has them, and may be slower,
// so that a second queue takes the place of the first while something is timed.
#include "opencl/ocl_plan_steps.h"

#include "core/clock.h"

#include <stdlib.h>

static clef_status need_profiling_queue(struct ocl_context *ocl)
{
    if (ocl->profiling_queue)
        return CLEF_OK;
    cl_int code;
    ocl->profiling_queue =
        ocl_api.clCreateCommandQueue(ocl->context, ocl->device, CL_QUEUE_PROFILING_ENABLE, &code);
    return ocl->profiling_queue
               ? CLEF_OK
               : ocl_fail(code, "clCreateCommandQueue", "a queue that tells times");
}

static clef_status event_seconds(cl_event event, const char *name, double *seconds)
{
    OCL_TRY(clWaitForEvents, (1, &event), "waiting for %s", name);
    cl_ulong begin = 0, end = 0;
    OCL_TRY(clGetEventProfilingInfo,
            (event, CL_PROFILING_COMMAND_START, sizeof begin, &begin, NULL), "%s", name);
    OCL_TRY(clGetEventProfilingInfo, (event, CL_PROFILING_COMMAND_END, sizeof end, &end, NULL),
            "%s", name);
    *seconds += 1e-9 * (double)(end - begin);
    return CLEF_OK;
}

// A step of several commands, as CLBlast's, tells the event of its last alone; so it is timed by
// the host, with nothing else under way.
static clef_status time_custom_step(struct ocl_context *ocl, const struct ocl_step *step,
                                    double *seconds)
{
    OCL_TRY(clFinish, (ocl->queue), "before %s", step->name);
    double began = clef_seconds();
    CLEF_TRY(ocl_step_enqueue(ocl, step, NULL));
    OCL_TRY(clFinish, (ocl->queue), "after %s", step->name);
    *seconds += clef_seconds() - began;
    return CLEF_OK;
}

// Enqueues all kernels before it waits for the first, so that the device does not idle between.
static clef_status enqueue_steps(struct ocl_plan *plan, const struct clef_run_values *values,
                                 cl_event *events, double *seconds)
{
    CLEF_TRY(ocl_plan_before_steps(plan, values));
    for (int i = 0; i < plan->step_count; i++) {
        const struct ocl_step *step = &plan->steps[i];
        if (step->enqueue)
            CLEF_TRY(time_custom_step(plan->ocl, step, seconds));
        else
            CLEF_TRY(ocl_step_enqueue(plan->ocl, step, &events[i]));
    }
    CLEF_TRY(ocl_plan_after_steps(plan));
    return ocl_flush(plan->ocl);
}

static clef_status time_steps(struct ocl_plan *plan, const struct clef_run_values *values,
                              cl_event *events, double *seconds)
{
    clef_status status = enqueue_steps(plan, values, events, seconds);
    for (int i = 0; i < plan->step_count; i++) {
        if (!events[i])
            continue;
        if (status == CLEF_OK)
            status = event_seconds(events[i], plan->steps[i].name, seconds);
        ocl_api.clReleaseEvent(events[i]);
    }
    return status;
}

clef_status ocl_run_timed(void *context, struct clef_plan *base,
                          const struct clef_run_values *values, double *seconds)
{
    struct ocl_context *ocl = context;
    struct ocl_plan *plan = (struct ocl_plan *)base;
    *seconds = 0;
    CLEF_TRY(need_profiling_queue(ocl));
    OCL_TRY(clFinish, (ocl->queue), "before a measurement");
    cl_event *events = calloc((size_t)plan->step_count + 1, sizeof(cl_event));
    if (!events)
        return clef_fail(CLEF_OUT_OF_MEMORY, "no memory for %d events", plan->step_count);
    cl_command_queue queue = ocl->queue;
    ocl->queue = ocl->profiling_queue;
    clef_status status = time_steps(plan, values, events, seconds);
    cl_int code = ocl_api.clFinish(ocl->queue);
    ocl->queue = queue;
    free(events);
    if (status == CLEF_OK && code != CL_SUCCESS)
        status = ocl_fail(code, "clFinish", "after a measurement");
    return status;
}
