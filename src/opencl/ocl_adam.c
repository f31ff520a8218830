// SPDX-License-Identifier: Apache-2.0
#include "opencl/ocl_adam.h"

#include "opencl/ocl_conv2d_config.h"
#include "opencl/ocl_program.h"
#include "opencl/ocl_rows.h"
#include "ops/adam.h"

#include <stdlib.h>
#include <string.h>

// Elements of a task on a processor: 256 KiB of each tensor, large against the cost of a work-item.
#define CPU_TASK 65536
// On a graphics processor: eight elements of each work-item.
#define GPU_GROUP 256
#define GPU_TASK 2048

// As the kernel reads them.
struct piece {
    cl_ulong offset, count;
};

// The extents cut into pieces, and the pieces gathered into tasks of `grain` elements each, but for
// the last.
struct tasks {
    struct piece *pieces;
    cl_uint *first_piece; // One more than there are tasks.
    size_t piece_count, task_count;
};

// Counts, and fills in what is not NULL.
static void split_extents(const struct clef_adam_args *args, size_t grain, struct tasks *tasks)
{
    size_t piece = 0, task = 0, room = 0; // Elements that the current task can still take.
    for (size_t i = 0; i < args->extent_count; i++) {
        struct clef_extent left = args->extents[i];
        while (left.count > 0) {
            if (room == 0) {
                if (tasks->first_piece)
                    tasks->first_piece[task] = (cl_uint)piece;
                task++;
                room = grain;
            }
            size_t count = left.count < room ? left.count : room;
            if (tasks->pieces)
                tasks->pieces[piece] = (struct piece){left.offset, count};
            piece++;
            room -= count;
            left.offset += count;
            left.count -= count;
        }
    }
    if (tasks->first_piece)
        tasks->first_piece[task] = (cl_uint)piece;
    tasks->piece_count = piece;
    tasks->task_count = task;
}

static clef_status make_tasks(const struct clef_adam_args *args, size_t grain, struct tasks *tasks)
{
    *tasks = (struct tasks){0};
    split_extents(args, grain, tasks);
    tasks->pieces = calloc(tasks->piece_count, sizeof *tasks->pieces);
    tasks->first_piece = calloc(tasks->task_count + 1, sizeof *tasks->first_piece);
    if (!tasks->pieces || !tasks->first_piece)
        return clef_fail(CLEF_OUT_OF_MEMORY, "adam: no memory for a list of %zu extents",
                         tasks->piece_count);
    split_extents(args, grain, tasks);
    return CLEF_OK;
}

static void free_tasks(struct tasks *tasks)
{
    free(tasks->pieces);
    free(tasks->first_piece);
}

// ---------------------------------------------------------------- launches that take the step

struct rates {
    float beta1, beta2;
    int launch, parameter; // Where alpha belongs.
};

static clef_status set_alpha(struct ocl_plan *plan, void *state,
                             const struct clef_run_values *values)
{
    const struct rates *rates = state;
    return ocl_plan_set_float(plan, rates->launch, rates->parameter,
                              clef_adam_alpha(values, rates->beta1, rates->beta2));
}

void ocl_adam_add_launch(struct ocl_plan *build, const struct ocl_launch *launch,
                         const struct clef_weights_update *update)
{
    if (!update) {
        ocl_plan_launch(build, launch);
        return;
    }
    const struct ocl_arg args[] = {OCL_TENSOR(update->weights),
                                   OCL_TENSOR(update->m),
                                   OCL_TENSOR(update->v),
                                   OCL_TENSOR(update->fault),
                                   OCL_INT(update->fault != NULL),
                                   OCL_FLOAT(1 - (double)update->beta1),
                                   OCL_FLOAT(1 - (double)update->beta2),
                                   OCL_FLOAT(update->epsilon),
                                   OCL_FLOAT(0)};
    struct ocl_launch complete = *launch;
    int count = 0, parameter = 0;
    for (; complete.args[count].kind != OCL_ARG_NONE; count++)
        ;
    memcpy(complete.args + count, args, sizeof args);
    for (int i = 0; complete.args[i].kind != OCL_ARG_NONE; i++)
        parameter += complete.args[i].kind == OCL_ARG_TENSOR ? 2 : 1;
    struct rates *rates = malloc(sizeof *rates);
    if (!rates) {
        ocl_plan_fail(build, clef_fail(CLEF_OUT_OF_MEMORY, "adam: no memory for a plan"));
        return;
    }
    *rates = (struct rates){update->beta1, update->beta2, ocl_plan_launch(build, &complete),
                            parameter - 1};
    ocl_plan_before_run(build, set_alpha, rates, free);
}

