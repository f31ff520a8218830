// SPDX-License-Identifier: Apache-2.0
// The plain C backend: one device, the processors that the process may use, with the best set of
// instructions or one that is asked for. Work is done when the call that enqueues it returns, so
// that events are always NULL and nothing is ever deferred.
#include "core/clock.h"
#include "cpu/cpu.h"
#include "cpu/cpu_conv2d_choice.h"
#include "cpu/cpu_describe.h"
#include "cpu/cpu_isa_select.h"
#include "cpu/cpu_peak.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define MAX_THREADS 1024 // More than any machine gains from; keeps a typing error from harm.

// From this size on, memory comes from the system directly, in whole huge pages where the system
// has them: it is zero without being written, what is never touched is not taken, and addresses are
// translated so much faster that a training step takes 6 % less time. In bytes; of x86-64.
#define HUGE_PAGE ((size_t)2 << 20)

// An open device. The kernels see its first member only.
struct open_cpu {
    struct cpu_context context;
    const struct cpu_isa_table *table;
};

static clef_status cpu_open(int index, const struct clef_device_options *options,
                            struct clef_device_info *info, void **context,
                            const struct clef_backend_ops **ops)
{
    if (options->threads < 0 || options->threads > MAX_THREADS)
        return clef_fail(CLEF_INVALID_ARGUMENT,
                         "%d threads: use 1 to %d, or 0 for one on each processor",
                         options->threads, MAX_THREADS);
    struct cpu_isa_choice isa;
    CLEF_TRY(cpu_isa_select(index, &isa));
    struct open_cpu *cpu = calloc(1, sizeof *cpu);
    if (!cpu)
        return clef_fail(CLEF_OUT_OF_MEMORY, "no memory to open device \"cpu\"");
    cpu->context.threads = options->threads ? options->threads : cpu_processor_count();
    clef_status status = cpu_team_create(cpu->context.threads, &cpu->context.team);
    if (status != CLEF_OK) {
        free(cpu);
        return status;
    }
    cpu->table = isa.table;
    info->filter_panel = isa.table->filter_panel;
    *context = cpu;
    *ops = isa.table->ops;
    return CLEF_OK;
}

static void cpu_close(void *context)
{
    struct open_cpu *cpu = context;
    cpu_team_destroy(cpu->context.team);
    free(cpu);
}

