// SPDX-License-Identifier: Apache-2.0
// fill, copy and cast. A dense tensor is one run of elements, and so is a pair of the same layout;
// all others are walked row by row in the destination's order, since scattered writes cost more
// than scattered reads.
#include "cpu/ops/cpu_rows.h"

#include <string.h>

struct memory {
    struct cpu_plan base;
    size_t count;         // Elements of the flat form.
    struct cpu_rows rows; // Split of the row-wise form.
    struct cpu_view src, dst;
    const uint8_t *bytes; // Source of cast; strides are those of src.
    float value;          // Of fill; the divisor of cast.
    cpu_task task;
    int tasks;
};

static clef_status memory_run(struct clef_plan *plan, const struct clef_run_values *values)
{
    struct memory *memory = (struct memory *)plan;
    cpu_parallel_for(memory->base.cpu, memory->tasks, memory->task, memory);
    (void)values;
    return CLEF_OK;
}

static void cast_elements(float *restrict dst, const uint8_t *restrict src, size_t count,
                          float divisor)
{
    for (size_t i = 0; i < count; i++)
        dst[i] = (float)src[i] / divisor;
}

// ---------------------------------------------------------------- flat

static void fill_flat(void *argument, int task, int thread)
{
    const struct memory *memory = argument;
    struct cpu_range range = cpu_task_range(memory->count, CPU_FLAT_GRAIN, task);
    float *dst = memory->dst.data + range.first;
    float value = memory->value;
    for (size_t i = 0; i < range.count; i++)
        dst[i] = value;
    (void)thread;
}

static void copy_flat(void *argument, int task, int thread)
{
    const struct memory *memory = argument;
    struct cpu_range range = cpu_task_range(memory->count, CPU_FLAT_GRAIN, task);
    memcpy(memory->dst.data + range.first, memory->src.data + range.first,
           range.count * sizeof(float));
    (void)thread;
}

static void cast_flat(void *argument, int task, int thread)
{
    const struct memory *memory = argument;
    struct cpu_range range = cpu_task_range(memory->count, CPU_FLAT_GRAIN, task);
    cast_elements(memory->dst.data + range.first, memory->bytes + range.first, range.count,
                  memory->value);
    (void)thread;
}

// ---------------------------------------------------------------- row by row

static void copy_rows(void *argument, int task, int thread)
{
    const struct memory *memory = argument;
    struct cpu_range range = cpu_task_range(memory->rows.rows, memory->rows.grain, task);
    size_t end = range.first + range.count;
    for (size_t row = range.first; row < end;) {
        struct cpu_run run = cpu_rows_run(&memory->rows, row, end);
        size_t src_step = cpu_axis_stride(&memory->src, run.axis);
        size_t dst_step = cpu_axis_stride(&memory->dst, run.axis);
        const float *src = memory->src.data + cpu_row_offset(&memory->src, run.at);
        float *dst = memory->dst.data + cpu_row_offset(&memory->dst, run.at);
        if (memory->dst.c == 1) // A call for each element would cost more than the element.
            for (int i = 0; i < run.count; i++)
                dst[(size_t)i * dst_step] = src[(size_t)i * src_step];
        else
            for (int i = 0; i < run.count; i++, src += src_step, dst += dst_step)
                memcpy(dst, src, (size_t)memory->dst.c * sizeof(float));
        row += (size_t)run.count;
    }
    (void)thread;
}

