// SPDX-License-Identifier: Apache-2.0
#include "cli/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// A pass over the plans of a step.
struct visit {
    struct bench_plans *plans;
    int capacity;
    int next;       // Number of the plan that comes next.
    int repetition; // -1 in the pass that only lists the plans.
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
    if (!item->ms)
        return CLEF_OUT_OF_MEMORY;
    snprintf(item->layer, sizeof item->layer, "%s", layer ? layer : "");
    snprintf(item->op, sizeof item->op, "%s", op);
    ++plans->count;
    return CLEF_OK;
}

static clef_status visit_plan(void *user, const char *layer, const char *op, struct clef_plan *plan)
{
    struct visit *visit = user;
    if (visit->repetition < 0)
        return list_plan(visit, layer, op, plan);
    double seconds;
    BENCH_TRY(clef_plan_run_timed(plan, &visit->values, &seconds));
    visit->plans->items[visit->next++].ms[visit->repetition] = 1e3 * seconds;
    return CLEF_OK;
}

clef_status bench_plans_measure(struct bench *bench, int repetitions, struct bench_plans *plans)
{
    *plans = (struct bench_plans){.repetitions = repetitions};
    // A learning rate of zero keeps the weights, and with them the values in all tensors, as they
    // are; Adam does the same work with any rate.
    struct visit visit = {
        .plans = plans,
        .values = {.learning_rate = 0, .step = clef_model_get_step(bench->model) + 1}};
    // The first two passes are the listing and a warm-up; repetition 0 is measured again after it.
    for (int pass = -1; pass <= repetitions; ++pass) {
        visit.next = 0;
        visit.repetition = pass <= 0 ? pass : pass - 1;
        BENCH_TRY(
            clef_model_visit_plans(bench->model, bench->batch_size, true, visit_plan, &visit));
    }
    for (int k = 0; k < plans->count; ++k)
        plans->items[k].median_ms = bench_median(plans->items[k].ms, repetitions);
    return CLEF_OK;
}

void bench_plans_free(struct bench_plans *plans)
{
    for (int k = 0; k < plans->count; ++k)
        free(plans->items[k].ms);
    free(plans->items);
    *plans = (struct bench_plans){0};
}
