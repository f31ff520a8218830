// SPDX-License-Identifier: Apache-2.0
#include "cpu/cpu_team.h"

#include "cpu/cpu.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

// The gate holds the number of the loop, whether it is open, and how many workers have joined it.
#define GATE_LOOP ((uint64_t)1 << 32)
#define GATE_OPEN ((uint64_t)1 << 31)
#define GATE_JOINED (GATE_OPEN - 1)

// How often a thread looks before it sleeps: some 100 microseconds, longer than the pause between
// the loops of a step.
#define SPINS 4000

// The tasks of a loop that a thread takes first: the same part of each loop, so that what it wrote
// in one loop is in its own cache in the next.
struct share {
    _Alignas(CPU_ALIGNMENT) atomic_int next; // First task that no thread has taken.
    int end;
};

struct worker {
    struct cpu_team *team;
    pthread_t thread;
    int index;
};

struct cpu_team {
    _Atomic uint64_t gate;
    atomic_int left;      // Workers that have left the loop they joined.
    struct share *shares; // Of each thread.
    cpu_task body;
    void *argument;

    atomic_int sleepers;
    atomic_bool quit;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    int worker_count;
    struct worker workers[];
};

static inline void relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void set_shares(struct cpu_team *team, int tasks)
{
    int threads = team->worker_count + 1;
    for (int i = 0; i < threads; i++) {
        atomic_store_explicit(&team->shares[i].next, (int)((long)tasks * i / threads),
                              memory_order_relaxed);
        team->shares[i].end = (int)((long)tasks * (i + 1) / threads);
    }
}

static void take_tasks_of(struct cpu_team *team, struct share *share, int thread)
{
    // Looking alone leaves the cache line where it is.
    while (atomic_load_explicit(&share->next, memory_order_relaxed) < share->end) {
        int task = atomic_fetch_add_explicit(&share->next, 1, memory_order_relaxed);
        if (task < share->end)
            team->body(team->argument, task, thread);
    }
}

// The thread's own tasks, and then what is left of the others'.
static void take_tasks(struct cpu_team *team, int thread)
{
    int threads = team->worker_count + 1;
    for (int i = 0; i < threads; i++)
        take_tasks_of(team, &team->shares[(thread + i) % threads], thread);
}

// Whether there is a loop after number `seen`, or none will come.
static bool has_news(struct cpu_team *team, uint64_t seen)
{
    return atomic_load(&team->gate) / GATE_LOOP != seen || atomic_load(&team->quit);
}

static void wait_for_news(struct cpu_team *team, uint64_t seen)
{
    for (int spin = 0; spin < SPINS; spin++) {
        if (has_news(team, seen))
            return;
        relax();
    }
    pthread_mutex_lock(&team->mutex);
    atomic_fetch_add(&team->sleepers, 1);
    while (!has_news(team, seen))
        pthread_cond_wait(&team->wake, &team->mutex);
    atomic_fetch_sub(&team->sleepers, 1);
    pthread_mutex_unlock(&team->mutex);
}

static void wake_sleepers(struct cpu_team *team)
{
    if (atomic_load(&team->sleepers) == 0)
        return;
    pthread_mutex_lock(&team->mutex);
    pthread_cond_broadcast(&team->wake);
    pthread_mutex_unlock(&team->mutex);
}

static bool join_open_loop(struct cpu_team *team, uint64_t *seen)
{
    uint64_t gate = atomic_load(&team->gate);
    while (gate & GATE_OPEN)
        if (atomic_compare_exchange_weak(&team->gate, &gate, gate + 1)) {
            *seen = gate / GATE_LOOP;
            return true;
        }
    *seen = gate / GATE_LOOP;
    return false;
}

static void *worker_main(void *argument)
{
    struct worker *worker = argument;
    struct cpu_team *team = worker->team;
    uint64_t seen = 0;
    for (;;) {
        wait_for_news(team, seen);
        if (atomic_load(&team->quit))
            return NULL;
        if (join_open_loop(team, &seen)) {
            take_tasks(team, worker->index);
            atomic_fetch_add(&team->left, 1);
        }
    }
}

void cpu_team_run(struct cpu_team *team, int tasks, cpu_task body, void *argument)
{
    if (team->worker_count == 0 || tasks <= 1) {
        for (int task = 0; task < tasks; task++)
            body(argument, task, 0);
        return;
    }
    team->body = body;
    team->argument = argument;
    set_shares(team, tasks);
    atomic_store(&team->left, 0);
    uint64_t loop = atomic_load(&team->gate) / GATE_LOOP + 1;
    // The number stays below 2^32, and is never 0 again, which is what workers start with.
    loop = loop > UINT32_MAX ? 1 : loop;
    atomic_store(&team->gate, loop * GATE_LOOP | GATE_OPEN);
    wake_sleepers(team);
    take_tasks(team, 0);
    int joined = (int)(atomic_fetch_and(&team->gate, ~GATE_OPEN) & GATE_JOINED);
    for (int spin = 0; atomic_load(&team->left) != joined; spin++) {
        if (spin < SPINS)
            relax();
        else
            sched_yield();
    }
}

static clef_status start_worker(struct cpu_team *team)
{
    struct worker *worker = &team->workers[team->worker_count];
    worker->team = team;
    worker->index = team->worker_count + 1;
    int error = pthread_create(&worker->thread, NULL, worker_main, worker);
    if (error)
        return clef_fail(CLEF_OUT_OF_MEMORY, "cannot start thread %d: %s; use fewer threads",
                         worker->index + 1, strerror(error));
    team->worker_count++;
    return CLEF_OK;
}

clef_status cpu_team_create(int threads, struct cpu_team **result)
{
    struct cpu_team *team = calloc(1, sizeof *team + (size_t)(threads - 1) * sizeof *team->workers);
    if (team)
        team->shares = aligned_alloc(CPU_ALIGNMENT, (size_t)threads * sizeof *team->shares);
    if (!team || !team->shares) {
        free(team);
        return clef_fail(CLEF_OUT_OF_MEMORY, "no memory for %d threads", threads);
    }
    pthread_mutex_init(&team->mutex, NULL);
    pthread_cond_init(&team->wake, NULL);
    for (int i = 1; i < threads; i++) {
        clef_status status = start_worker(team);
        if (status != CLEF_OK) {
            cpu_team_destroy(team);
            return status;
        }
    }
    *result = team;
    return CLEF_OK;
}

void cpu_team_destroy(struct cpu_team *team)
{
    if (!team)
        return;
    atomic_store(&team->quit, true);
    wake_sleepers(team);
    for (int i = 0; i < team->worker_count; i++)
        pthread_join(team->workers[i].thread, NULL);
    pthread_cond_destroy(&team->wake);
    pthread_mutex_destroy(&team->mutex);
    free(team->shares);
    free(team);
}
