// SPDX-License-Identifier: Apache-2.0
#include "cpu/ops/cpu_adam.h"
#include "cpu/ops/cpu_rows.h"
#include "ops/adam.h"

#include <math.h>
#include <stdlib.h>

// ---------------------------------------------------------------- a run of elements

struct cpu_adam CPU_NAME(adam_of_weights)(const struct clef_weights_update *update)
{
    if (!update)
        return (struct cpu_adam){.param = NULL};
    return (struct cpu_adam){.param = cpu_view(update->weights).data,
                             .m = cpu_view(update->m).data,
                             .v = cpu_view(update->v).data,
                             .fault = (const int *)(const void *)cpu_view(update->fault).data,
                             .beta1 = update->beta1,
                             .beta2 = update->beta2,
                             .epsilon = update->epsilon};
}

void CPU_NAME(adam_begin)(struct cpu_adam *adam, const struct clef_run_values *values)
{
    adam->active = adam->param && !(adam->fault && *adam->fault != 0);
    if (adam->active)
        adam->alpha = clef_adam_alpha(values, adam->beta1, adam->beta2);
}

// A plain loop: the compiler makes vectors of it, square roots and the remainder included, and
// every element has the same formula.
static void update(const float *restrict grad, float *restrict param, float *restrict m,
                   float *restrict v, size_t count, float rate1, float rate2, float alpha,
                   float epsilon)
{
    for (size_t i = 0; i < count; i++) {
        float g = grad[i];
        float mean = m[i] + (g - m[i]) * rate1;
        float square = v[i] + (g * g - v[i]) * rate2;
        m[i] = mean;
        v[i] = square;
        param[i] -= alpha * mean / (sqrtf(square) + epsilon);
    }
}

void CPU_NAME(adam_update)(const struct cpu_adam *adam, const float *grad, size_t at, size_t count)
{
    if (!adam->active)
        return;
    update(grad, adam->param + at, adam->m + at, adam->v + at, count,
           (float)(1 - (double)adam->beta1), (float)(1 - (double)adam->beta2), adam->alpha,
           adam->epsilon);
}

// ---------------------------------------------------------------- the op

struct adam {
    struct cpu_plan base;
    struct cpu_adam step;
    const float *grad;
    // The extents cut at multiples of the grain; task t has pieces first_piece[t] up to
    // first_piece[t + 1].
    struct clef_extent *pieces;
    size_t *first_piece;
    int tasks;
};

static void adam_task(void *argument, int task, int thread)
{
    const struct adam *adam = argument;
    for (size_t i = adam->first_piece[task]; i < adam->first_piece[task + 1]; i++) {
        size_t at = adam->pieces[i].offset;
        CPU_NAME(adam_update)(&adam->step, adam->grad + at, at, adam->pieces[i].count);
    }
    (void)thread;
}

static clef_status adam_run(struct clef_plan *plan, const struct clef_run_values *values)
{
    struct adam *adam = (struct adam *)plan;
    CPU_NAME(adam_begin)(&adam->step, values);
    if (adam->step.active)
        cpu_parallel_for(adam->base.cpu, adam->tasks, adam_task, adam);
    return CLEF_OK;
}

static void adam_destroy(struct clef_plan *plan)
{
    struct adam *adam = (struct adam *)plan;
    free(adam->pieces);
    free(adam->first_piece);
    free(adam);
}

// Cuts the extents into pieces and gathers the pieces into tasks of one grain each, but for the
// last. Called without a plan it only counts.
static void split_extents(const struct clef_adam_args *args, struct adam *adam, size_t *pieces,
                          size_t *tasks)
{
    size_t piece = 0, task = 0, room = 0; // Elements that the current task can still take.
    for (size_t i = 0; i < args->extent_count; i++) {
        struct clef_extent left = args->extents[i];
        while (left.count > 0) {
            if (room == 0) {
                if (adam)
                    adam->first_piece[task] = piece;
                task++;
                room = CPU_FLAT_GRAIN;
            }
            size_t count = left.count < room ? left.count : room;
            if (adam)
                adam->pieces[piece] = (struct clef_extent){left.offset, count};
            piece++;
            room -= count;
            left.offset += count;
            left.count -= count;
        }
    }
    if (adam)
        adam->first_piece[task] = piece;
    *pieces = piece;
    *tasks = task;
}

clef_status CPU_NAME(adam)(void *context, const struct clef_adam_args *args,
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
    CLEF_TRY(cpu_plan_create(context, sizeof(struct adam), adam_run, plan));
    struct adam *adam = (struct adam *)*plan;
    adam->base.base.destroy = adam_destroy;
    size_t pieces, tasks;
    split_extents(args, NULL, &pieces, &tasks);
    adam->pieces = calloc(pieces + 1, sizeof(*adam->pieces));
    adam->first_piece = calloc(tasks + 1, sizeof(*adam->first_piece));
    if (!adam->pieces || !adam->first_piece) {
        adam_destroy(*plan);
        *plan = NULL;
        return clef_fail(CLEF_OUT_OF_MEMORY, "adam: no memory for a list of %zu extents", pieces);
    }
    split_extents(args, adam, &pieces, &tasks);
    adam->tasks = (int)tasks;
    adam->grad = cpu_view(args->grad).data;
    adam->step = CPU_NAME(adam_of_weights)(&(struct clef_weights_update){
        args->param, args->m, args->v, args->fault, args->beta1, args->beta2, args->epsilon});
    return CLEF_OK;
}
