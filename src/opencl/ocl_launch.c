// SPDX-License-Identifier: Apache-2.0
// Arguments and sizes of a kernel launch.
#include "opencl/ocl_plan_steps.h"

#include <limits.h>

static clef_status check_int(size_t value, const char *what, const char *kernel)
{
    return value <= INT_MAX ? CLEF_OK
                            : clef_fail(CLEF_UNSUPPORTED,
                                        "%s: a %s of %zu elements does not fit a kernel's int; use "
                                        "a smaller batch",
                                        kernel, what, value);
}

static clef_status strides_of(const struct clef_tensor *tensor, const char *kernel, cl_int4 *result)
{
    CLEF_TRY(check_int(tensor->stride_n, "stride", kernel));
    CLEF_TRY(check_int(tensor->stride_h, "stride", kernel));
    CLEF_TRY(check_int(tensor->stride_w, "stride", kernel));
    *result = (cl_int4){
        {(cl_int)tensor->stride_n, (cl_int)tensor->stride_h, (cl_int)tensor->stride_w, 1}};
    return CLEF_OK;
}

static clef_status set_arg(cl_kernel kernel, const char *name, cl_uint index, size_t size,
                           const void *value)
{
    OCL_TRY(clSetKernelArg, (kernel, index, size, value),
            "%s, parameter %u, %zu bytes: the launch and the kernel differ", name, index, size);
    return CLEF_OK;
}

// Sets what one entry of the list stands for, and moves *index past it.
static clef_status set_entry(cl_kernel kernel, const char *name, const struct ocl_arg *arg,
                             cl_uint *index)
{
    cl_int4 four;
    switch (arg->kind) {
    case OCL_ARG_TENSOR: {
        const struct clef_tensor *tensor = arg->tensor;
        cl_mem memory = tensor ? ocl_buffer(tensor->buffer)->memory : NULL;
        cl_ulong at = tensor ? tensor->offset + arg->offset : 0;
        CLEF_TRY(set_arg(kernel, name, (*index)++, sizeof memory, &memory));
        return set_arg(kernel, name, (*index)++, sizeof at, &at);
    }
    case OCL_ARG_STRIDES:
        CLEF_TRY(strides_of(arg->tensor, name, &four));
        return set_arg(kernel, name, (*index)++, sizeof four, &four);
    case OCL_ARG_SHAPE:
        four = (cl_int4){{arg->tensor->n, arg->tensor->h, arg->tensor->w, arg->tensor->c}};
        return set_arg(kernel, name, (*index)++, sizeof four, &four);
    case OCL_ARG_MEMORY:
        return set_arg(kernel, name, (*index)++, sizeof arg->memory, &arg->memory);
    case OCL_ARG_INT:
        return set_arg(kernel, name, (*index)++, sizeof arg->i, &arg->i);
    case OCL_ARG_ULONG:
        return set_arg(kernel, name, (*index)++, sizeof arg->ul, &arg->ul);
    case OCL_ARG_FLOAT:
        return set_arg(kernel, name, (*index)++, sizeof arg->f, &arg->f);
    case OCL_ARG_INT4:
        return set_arg(kernel, name, (*index)++, sizeof arg->i4, &arg->i4);
    case OCL_ARG_LOCAL:
        return set_arg(kernel, name, (*index)++, arg->bytes, NULL);
    case OCL_ARG_NONE:
        break;
    }
    return clef_fail(CLEF_INVALID_ARGUMENT, "%s: argument %u is of no kind", name, *index);
}

clef_status ocl_set_args(cl_kernel kernel, const char *name, const struct ocl_arg *args)
{
    cl_uint index = 0, expected = 0;
    for (int i = 0; i < OCL_MAX_ARGS && args[i].kind != OCL_ARG_NONE; i++)
        CLEF_TRY(set_entry(kernel, name, &args[i], &index));
    OCL_TRY(clGetKernelInfo, (kernel, CL_KERNEL_NUM_ARGS, sizeof expected, &expected, NULL), "%s",
            name);
    if (index != expected)
        return clef_fail(CLEF_INVALID_ARGUMENT, "%s: the launch sets %u parameters of %u", name,
                         index, expected);
    return CLEF_OK;
}

// A group for a kernel that does not care: as much of one dimension as is useful.
static size_t default_group(const struct ocl_context *ocl, size_t items, size_t kernel_limit)
{
    const size_t enough = ocl->caps.kind == OCL_CPU ? 1024 : 256;
    size_t size = ocl_group_size(ocl, kernel_limit < enough ? kernel_limit : enough);
    while (size > 1 && size / 2 >= items)
        size /= 2;
    return size;
}

// Halves a group until the kernel takes it.
static void shrink(size_t local[3], size_t limit)
{
    while (local[0] * local[1] * local[2] > limit && local[0] * local[1] > 1)
        local[local[1] > 1 ? 1 : 0] /= 2;
}

clef_status ocl_set_sizes(const struct ocl_context *ocl, const struct ocl_launch *launch,
                          struct ocl_step *step)
{
    size_t limit = 0, product = 1;
    OCL_TRY(clGetKernelWorkGroupInfo,
            (step->kernel, ocl->device, CL_KERNEL_WORK_GROUP_SIZE, sizeof limit, &limit, NULL),
            "%s", step->name);
    for (int i = 0; i < 3; i++)
        step->local[i] = launch->local[i] ? launch->local[i] : 1;
    if (launch->local_is_wish)
        shrink(step->local, limit);
    for (int i = 0; i < 3; i++) {
        size_t items = launch->global[i] ? launch->global[i] : 1;
        if (i == 0 && !launch->local[0])
            step->local[0] = default_group(ocl, items, limit);
        step->global[i] = ocl_groups(items, step->local[i]) * step->local[i];
        product *= step->local[i];
        if (step->local[i] > ocl->caps.max_items[i])
            return clef_fail(CLEF_UNSUPPORTED,
                             "%s: %zu work-items in dimension %d of a group; the device allows %zu",
                             step->name, step->local[i], i, ocl->caps.max_items[i]);
    }
    if (product > limit)
        return clef_fail(CLEF_UNSUPPORTED,
                         "%s: a group of %zux%zux%zu work-items; the device runs this kernel with "
                         "at most %zu",
                         step->name, step->local[0], step->local[1], step->local[2], limit);
    cl_ulong local_memory = 0;
    OCL_TRY(clGetKernelWorkGroupInfo,
            (step->kernel, ocl->device, CL_KERNEL_LOCAL_MEM_SIZE, sizeof local_memory,
             &local_memory, NULL),
            "%s", step->name);
    if (local_memory > ocl->caps.local_memory)
        return clef_fail(CLEF_UNSUPPORTED,
                         "%s: %llu bytes of local memory; the device has %zu for a group",
                         step->name, (unsigned long long)local_memory, ocl->caps.local_memory);
    return CLEF_OK;
}
