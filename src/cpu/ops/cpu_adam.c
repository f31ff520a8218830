// SPDX-License-Identifier: Apache-2.0
#include "cpu/ops/cpu_rows.h"

#include <math.h>
#include <stdlib.h>

struct adam {
    struct cpu_plan base;
    const float *grad;
    float *param, *m, *v;
    const int *fault;
    double beta1, beta2;
    float epsilon;
    // The extents cut at multiples of the grain; task t has pieces first_piece[t] up to
    // first_piece[t + 1].
    struct clef_extent *pieces;
    size_t *first_piece;
    int tasks;
    float alpha; // Of the run under way: the learning rate with both corrections.
};

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

static void adam_task(void *argument, int task, int thread)
{
    const struct adam *adam = argument;
    for (size_t i = adam->first_piece[task]; i < adam->first_piece[task + 1]; i++) {
        size_t at = adam->pieces[i].offset;
        update(adam->grad + at, adam->param + at, adam->m + at, adam->v + at, adam->pieces[i].count,
               (float)(1 - adam->beta1), (float)(1 - adam->beta2), adam->alpha, adam->epsilon);
    }
    (void)thread;
}

static clef_status adam_run(struct clef_plan *plan, const struct clef_run_values *values)
{
    struct adam *adam = (struct adam *)plan;
    if (!values || values->step == 0)
        return clef_fail(CLEF_INVALID_ARGUMENT,
                         "adam: the run values are missing or their step is 0; count from 1");
    if (adam->fault && *adam->fault != 0)
        return CLEF_OK;
    double step = (double)values->step;
    adam->alpha = (float)((double)values->learning_rate * sqrt(1 - pow(adam->beta2, step)) /
                          (1 - pow(adam->beta1, step)));
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
        .flops = 12 * count,
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
    adam->param = cpu_view(args->param).data;
    adam->m = cpu_view(args->m).data;
    adam->v = cpu_view(args->v).data;
    adam->fault = (const int *)(const void *)cpu_view(args->fault).data;
    adam->beta1 = (double)args->beta1;
    adam->beta2 = (double)args->beta2;
    adam->epsilon = args->epsilon;
    return CLEF_OK;
}
