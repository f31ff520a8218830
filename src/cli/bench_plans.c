// SPDX-License-Identifier: Apache-2.0
#include "cli/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum pass { PASS_LIST, PASS_STEP, PASS_ALONE };

// A pass over the plans of a step.
struct visit {
    struct bench_plans *plans;
    int capacity;
    enum pass pass;
    int next; // Number of the plan that comes next.
    int repetition;
    struct clef_run_values values;
};

static clef_status list_plan(struct visit *visit, const char *layer, const char *op,
                             const struct clef_plan *plan)
{
    struct bench_plans *plans = visit->plans;
    if (plans->count == visit->capacity) {
        int capacity = visit->capacity ? 2 * visit->capacity : 128;
        struct bench_plan *items = realloc(plans->items, (size_t)capacity * sizeof *plans->items);
        if (!items)
            return CLEF_OUT_OF_MEMORY;
        plans->items = items;
        visit->capacity = capacity;
    }
    struct bench_plan *item = &plans->items[plans->count];
    *item = (struct bench_plan){.info = *clef_plan_get_info(plan)};
    item->ms = calloc((size_t)plans->repetitions, sizeof *item->ms);
    item->step_ms = calloc((size_t)plans->repetitions, sizeof *item->step_ms);
    ++plans->count;
    if (!item->ms || !item->step_ms)
        return CLEF_OUT_OF_MEMORY;
    snprintf(item->layer, sizeof item->layer, "%s", layer ? layer : "");
    snprintf(item->op, sizeof item->op, "%s", op);
    return CLEF_OK;
}

static clef_status visit_plan(void *user, const char *layer, const char *op, struct clef_plan *plan)
{
    struct visit *visit = user;
    if (visit->pass == PASS_LIST)
        return list_plan(visit, layer, op, plan);
    struct bench_plan *item = &visit->plans->items[visit->next++];
    double seconds;
    if (visit->pass == PASS_ALONE)
        BENCH_TRY(clef_plan_run_timed(plan, &visit->values, &seconds));
    BENCH_TRY(clef_plan_run_timed(plan, &visit->values, &seconds));
    double *ms = visit->pass == PASS_ALONE ? item->ms : item->step_ms;
    ms[visit->repetition] = 1e3 * seconds;
    return CLEF_OK;
}

static clef_status visit_all(struct bench *bench, struct visit *visit, enum pass pass,
                             int repetition)
{
    visit->pass = pass;
    visit->next = 0;
    visit->repetition = repetition;
    return clef_model_visit_plans(bench->model, bench->batch_size, true, visit_plan, visit);
}

clef_status bench_plans_measure(struct bench *bench, int repetitions, bool alone,
                                struct bench_plans *plans)
{
    *plans = (struct bench_plans){.repetitions = repetitions};
    // A learning rate of zero keeps the weights, and with them the values in all tensors, as they
    // are; Adam does the same work with any rate.
    struct visit visit = {
        .plans = plans,
        .values = {.learning_rate = 0, .step = clef_model_get_step(bench->model) + 1}};
    BENCH_TRY(visit_all(bench, &visit, PASS_LIST, 0));
    // Warms up; the first repetition is measured anew after it.
    BENCH_TRY(visit_all(bench, &visit, PASS_STEP, 0));
    for (int k = 0; k < repetitions; ++k)
        BENCH_TRY(visit_all(bench, &visit, PASS_STEP, k));
    for (int k = 0; alone && k < repetitions; ++k)
        BENCH_TRY(visit_all(bench, &visit, PASS_ALONE, k));
    for (int k = 0; k < plans->count; ++k) {
        struct bench_plan *item = &plans->items[k];
        bench_median(item->ms, repetitions);
        item->step_median_ms = bench_median(item->step_ms, repetitions);
    }
    return CLEF_OK;
}

void bench_plans_free(struct bench_plans *plans)
{
    for (int k = 0; k < plans->count; ++k) {
        free(plans->items[k].ms);
        free(plans->items[k].step_ms);
    }
    free(plans->items);
    *plans = (struct bench_plans){0};
}
