// SPDX-License-Identifier: Apache-2.0
// The rate of fused multiply-adds that the kernels of this instruction set could reach at best.
#include "cpu/ops/cpu_isa.h"

#include "core/clock.h"

// Independent chains: enough to hide the latency of an operation in every unit, and few enough to
// stay in the registers beside the two factors.
#if defined(__AVX512F__) || defined(__aarch64__)
#define CHAINS 24
#else
#define CHAINS 12
#endif

#define REPETITIONS 5
#define SECONDS_PER_REPETITION 0.02

struct chains {
    long iterations;
    float factor, term;
    float result; // Keeps the arithmetic from being removed as unused.
};

static void chains_task(void *argument, int task, int thread)
{
    struct chains *chains = argument;
    cpu_vec factor = cpu_splat(chains->factor), term = cpu_splat(chains->term);
    cpu_vec value[CHAINS];
    for (int i = 0; i < CHAINS; i++)
        value[i] = cpu_splat((float)i);
    for (long iteration = chains->iterations; iteration > 0; iteration--)
#pragma GCC unroll 24
        for (int i = 0; i < CHAINS; i++)
            value[i] = value[i] * factor + term;
    cpu_vec sum = value[0];
    for (int i = 1; i < CHAINS; i++)
        sum += value[i];
    float total = 0;
    for (int lane = 0; lane < CPU_LANES; lane++)
        total += sum[lane];
    if (task == 0)
        chains->result = total;
    (void)thread;
}

static double run_seconds(struct cpu_context *context, struct chains *chains)
{
    // Read at run time, so that no step of the recurrence is known to the compiler; its limit is
    // 1 for every chain, far from overflow and from subnormal numbers.
    volatile float factor = 0.75f, term = 0.25f, result;
    chains->factor = factor;
    chains->term = term;
    double start = clef_seconds();
    cpu_parallel_for(context, context->threads, chains_task, chains);
    double seconds = clef_seconds() - start;
    result = chains->result;
    (void)result;
    return seconds;
}

double CPU_NAME(measure_flops)(struct cpu_context *context)
{
    struct chains chains = {.iterations = 10000};
    while (run_seconds(context, &chains) < SECONDS_PER_REPETITION)
        chains.iterations *= 2;
    double best = run_seconds(context, &chains);
    for (int i = 1; i < REPETITIONS; i++) {
        double seconds = run_seconds(context, &chains);
        if (seconds < best)
            best = seconds;
    }
    double multiply_adds = (double)chains.iterations * CHAINS * CPU_LANES * context->threads;
    return 2 * multiply_adds / best;
}