// ---------------------------------------------------------------- a launch of its own

struct clef_tensor ocl_gradient_place(const struct clef_conv2d_backward_weights_args *args,
                                      const struct clef_tensor *scratch, size_t *used)
{
    if (args->diff_weights)
        return *args->diff_weights;
    size_t at = ocl_groups(*used, OCL_PANEL) * OCL_PANEL;
    size_t floats = clef_tensor_count(args->update->weights);
    *used = at + floats;
    return clef_tensor_vector(scratch ? scratch->buffer : NULL,
                              (scratch ? scratch->offset : 0) + at, floats);
}

static void launch_tasks(struct ocl_plan *build, const struct clef_adam_args *args,
                         const struct tasks *tasks, const char *options, size_t lanes)
{
    cl_mem pieces =
        ocl_plan_table(build, tasks->pieces, tasks->piece_count * sizeof *tasks->pieces);
    cl_mem first_piece = ocl_plan_table(build, tasks->first_piece,
                                        (tasks->task_count + 1) * sizeof *tasks->first_piece);
    ocl_adam_add_launch(
        build,
        &(struct ocl_launch){
            .source = "adam",
            .kernel = "adam",
            .options = options,
            .global = {lanes * tasks->task_count},
            .local = {lanes},
            .args = {OCL_TENSOR(args->grad), OCL_MEMORY(pieces), OCL_MEMORY(first_piece)},
        },
        &(struct clef_weights_update){args->param, args->m, args->v, args->fault, args->beta1,
                                      args->beta2, args->epsilon});
}

static void launch_extents(struct ocl_plan *build, struct ocl_context *ocl,
                           const struct clef_adam_args *args)
{
    char options[32];
    size_t lanes;
    clef_status status =
        ocl_kernel_lanes(ocl, "adam", "adam", ocl_flat_options(ocl),
                         ocl_is_cpu(ocl) ? 1 : GPU_GROUP, options, sizeof options, &lanes);
    struct tasks tasks = {0};
    if (status == CLEF_OK)
        status = make_tasks(args, ocl_is_cpu(ocl) ? CPU_TASK : GPU_TASK, &tasks);
    if (status == CLEF_OK)
        launch_tasks(build, args, &tasks, options, lanes);
    else
        ocl_plan_fail(build, status);
    free_tasks(&tasks);
}

void ocl_adam_launch_weights(struct ocl_plan *build, struct ocl_context *ocl,
                             const struct clef_conv2d_backward_weights_args *args,
                             const struct clef_tensor *gradient)
{
    const struct clef_weights_update *update = args->update;
    if (!update)
        return;
    const struct clef_tensor *src = args->src, *dst = args->diff_dst;
    struct clef_weights_layout layout = {args->window.kernel_h, args->window.kernel_w, src->c,
                                         dst->c, OCL_PANEL};
    const int src_size[2] = {src->h, src->w}, dst_size[2] = {dst->h, dst->w};
    size_t count = clef_weights_reached(&layout, &args->window, src_size, dst_size, NULL);
    struct clef_extent *extents = calloc(count, sizeof *extents);
    if (!extents) {
        ocl_plan_fail(build,
                      clef_fail(CLEF_OUT_OF_MEMORY, "adam: no memory for a list of extents"));
        return;
    }
    clef_weights_reached(&layout, &args->window, src_size, dst_size, extents);
    launch_extents(build, ocl,
                   &(struct clef_adam_args){.grad = gradient,
                                            .param = update->weights,
                                            .m = update->m,
                                            .v = update->v,
                                            .extents = extents,
                                            .extent_count = count,
                                            .fault = update->fault,
                                            .beta1 = update->beta1,
                                            .beta2 = update->beta2,
                                            .epsilon = update->epsilon});
    free(extents);
}

// ---------------------------------------------------------------- the op

clef_status ocl_adam(void *context, const struct clef_adam_args *args,
                     const struct clef_tensor *scratch, struct clef_plan_info *info,
                     struct clef_plan **plan)
{
    double count = 0;
    for (size_t i = 0; i < args->extent_count; i++)
        count += (double)args->extents[i].count;
    *info = (struct clef_plan_info){
        .flops = CLEF_ADAM_FLOPS * count,
        .bytes = 7.0 * sizeof(float) * count,
        .algorithm = "element-wise",
    };
    (void)scratch;
    if (!plan)
        return CLEF_OK;
    struct ocl_plan *build = ocl_plan_begin(context);
    launch_extents(build, context, args);
    return ocl_plan_end(build, plan);
}
