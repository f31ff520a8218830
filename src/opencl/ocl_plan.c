// SPDX-License-Identifier: Apache-2.0
#include "opencl/ocl_plan_steps.h"
#include "opencl/ocl_program.h"
#include "opencl/ocl_transfer.h"

#include <stdlib.h>
#include <string.h>

// Stands for a plan that could not even be begun; building it does nothing.
static struct ocl_plan no_memory = {.status = CLEF_OUT_OF_MEMORY};

static void plan_destroy(struct clef_plan *base)
{
    struct ocl_plan *plan = (struct ocl_plan *)base;
    for (int i = 0; i < plan->step_count; i++) {
        struct ocl_step *step = &plan->steps[i];
        if (step->kernel)
            ocl_api.clReleaseKernel(step->kernel);
        if (step->release)
            step->release(step->state);
    }
    for (int i = 0; i < plan->table_count; i++)
        ocl_api.clReleaseMemObject(plan->tables[i]);
    if (plan->before_release)
        plan->before_release(plan->before_state);
    free(plan->steps);
    free(plan->buffers);
    free(plan->tables);
    free(plan->problem);
    free(plan);
}

void ocl_plan_fail(struct ocl_plan *plan, clef_status status)
{
    if (plan->status == CLEF_OK)
        plan->status = status;
}

// Makes room for one more element of an array that grows by doubling.
static bool grow(struct ocl_plan *plan, void **array, int count, size_t element)
{
    if (count > 0 && (count & (count - 1)) != 0)
        return true;
    void *larger = realloc(*array, (count ? 2 * (size_t)count : 1) * element);
    if (larger)
        *array = larger;
    else
        ocl_plan_fail(plan, clef_fail(CLEF_OUT_OF_MEMORY, "no memory for a plan"));
    return larger != NULL;
}

struct ocl_step *ocl_plan_add_step(struct ocl_plan *plan, const char *name)
{
    if (plan->status != CLEF_OK ||
        !grow(plan, (void **)&plan->steps, plan->step_count, sizeof *plan->steps))
        return NULL;
    struct ocl_step *step = &plan->steps[plan->step_count++];
    *step = (struct ocl_step){.name = name};
    return step;
}

// ---------------------------------------------------------------- running

clef_status ocl_step_enqueue(struct ocl_context *ocl, const struct ocl_step *step, cl_event *event)
{
    if (step->enqueue)
        return step->enqueue(ocl, step->state, event);
    OCL_TRY(clEnqueueNDRangeKernel,
            (ocl->queue, step->kernel, 3, NULL, step->global, step->local, 0, NULL, event),
            "%s, %zux%zux%zu work-items in groups of %zux%zux%zu", step->name, step->global[0],
            step->global[1], step->global[2], step->local[0], step->local[1], step->local[2]);
    return CLEF_OK;
}

clef_status ocl_plan_before_steps(struct ocl_plan *plan, const struct clef_run_values *values)
{
    for (int i = 0; i < plan->buffer_count; i++)
        CLEF_TRY(ocl_transfer_before_use(plan->ocl, plan->buffers[i]));
    return plan->before ? plan->before(plan, plan->before_state, values) : CLEF_OK;
}

clef_status ocl_plan_after_steps(struct ocl_plan *plan)
{
    for (int i = 0; i < plan->buffer_count; i++)
        CLEF_TRY(ocl_transfer_after_use(plan->ocl, plan->buffers[i]));
    return CLEF_OK;
}

static clef_status plan_run(struct clef_plan *base, const struct clef_run_values *values)
{
    struct ocl_plan *plan = (struct ocl_plan *)base;
    CLEF_TRY(ocl_plan_before_steps(plan, values));
    for (int i = 0; i < plan->step_count; i++) {
        CLEF_TRY(ocl_step_enqueue(plan->ocl, &plan->steps[i], NULL));
        CLEF_TRY(ocl_enqueued(plan->ocl));
        if (plan->ocl->options.sync)
            OCL_TRY(clFinish, (plan->ocl->queue), "after %s", plan->steps[i].name);
    }
    return ocl_plan_after_steps(plan);
}

// ---------------------------------------------------------------- building