static size_t whole_huge_pages(size_t bytes)
{
    return (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
}

// Memory at a multiple of HUGE_PAGE; NULL if there is none.
static void *map_zeroed(size_t bytes)
{
    size_t size = whole_huge_pages(bytes);
    char *start =
        mmap(NULL, size + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED)
        return NULL;
    size_t before = whole_huge_pages((uintptr_t)start) - (uintptr_t)start;
    char *data = start + before;
    if (before > 0)
        munmap(start, before);
    munmap(data + size, HUGE_PAGE - before);
#ifdef MADV_HUGEPAGE
    madvise(data, size, MADV_HUGEPAGE); // Only advice: a system without them has small pages.
#endif
    return data;
}

static clef_status cpu_buffer_create(void *context, size_t bytes, struct clef_buffer **result)
{
    (void)context;
    struct cpu_buffer *buffer = calloc(1, sizeof *buffer);
    void *data = NULL;
    if (buffer && bytes >= HUGE_PAGE) {
        data = map_zeroed(bytes);
    } else if (buffer && posix_memalign(&data, CPU_ALIGNMENT, bytes) == 0) {
        memset(data, 0, bytes);
    }
    if (!data) {
        free(buffer);
        return clef_fail(CLEF_OUT_OF_MEMORY,
                         "no memory for a buffer of %zu bytes; use a smaller batch", bytes);
    }
    buffer->data = data;
    *result = &buffer->base;
    return CLEF_OK;
}

static void cpu_buffer_destroy(void *context, struct clef_buffer *base)
{
    (void)context;
    struct cpu_buffer *buffer = (struct cpu_buffer *)base;
    if (base->bytes >= HUGE_PAGE)
        munmap(buffer->data, whole_huge_pages(base->bytes));
    else
        free(buffer->data);
    free(buffer);
}

static clef_status cpu_upload(void *context, struct clef_buffer *buffer, size_t offset,
                              const void *src, size_t bytes, struct clef_event **event)
{
    (void)context;
    memcpy((char *)((struct cpu_buffer *)buffer)->data + offset, src, bytes);
    if (event)
        *event = NULL;
    return CLEF_OK;
}

static clef_status cpu_download(void *context, struct clef_buffer *buffer, size_t offset, void *dst,
                                size_t bytes, struct clef_event **event)
{
    (void)context;
    memcpy(dst, (const char *)((struct cpu_buffer *)buffer)->data + offset, bytes);
    if (event)
        *event = NULL;
    return CLEF_OK;
}

static clef_status cpu_event_wait(void *context, struct clef_event *event)
{
    (void)context;
    (void)event;
    return CLEF_OK;
}

static clef_status cpu_synchronize(void *context)
{
    (void)context;
    return CLEF_OK;
}

static clef_status cpu_run_timed(void *context, struct clef_plan *plan,
                                 const struct clef_run_values *values, double *seconds)
{
    (void)context;
    double start = clef_seconds();
    clef_status status = plan->run(plan, values);
    *seconds = clef_seconds() - start;
    return status;
}

static clef_status cpu_measure_peak(void *context, struct clef_device_peak *peak)
{
    struct open_cpu *cpu = context;
    peak->flops_per_second = cpu->table->measure_flops(&cpu->context);
    return cpu_measure_bandwidth(&cpu->context, &peak->bytes_per_second);
}

static const char *const *cpu_alternatives(void *context)
{
    (void)context;
    return cpu_conv2d_alternatives();
}

static void cpu_prefer(void *context, const char *alternative)
{
    struct open_cpu *cpu = context;
    cpu->context.preferred = clef_conv2d_find_algorithm(alternative);
}

// What is best for a shape is known without measuring.
static clef_status cpu_tune(void *context, struct clef_plan *const *plans, int plan_count,
                            const struct clef_tune_options *options,
                            struct clef_tune_report *report)
{
    (void)context, (void)plans, (void)plan_count, (void)options, (void)report;
    return CLEF_OK;
}

const struct clef_backend clef_backend_cpu = {
    .name = "cpu",
    .enumerate = cpu_isa_device_count,
    .describe = cpu_describe,
    .open = cpu_open,
    .close = cpu_close,
    .buffer_create = cpu_buffer_create,
    .buffer_destroy = cpu_buffer_destroy,
    .upload = cpu_upload,
    .download = cpu_download,
    .event_wait = cpu_event_wait,
    .synchronize = cpu_synchronize,
    .run_timed = cpu_run_timed,
    .alternatives = cpu_alternatives,
    .prefer = cpu_prefer,
    .tune = cpu_tune,
    .measure_peak = cpu_measure_peak,
};

struct cpu_view cpu_view(const struct clef_tensor *tensor)
{
    if (!tensor)
        return (struct cpu_view){0};
    const struct cpu_buffer *buffer = (const struct cpu_buffer *)tensor->buffer;
    return (struct cpu_view){.data = buffer ? (float *)buffer->data + tensor->offset : NULL,
                             .n = tensor->n,
                             .h = tensor->h,
                             .w = tensor->w,
                             .c = tensor->c,
                             .stride_n = tensor->stride_n,
                             .stride_h = tensor->stride_h,
                             .stride_w = tensor->stride_w};
}

static void destroy_plan(struct clef_plan *plan)
{
    free(plan);
}

clef_status cpu_plan_create(void *context, size_t size,
                            clef_status (*run)(struct clef_plan *plan,
                                               const struct clef_run_values *values),
                            struct clef_plan **plan)
{
    struct cpu_plan *created = calloc(1, size);
    if (!created)
        return clef_fail(CLEF_OUT_OF_MEMORY, "no memory for a plan of %zu bytes", size);
    created->cpu = &((struct open_cpu *)context)->context;
    created->base.run = run;
    created->base.destroy = destroy_plan;
    *plan = &created->base;
    return CLEF_OK;
}
