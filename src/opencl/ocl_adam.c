// SPDX-License-Identifier: Apache-2.0
#include "opencl/ocl_program.h"
#include "opencl/ocl_rows.h"

#include <math.h>
#include <stdlib.h>

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

// The kernel's parameter `alpha`; a tensor counts as two.
#define ALPHA_PARAMETER 16

struct rates {
    double beta1, beta2;
    int launch;
};

static clef_status set_alpha(struct ocl_plan *plan, void *state,
                             const struct clef_run_values *values)
{
    const struct rates *rates = state;
    if (!values || values->step == 0)
        return clef_fail(CLEF_INVALID_ARGUMENT,
                         "adam: the run values are missing or their step is 0; count from 1");
    double step = (double)values->step;
    double alpha = (double)values->learning_rate * sqrt(1 - pow(rates->beta2, step)) /
                   (1 - pow(rates->beta1, step));
    return ocl_plan_set_float(plan, rates->launch, ALPHA_PARAMETER, (float)alpha);
}

static int launch_tasks(struct ocl_plan *build, const struct clef_adam_args *args,
                        const struct tasks *tasks, const char *options, size_t lanes)
{
    cl_mem pieces =
        ocl_plan_table(build, tasks->pieces, tasks->piece_count * sizeof *tasks->pieces);
    cl_mem first_piece = ocl_plan_table(build, tasks->first_piece,
                                        (tasks->task_count + 1) * sizeof *tasks->first_piece);
    return ocl_plan_launch(
        build,
        &(struct ocl_launch){
            .source = "adam",
            .kernel = "adam",
            .options = options,
            .global = {lanes * tasks->task_count},
            .local = {lanes},
            .args = {OCL_TENSOR(args->grad), OCL_TENSOR(args->param), OCL_TENSOR(args->m),
                     OCL_TENSOR(args->v), OCL_TENSOR(args->fault), OCL_INT(args->fault != NULL),
                     OCL_MEMORY(pieces), OCL_MEMORY(first_piece),
                     OCL_FLOAT(1 - (double)args->beta1), OCL_FLOAT(1 - (double)args->beta2),
                     OCL_FLOAT(args->epsilon), OCL_FLOAT(0)},
        });
}

clef_status ocl_adam(void *context, const struct clef_adam_args *args,
                     const struct clef_tensor *scratch, struct clef_plan_info *info,
                     struct clef_plan **plan)
{
    struct ocl_context *ocl = context;
    double count = 0;
    for (size_t i = 0; i < args->extent_count; i++)
        count += (double)args->extents[i].count;
    *info = (struct clef_plan_info){
        .flops = 12 * count,
        .bytes = 7.0 * sizeof(float) * count,
        .algorithm = "element-wise",
    };
    (void)scratch;
    if (!plan)
        return CLEF_OK;
    char options[32];
    size_t lanes;
    CLEF_TRY(ocl_kernel_lanes(ocl, "adam", "adam", ocl_flat_options(ocl),
                              ocl_is_cpu(ocl) ? 1 : GPU_GROUP, options, sizeof options, &lanes));
    struct tasks tasks;
    struct rates *rates = calloc(1, sizeof *rates);
    clef_status status = make_tasks(args, ocl_is_cpu(ocl) ? CPU_TASK : GPU_TASK, &tasks);
    if (status == CLEF_OK && !rates)
        status = clef_fail(CLEF_OUT_OF_MEMORY, "adam: no memory for a plan");
    if (status != CLEF_OK) {
        free_tasks(&tasks);
        free(rates);
        return status;
    }
    struct ocl_plan *build = ocl_plan_begin(context);
    *rates =
        (struct rates){args->beta1, args->beta2, launch_tasks(build, args, &tasks, options, lanes)};
    ocl_plan_before_run(build, set_alpha, rates, free);
    free_tasks(&tasks);
    return ocl_plan_end(build, plan);
}
