// SPDX-License-Identifier: Apache-2.0
// The best rates of arithmetic (independent chains of fused multiply-adds in registers) and of
// memory (the triad of the STREAM benchmark, McCalpin, 1995).
#include "opencl/ocl_peak.h"
#include "opencl/ocl_buffer.h"
#include "opencl/ocl_plan.h"

#include <stdio.h>

#define REPEATS 5
#define CHAINS 12 // With the factor they fit the sixteen registers of AVX2.
#define CHAIN_GROUPS_PER_UNIT 64
#define TRIAD_FLOATS ((size_t)8 << 20) // 32 MiB, three times: larger than most caches.

// The best of several runs, in seconds; the first one also wakes the device up.
static clef_status best_seconds(struct ocl_context *ocl, struct clef_plan *plan, double *best)
{
    *best = 0;
    for (int i = 0; i < REPEATS; i++) {
        double seconds;
        CLEF_TRY(ocl_run_timed(ocl, plan, NULL, &seconds));
        if (seconds > 0 && (*best == 0 || seconds < *best))
            *best = seconds;
    }
    return *best > 0 ? CLEF_OK : clef_fail(CLEF_DEVICE, "the device's clock stands still");
}

static clef_status time_launch(struct ocl_context *ocl, const struct ocl_launch *launch,
                               double *seconds)
{
    struct ocl_plan *build = ocl_plan_begin(ocl);
    ocl_plan_launch(build, launch);
    struct clef_plan *plan;
    CLEF_TRY(ocl_plan_end(build, &plan));
    clef_status status = best_seconds(ocl, plan, seconds);
    plan->destroy(plan);
    return status;
}

static clef_status measure(struct ocl_context *ocl, const struct clef_tensor *memory,
                           struct clef_device_peak *peak)
{
    // A vector is a work-item's on a processor, and spread over work-items on all others.
    bool cpu = ocl->caps.kind == OCL_CPU;
    int width = 1, rounds = cpu ? 1 << 16 : 1 << 12; // A few milliseconds each.
    while (cpu && width < 16 && 2 * width <= ocl->caps.vector_width)
        width *= 2;
    size_t group = cpu ? 1 : ocl_group_size(ocl, 256);
    size_t items = group * (size_t)ocl->caps.compute_units * CHAIN_GROUPS_PER_UNIT;
    char options[64];
    snprintf(options, sizeof options, "-D WIDTH=%d -D CHAINS=%d", width, CHAINS);
    const struct ocl_launch chains = {
        .source = "peak",
        .kernel = "fma_chains",
        .options = options,
        .global = {items},
        .local = {group},
        .args = {OCL_TENSOR(memory), OCL_FLOAT(0.999f), OCL_INT(rounds)},
    };
    const struct ocl_launch triad = {
        .source = "peak",
        .kernel = "triad",
        .options = options,
        .global = {TRIAD_FLOATS / 4},
        .args = {OCL_PART(memory, 0), OCL_PART(memory, TRIAD_FLOATS),
                 OCL_PART(memory, 2 * TRIAD_FLOATS), OCL_FLOAT(3)},
    };
    double seconds;
    CLEF_TRY(time_launch(ocl, &chains, &seconds));
    peak->flops_per_second = 2.0 * CHAINS * width * rounds * (double)items / seconds;
    CLEF_TRY(time_launch(ocl, &triad, &seconds));
    peak->bytes_per_second = 3.0 * (double)(TRIAD_FLOATS * sizeof(float)) / seconds;
    return CLEF_OK;
}

clef_status ocl_measure_peak(void *context, struct clef_device_peak *peak)
{
    struct clef_buffer *buffer;
    CLEF_TRY(ocl_buffer_create(context, 3 * TRIAD_FLOATS * sizeof(float), &buffer));
    struct clef_tensor memory = clef_tensor_vector(buffer, 0, 3 * TRIAD_FLOATS);
    clef_status status = measure(context, &memory, peak);
    ocl_buffer_destroy(context, buffer);
    return status;
}
