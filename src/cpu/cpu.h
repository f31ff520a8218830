// SPDX-License-Identifier: Apache-2.0
// The plain C backend's device, memory and parallel loop. Compiled once; what depends on the
// instruction set is in ops/.
#ifndef CLEF_CPU_CPU_H
#define CLEF_CPU_CPU_H

#include "core/error.h"
#include "cpu/cpu_team.h"
#include "device/backend.h"
#include "ops/conv2d_choice.h"

struct cpu_context {
    int threads;
    struct cpu_team *team;
    enum clef_conv2d_algorithm preferred; // By clef_device_prefer.
};

struct cpu_buffer {
    struct clef_buffer base;
    void *data; // Aligned to CPU_ALIGNMENT.
};

// Base of every plan of this backend; an op's own plan begins with it.
struct cpu_plan {
    struct clef_plan base;
    struct cpu_context *cpu;
};

#define CPU_ALIGNMENT 64 // Bytes: a cache line, and the widest vector.
#define CPU_LINE_FLOATS (CPU_ALIGNMENT / 4)

// A tensor with its address resolved.
struct cpu_view {
    float *data; // NULL if the tensor is absent.
    int n, h, w, c;
    size_t stride_n, stride_h, stride_w;
};

// Resolves a tensor; an absent one (NULL) gives data == NULL.
struct cpu_view cpu_view(const struct clef_tensor *tensor);

// What a plan's info counts for a tensor; 0 for an absent one.
static inline double cpu_tensor_bytes(const struct clef_tensor *tensor)
{
    return tensor ? (double)clef_tensor_count(tensor) * sizeof(float) : 0;
}

// Allocates a zeroed plan of `size` bytes that begins with struct cpu_plan and is released with
// free().
clef_status cpu_plan_create(void *context, size_t size,
                            clef_status (*run)(struct clef_plan *plan,
                                               const struct clef_run_values *values),
                            struct clef_plan **plan);

// Calls body(argument, task, thread) for each task in 0..tasks-1, in any order, on up to
// context->threads threads; `thread` is below context->threads and tells apart the calls that run
// at the same time. To give the same bits for any number of threads, no sum may be split
// differently for another number of threads, and a task must not read what another writes.
static inline void cpu_parallel_for(struct cpu_context *context, int tasks, cpu_task body,
                                    void *argument)
{
    cpu_team_run(context->team, tasks, body, argument);
}

// Number of tasks of `grain` items that cover `items`.
static inline int cpu_task_count(size_t items, size_t grain)
{
    return (int)((items + grain - 1) / grain);
}

static inline int cpu_minimum(int a, int b)
{
    return a < b ? a : b;
}

#endif
