// SPDX-License-Identifier: Apache-2.0
#include "cpu/ops/cpu_rows.h"

struct add {
    struct cpu_plan base;
    size_t count;
    const float *a, *b;
    float *dst;
};

static void add_task(void *argument, int task, int thread)
{
    const struct add *add = argument;
    struct cpu_range range = cpu_task_range(add->count, CPU_FLAT_GRAIN, task);
    const float *a = add->a + range.first, *b = add->b + range.first;
    float *dst = add->dst + range.first;
    size_t i = 0;
    for (; i + CPU_LANES <= range.count; i += CPU_LANES)
        cpu_store(dst + i, cpu_load(a + i) + cpu_load(b + i));
    for (; i < range.count; i++)
        dst[i] = a[i] + b[i];
    (void)thread;
}

static clef_status add_run(struct clef_plan *plan, const struct clef_run_values *values)
{
    struct add *add = (struct add *)plan;
    cpu_parallel_for(add->base.cpu, cpu_task_count(add->count, CPU_FLAT_GRAIN), add_task, add);
    (void)values;
    return CLEF_OK;
}

clef_status CPU_NAME(add)(void *context, const struct clef_add_args *args,
                          const struct clef_tensor *scratch, struct clef_plan_info *info,
                          struct clef_plan **plan)
{
    size_t count = clef_tensor_count(args->dst);
    *info = (struct clef_plan_info){
        .flops = (double)count,
        .bytes = 3.0 * sizeof(float) * (double)count,
        .algorithm = "element-wise",
    };
    (void)scratch;
    if (!plan)
        return CLEF_OK;
    CLEF_TRY(cpu_plan_create(context, sizeof(struct add), add_run, plan));
    struct add *add = (struct add *)*plan;
    add->count = count;
    add->a = cpu_view(args->a).data;
    add->b = cpu_view(args->b).data;
    add->dst = cpu_view(args->dst).data;
    return CLEF_OK;
}
