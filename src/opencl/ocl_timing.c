// SPDX-License-Identifier: Apache-2.0
// Times from the device's own clock. Only a queue that was made for it has them, and may be slower,
// so that a second queue takes the place of the first while something is timed.
#include "opencl/ocl_plan_steps.h"

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

// What times a step. One of several commands, as CLBlast's, tells the event of its last alone, so
// that it begins where a marker says that the device was done with what came before.
struct step_events {
    cl_event before; // NULL for a single command, which tells its own beginning.
    cl_event last;
};

static clef_status moment_of(cl_event event, cl_profiling_info which, const char *name,
                             cl_ulong *nanoseconds)
{
    OCL_TRY(clGetEventProfilingInfo, (event, which, sizeof *nanoseconds, nanoseconds, NULL), "%s",
            name);
    return CLEF_OK;
}

static clef_status add_seconds(const struct step_events *events, const char *name, double *seconds)
{
    cl_ulong begin = 0, end = 0;
    OCL_TRY(clWaitForEvents, (1, &events->last), "waiting for %s", name);
    CLEF_TRY(events->before ? moment_of(events->before, CL_PROFILING_COMMAND_END, name, &begin)
                            : moment_of(events->last, CL_PROFILING_COMMAND_START, name, &begin));
    CLEF_TRY(moment_of(events->last, CL_PROFILING_COMMAND_END, name, &end));
    *seconds += 1e-9 * (double)(end - begin);
    return CLEF_OK;
}

static clef_status enqueue_step(struct ocl_context *ocl, const struct ocl_step *step,
                                struct step_events *events)
{
    if (step->enqueue)
        OCL_TRY(clEnqueueMarkerWithWaitList, (ocl->queue, 0, NULL, &events->before), "before %s",
                step->name);
    return ocl_step_enqueue(ocl, step, &events->last);
}

// Enqueues all before it waits for the first, so that the device does not idle between.
static clef_status enqueue_steps(struct ocl_plan *plan, const struct clef_run_values *values,
                                 struct step_events *events)
{
    CLEF_TRY(ocl_plan_before_steps(plan, values));
    for (int i = 0; i < plan->step_count; i++)
        CLEF_TRY(enqueue_step(plan->ocl, &plan->steps[i], &events[i]));
    CLEF_TRY(ocl_plan_after_steps(plan));
    return ocl_flush(plan->ocl);
}

static void release_events(const struct step_events *events)
{
    if (events->before)
        ocl_api.clReleaseEvent(events->before);
    if (events->last)
        ocl_api.clReleaseEvent(events->last);
}

static clef_status time_steps(struct ocl_plan *plan, const struct clef_run_values *values,
                              struct step_events *events, double *seconds)
{
    clef_status status = enqueue_steps(plan, values, events);
    for (int i = 0; i < plan->step_count; i++) {
        if (status == CLEF_OK)
            status = add_seconds(&events[i], plan->steps[i].name, seconds);
        release_events(&events[i]);
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
    struct step_events *events = calloc((size_t)plan->step_count + 1, sizeof *events);
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
