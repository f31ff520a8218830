// SPDX-License-Identifier: Apache-2.0
#include "cpu/cpu.h"

#include <omp.h>
#include <stdatomic.h>

// ThreadSanitizer does not see the synchronisation inside of the OpenMP runtime; these calls tell
// it what the beginning and the end of a parallel region guarantee.
#if defined(__SANITIZE_THREAD__)
void __tsan_acquire(void *address);
void __tsan_release(void *address);
#define CPU_ACQUIRE(address) __tsan_acquire(address)
#define CPU_RELEASE(address) __tsan_release(address)
#define CPU_UNINSTRUMENTED __attribute__((no_sanitize("thread")))
#else
#define CPU_ACQUIRE(address) ((void)(address))
#define CPU_RELEASE(address) ((void)(address))
#define CPU_UNINSTRUMENTED
#endif

struct loop {
    cpu_task body;
    void *argument;
    int tasks;
    atomic_int next; // First task that no thread has taken.
};

__attribute__((noinline)) static void take_tasks(struct loop *loop, int thread)
{
    for (;;) {
        int task = atomic_fetch_add_explicit(&loop->next, 1, memory_order_relaxed);
        if (task >= loop->tasks)
            return;
        loop->body(loop->argument, task, thread);
    }
}

CPU_UNINSTRUMENTED static void run_on_team(struct loop *loop, int threads)
{
    CPU_RELEASE(loop);
#pragma omp parallel num_threads(threads)
    {
        CPU_ACQUIRE(loop);
        take_tasks(loop, omp_get_thread_num());
        CPU_RELEASE(loop);
    }
    CPU_ACQUIRE(loop);
}

void cpu_parallel_for(struct cpu_context *context, int tasks, cpu_task body, void *argument)
{
    int threads = context->threads < tasks ? context->threads : tasks;
    if (threads <= 1) {
        for (int task = 0; task < tasks; task++)
            body(argument, task, 0);
        return;
    }
    struct loop loop = {.body = body, .argument = argument, .tasks = tasks, .next = 0};
    run_on_team(&loop, threads);
}
