// SPDX-License-Identifier: Apache-2.0
// The triad of the STREAM benchmark (McCalpin, 1995), which no cache can hold.
#include "cpu/cpu_peak.h"

#include "core/clock.h"

#include <sys/mman.h>

#define ARRAY_FLOATS ((size_t)8 << 20) // 32 MiB, three times: larger than most caches.
#define GRAIN_FLOATS ((size_t)64 << 10)
#define MEASURE_SECONDS 0.2

struct triad {
    float *a, *b, *c;
};

static void touch_part(void *argument, int task, int thread)
{
    (void)thread;
    struct triad *triad = argument;
    size_t begin = (size_t)task * GRAIN_FLOATS;
    for (size_t i = begin; i < begin + GRAIN_FLOATS; i++) {
        triad->a[i] = 0.0f;
        triad->b[i] = 1.0f;
        triad->c[i] = 2.0f;
    }
}

static void triad_part(void *argument, int task, int thread)
{
    (void)thread;
    const struct triad *triad = argument;
    size_t begin = (size_t)task * GRAIN_FLOATS;
    float *restrict a = triad->a + begin;
    const float *restrict b = triad->b + begin, *restrict c = triad->c + begin;
    for (size_t i = 0; i < GRAIN_FLOATS; i++)
        a[i] = b[i] + 3.0f * c[i];
}

clef_status cpu_measure_bandwidth(struct cpu_context *context, double *bytes_per_second)
{
    size_t bytes = 3 * ARRAY_FLOATS * sizeof(float);
    float *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return clef_fail(CLEF_OUT_OF_MEMORY, "no memory to measure its bandwidth: %zu bytes needed",
                         bytes);
    struct triad triad = {memory, memory + ARRAY_FLOATS, memory + 2 * ARRAY_FLOATS};
    int tasks = cpu_task_count(ARRAY_FLOATS, GRAIN_FLOATS);
    cpu_parallel_for(context, tasks, touch_part, &triad);
    double best = 0.0, end = clef_seconds() + MEASURE_SECONDS;
    do {
        double start = clef_seconds();
        cpu_parallel_for(context, tasks, triad_part, &triad);
        double rate = (double)bytes / (clef_seconds() - start);
        if (rate > best)
            best = rate;
    } while (clef_seconds() < end);
    munmap(memory, bytes);
    *bytes_per_second = best;
    return CLEF_OK;
}