struct ocl_plan *ocl_plan_begin(void *context)
{
    struct ocl_plan *plan = calloc(1, sizeof *plan);
    if (!plan) {
        clef_fail(CLEF_OUT_OF_MEMORY, "no memory for a plan");
        return &no_memory;
    }
    plan->ocl = context;
    plan->base.run = plan_run;
    plan->base.destroy = plan_destroy;
    return plan;
}

void ocl_plan_uses(struct ocl_plan *plan, const struct clef_tensor *tensor)
{
    struct ocl_buffer *buffer = tensor ? ocl_buffer(tensor->buffer) : NULL;
    for (int i = 0; i < plan->buffer_count; i++)
        if (plan->buffers[i] == buffer)
            return;
    if (buffer && plan->status == CLEF_OK &&
        grow(plan, (void **)&plan->buffers, plan->buffer_count, sizeof(struct ocl_buffer *)))
        plan->buffers[plan->buffer_count++] = buffer;
}

int ocl_plan_launch(struct ocl_plan *plan, const struct ocl_launch *launch)
{
    struct ocl_step *step = ocl_plan_add_step(plan, launch->kernel);
    if (!step)
        return -1;
    clef_status status = ocl_kernel_create(plan->ocl, launch->source, launch->options,
                                           launch->kernel, &step->kernel);
    if (status == CLEF_OK)
        status = ocl_set_args(step->kernel, launch->kernel, launch->args);
    if (status == CLEF_OK)
        status = ocl_set_sizes(plan->ocl, launch, step);
    for (int i = 0; i < OCL_MAX_ARGS && launch->args[i].kind != OCL_ARG_NONE; i++)
        if (launch->args[i].kind == OCL_ARG_TENSOR)
            ocl_plan_uses(plan, launch->args[i].tensor);
    ocl_plan_fail(plan, status);
    return plan->step_count - 1;
}

cl_mem ocl_plan_table(struct ocl_plan *plan, const void *data, size_t bytes)
{
    if (plan->status != CLEF_OK ||
        !grow(plan, (void **)&plan->tables, plan->table_count, sizeof *plan->tables))
        return NULL;
    cl_int code;
    // The flag only reads from the pointer, whatever its type says.
    cl_mem table = ocl_api.clCreateBuffer(
        plan->ocl->context, CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR, bytes, (void *)data, &code);
    if (table)
        plan->tables[plan->table_count++] = table;
    else
        ocl_plan_fail(plan, ocl_fail(code, "clCreateBuffer", "a table of %zu bytes", bytes));
    return table;
}

void ocl_plan_custom(struct ocl_plan *plan, const char *name, ocl_enqueue enqueue, void *state,
                     void (*release)(void *state))
{
    struct ocl_step *step = ocl_plan_add_step(plan, name);
    if (step) {
        step->enqueue = enqueue;
        step->state = state;
        step->release = release;
    } else if (release) {
        release(state);
    }
}

void ocl_plan_before_run(struct ocl_plan *plan, ocl_before_run before, void *state,
                         void (*release)(void *state))
{
    if (plan->status == CLEF_OK) {
        plan->before = before;
        plan->before_state = state;
        plan->before_release = release;
    } else if (release) {
        release(state);
    }
}

clef_status ocl_plan_set_float(struct ocl_plan *plan, int launch, int parameter, float value)
{
    const struct ocl_step *step = &plan->steps[launch];
    OCL_TRY(clSetKernelArg, (step->kernel, (cl_uint)parameter, sizeof value, &value),
            "%s, parameter %d", step->name, parameter);
    return CLEF_OK;
}

clef_status ocl_plan_set_problem(struct clef_plan **base, const void *problem, size_t bytes)
{
    struct ocl_plan *plan = (struct ocl_plan *)*base;
    plan->problem = malloc(bytes);
    if (!plan->problem) {
        plan_destroy(*base);
        *base = NULL;
        return clef_fail(CLEF_OUT_OF_MEMORY, "no memory for a plan");
    }
    memcpy(plan->problem, problem, bytes);
    return CLEF_OK;
}

const void *ocl_plan_get_problem(const struct clef_plan *plan)
{
    return ((const struct ocl_plan *)plan)->problem;
}

clef_status ocl_plan_end(struct ocl_plan *plan, struct clef_plan **result)
{
    clef_status status = plan->status;
    if (status == CLEF_OK)
        *result = &plan->base;
    else if (plan != &no_memory)
        plan_destroy(&plan->base);
    return status;
}
