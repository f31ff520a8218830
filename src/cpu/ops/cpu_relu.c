// SPDX-License-Identifier: Apache-2.0
#include "cpu/ops/cpu_rows.h"

struct relu {
    struct cpu_plan base;
    size_t count;
    const float *src; // Of the backward pass: diff_dst.
    const float *dst; // Of the backward pass: what the forward pass returned.
    float *result;
};

static void forward_task(void *argument, int task, int thread)
{
    const struct relu *relu = argument;
    struct cpu_range range = cpu_task_range(relu->count, CPU_FLAT_GRAIN, task);
    const float *src = relu->src + range.first;
    float *dst = relu->result + range.first;
    size_t i = 0;
    for (; i + CPU_LANES <= range.count; i += CPU_LANES)
        cpu_store(dst + i, cpu_relu(cpu_load(src + i)));
    int rest = (int)(range.count - i);
    cpu_store_part(dst + i, cpu_relu(cpu_load_part(src + i, rest)), rest);
    (void)thread;
}

static clef_status forward_run(struct clef_plan *plan, const struct clef_run_values *values)
{
    struct relu *relu = (struct relu *)plan;
    cpu_parallel_for(relu->base.cpu, cpu_task_count(relu->count, CPU_FLAT_GRAIN), forward_task,
                     relu);
    (void)values;
    return CLEF_OK;
}

static void backward_task(void *argument, int task, int thread)
{
    const struct relu *relu = argument;
    struct cpu_range range = cpu_task_range(relu->count, CPU_FLAT_GRAIN, task);
    const float *diff_dst = relu->src + range.first;
    const float *dst = relu->dst + range.first;
    float *diff_src = relu->result + range.first;
    size_t i = 0;
    for (; i + CPU_LANES <= range.count; i += CPU_LANES)
        cpu_store(diff_src + i, cpu_where_positive(cpu_load(dst + i), cpu_load(diff_dst + i)));
    int rest = (int)(range.count - i);
    cpu_vec last =
        cpu_where_positive(cpu_load_part(dst + i, rest), cpu_load_part(diff_dst + i, rest));
    cpu_store_part(diff_src + i, last, rest);
    (void)thread;
}

static clef_status backward_run(struct clef_plan *plan, const struct clef_run_values *values)
{
    struct relu *relu = (struct relu *)plan;
    cpu_parallel_for(relu->base.cpu, cpu_task_count(relu->count, CPU_FLAT_GRAIN), backward_task,
                     relu);
    (void)values;
    return CLEF_OK;
}

clef_status CPU_NAME(relu_forward)(void *context, const struct clef_relu_forward_args *args,
                                   const struct clef_tensor *scratch, struct clef_plan_info *info,
                                   struct clef_plan **plan)
{
    size_t count = clef_tensor_count(args->dst);
    *info = (struct clef_plan_info){
        .flops = (double)count,
        .bytes = 2.0 * sizeof(float) * (double)count,
        .algorithm = "element-wise",
    };
    (void)scratch;
    if (!plan)
        return CLEF_OK;
    CLEF_TRY(cpu_plan_create(context, sizeof(struct relu), forward_run, plan));
    struct relu *relu = (struct relu *)*plan;
    relu->count = count;
    relu->src = cpu_view(args->src).data;
    relu->result = cpu_view(args->dst).data;
    return CLEF_OK;
}

clef_status CPU_NAME(relu_backward)(void *context, const struct clef_relu_backward_args *args,
                                    const struct clef_tensor *scratch, struct clef_plan_info *info,
                                    struct clef_plan **plan)
{
    size_t count = clef_tensor_count(args->diff_src);
    *info = (struct clef_plan_info){
        .flops = (double)count,
        .bytes = 3.0 * sizeof(float) * (double)count,
        .algorithm = "element-wise",
    };
    (void)scratch;
    if (!plan)
        return CLEF_OK;
    CLEF_TRY(cpu_plan_create(context, sizeof(struct relu), backward_run, plan));
    struct relu *relu = (struct relu *)*plan;
    relu->count = count;
    relu->src = cpu_view(args->diff_dst).data;
    relu->dst = cpu_view(args->dst).data;
    relu->result = cpu_view(args->diff_src).data;
    return CLEF_OK;
}
