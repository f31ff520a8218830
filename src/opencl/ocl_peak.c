// SPDX-License-Identifier: Apache-2.0
// The best rates of arithmetic (independent chains of fused multiply-adds in registers) and of
// memory (the triad of the STREAM benchmark, McCalpin, 1995).
#include "opencl/ocl_peak.h"
#include "opencl/ocl_buffer.h"
#include "opencl/ocl_plan.h"

#define REPEATS 5
#define CHAIN_ROUNDS 4096         // Of CHAIN_FLOPS each.
#define CHAIN_FLOPS (2 * 16 * 16) // Sixteen chains of float16, as in cl/peak.cl.
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
    size_t group = cpu ? 1 : ocl_group_size(ocl, 256);
    size_t items = group * (size_t)ocl->caps.compute_units * CHAIN_GROUPS_PER_UNIT;
    double seconds;
    CLEF_TRY(
        time_launch(ocl,
                    &(struct ocl_launch){
                        .source = "peak",
                        .kernel = "fma_chains",
                        .options = cpu ? "-D WIDTH=16 -D CHAINS=16" : "-D WIDTH=1 -D CHAINS=16",
                        .global = {items},
                        .local = {group},
                        .args = {OCL_TENSOR(memory), OCL_FLOAT(0.999f), OCL_INT(CHAIN_ROUNDS)},
                    },
                    &seconds));
    peak->flops_per_second =
        (double)items * CHAIN_ROUNDS * (cpu ? CHAIN_FLOPS : CHAIN_FLOPS / 16) / seconds;
    CLEF_TRY(time_launch(ocl,
                         &(struct ocl_launch){
                             .source = "peak",
                             .kernel = "triad",
                             .options = "-D WIDTH=4 -D CHAINS=16",
                             .global = {TRIAD_FLOATS / 4},
                             .args = {OCL_PART(memory, 0), OCL_PART(memory, TRIAD_FLOATS),
                                      OCL_PART(memory, 2 * TRIAD_FLOATS), OCL_FLOAT(3)},
                         },
                         &seconds));
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
