// SPDX-License-Identifier: Apache-2.0
#include "cli/bench.h"
#include "cli/cli_support.h"
#include "core/clock.h"

#include <stdlib.h>

// The trainer's default.
#define LEARNING_RATE 1e-3f

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, compare_doubles);
    return count % 2 ? values[count / 2] : 0.5 * (values[count / 2 - 1] + values[count / 2]);
}

static clef_status start_step(struct bench *bench, int step, int *ticket)
{
    size_t first = (size_t)(step % BENCH_BATCHES) * (size_t)bench->batch_size;
    struct clef_batch batch = {.images = bench->images + first * bench->image_bytes,
                               .labels = bench->labels + first,
                               .count = bench->batch_size};
    return clef_model_train_step(bench->model, &batch, LEARNING_RATE, ticket);
}

// Two steps are open at a time, as in the trainer: step k+1 is enqueued before step k is waited
// for. So a driver may tell of two steps at once, as Intel's does, and a step's time is half of
// that from the end of the one before to the end of the one after. And a backend may compute a step
// while it is enqueued, so that the time between two waits is that of the step after: hence two
// more steps follow the last timed one.
static clef_status run_pipelined(struct bench *bench, int untimed, int steps, double *step_ms)
{
    struct clef_metrics metrics;
    int ticket, next = 0, last = untimed + steps + 1;
    BENCH_TRY(start_step(bench, 0, &ticket));
    double ended[2] = {0, 0}; // The last two steps.
    for (int step = 0; step < last; ++step) {
        BENCH_TRY(start_step(bench, step + 1, &next));
        BENCH_TRY(clef_model_wait(bench->model, ticket, &metrics));
        ticket = next;
        double now = clef_seconds();
        if (step > untimed)
            step_ms[step - 1 - untimed] = 1e3 * (now - ended[0]) / 2;
        ended[0] = ended[1];
        ended[1] = now;
    }
    BENCH_TRY(clef_model_wait(bench->model, ticket, &metrics));
    return CLEF_OK;
}

clef_status bench_run_steps(struct bench *bench, int warm_up, int steps, struct bench_steps *times)
{
    *times = (struct bench_steps){.step_ms = calloc((size_t)steps, sizeof(double))};
    if (!times->step_ms)
        return CLEF_OUT_OF_MEMORY;
    struct clef_metrics metrics;
    int ticket;
    double began = clef_seconds();
    BENCH_TRY(start_step(bench, 0, &ticket));
    BENCH_TRY(clef_model_wait(bench->model, ticket, &metrics));
    times->first_ms = 1e3 * (clef_seconds() - began);
    // The first timed step needs the end of the one before.
    return run_pipelined(bench, warm_up < 1 ? 1 : warm_up, steps, times->step_ms);
}

clef_status bench_raise_peak(struct clef_device *device, struct clef_device_peak *peak)
{
    struct clef_device_peak measured;
    BENCH_TRY(clef_device_measure_peak(device, &measured));
    if (measured.flops_per_second > peak->flops_per_second)
        peak->flops_per_second = measured.flops_per_second;
    if (measured.bytes_per_second > peak->bytes_per_second)
        peak->bytes_per_second = measured.bytes_per_second;
    return CLEF_OK;
}