static void cast_rows(void *argument, int task, int thread)
{
    const struct memory *memory = argument;
    struct cpu_range range = cpu_task_range(memory->rows.rows, memory->rows.grain, task);
    size_t end = range.first + range.count;
    for (size_t row = range.first; row < end;) {
        struct cpu_run run = cpu_rows_run(&memory->rows, row, end);
        size_t src_step = cpu_axis_stride(&memory->src, run.axis);
        size_t dst_step = cpu_axis_stride(&memory->dst, run.axis);
        const uint8_t *src = memory->bytes + cpu_row_offset(&memory->src, run.at);
        float *dst = memory->dst.data + cpu_row_offset(&memory->dst, run.at);
        if (memory->dst.c == 1)
            for (int i = 0; i < run.count; i++)
                dst[(size_t)i * dst_step] = (float)src[(size_t)i * src_step] / memory->value;
        else
            for (int i = 0; i < run.count; i++, src += src_step, dst += dst_step)
                cast_elements(dst, src, (size_t)memory->dst.c, memory->value);
        row += (size_t)run.count;
    }
    (void)thread;
}

// ---------------------------------------------------------------- plans

// Creates a plan that runs `task`, whose split is that of the flat or of the row-wise form.
static clef_status plan_memory(void *context, const struct clef_tensor *dst, bool flat,
                               cpu_task task, struct clef_plan **plan)
{
    CLEF_TRY(cpu_plan_create(context, sizeof(struct memory), memory_run, plan));
    struct memory *memory = (struct memory *)*plan;
    memory->count = clef_tensor_count(dst);
    memory->rows = cpu_rows(dst, (size_t)dst->c);
    memory->dst = cpu_view(dst);
    memory->task = task;
    memory->tasks = flat ? cpu_task_count(memory->count, CPU_FLAT_GRAIN) : memory->rows.tasks;
    return CLEF_OK;
}

static struct clef_plan_info describe(const struct clef_tensor *dst, double element_bytes,
                                      bool flat)
{
    return (struct clef_plan_info){
        .bytes = element_bytes * (double)clef_tensor_count(dst),
        .algorithm = flat ? "flat" : "row-wise",
    };
}

clef_status CPU_NAME(fill)(void *context, const struct clef_fill_args *args,
                           const struct clef_tensor *scratch, struct clef_plan_info *info,
                           struct clef_plan **plan)
{
    *info = describe(args->dst, sizeof(float), true);
    (void)scratch;
    if (!plan)
        return CLEF_OK;
    CLEF_TRY(plan_memory(context, args->dst, true, fill_flat, plan));
    ((struct memory *)*plan)->value = args->value;
    return CLEF_OK;
}

clef_status CPU_NAME(copy)(void *context, const struct clef_copy_args *args,
                           const struct clef_tensor *scratch, struct clef_plan_info *info,
                           struct clef_plan **plan)
{
    bool flat = clef_tensor_is_dense(args->dst) && clef_tensor_same_layout(args->src, args->dst);
    *info = describe(args->dst, 2 * sizeof(float), flat);
    (void)scratch;
    if (!plan)
        return CLEF_OK;
    CLEF_TRY(plan_memory(context, args->dst, flat, flat ? copy_flat : copy_rows, plan));
    ((struct memory *)*plan)->src = cpu_view(args->src);
    return CLEF_OK;
}

clef_status CPU_NAME(cast)(void *context, const struct clef_cast_args *args,
                           const struct clef_tensor *scratch, struct clef_plan_info *info,
                           struct clef_plan **plan)
{
    bool flat = clef_tensor_is_dense(args->dst) && clef_tensor_same_layout(args->src, args->dst);
    *info = describe(args->dst, sizeof(float) + sizeof(uint8_t), flat);
    info->flops = (double)clef_tensor_count(args->dst);
    (void)scratch;
    if (!plan)
        return CLEF_OK;
    CLEF_TRY(plan_memory(context, args->dst, flat, flat ? cast_flat : cast_rows, plan));
    struct memory *memory = (struct memory *)*plan;
    // A view counts floats, but this source's offset counts bytes.
    struct clef_tensor start = *args->src;
    start.offset = 0;
    memory->src = cpu_view(&start);
    memory->bytes = (const uint8_t *)memory->src.data + args->src->offset;
    memory->value = args->divisor;
    return CLEF_OK;
}
