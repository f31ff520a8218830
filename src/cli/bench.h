// SPDX-License-Identifier: Apache-2.0
// The parts of `clef bench`: a network on a device with synthetic batches, timed steps, and the
// time of each plan of a step.
#ifndef CLEF_CLI_BENCH_H
#define CLEF_CLI_BENCH_H

#include "clef/clef.h"
#include "cli/network_options.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Returns from the calling function if an expression fails.
#define BENCH_TRY(expression)                        \
    do {                                             \
        clef_status bench_try_status = (expression); \
        if (bench_try_status != CLEF_OK)             \
            return bench_try_status;                 \
    } while (0)

// What the command line says.
struct bench_options {
    const char *command; // "bench train" or "bench ops", for messages.
    const char *device;  // Selector of clef_device_open, or NULL.
    int threads;
    int batch_size;
    int steps;       // Timed steps.
    int warm_up;     // Untimed steps between the first one and the timed ones.
    int repetitions; // Of each plan.
    struct network_options network;
    bool quick, json, kernel_cache, sync, profile;
};

#define BENCH_BATCHES 8 // Distinct batches that the steps take in turn.

// A network on a device, and its synthetic batches.
struct bench {
    struct clef_device *device;
    struct clef_model *model;
    int batch_size;
    size_t image_bytes; // Of one image.
    uint8_t *images;    // [BENCH_BATCHES][batch_size][image_bytes]
    int32_t *labels;    // [BENCH_BATCHES][batch_size]
};

// Builds the network on an open device and makes the data, all of it the same in every run.
// Release with bench_close, also on failure; the device stays the caller's.
clef_status bench_open(const struct bench_options *options, const struct clef_resnet_config *config,
                       struct clef_device *device, struct bench *bench);
void bench_close(struct bench *bench);

// The times of training steps. `first` includes the planning; each later one is the time from the
// metrics of the step before to its own, while the next step is already enqueued.
struct bench_steps {
    double first_ms;
    double *step_ms; // Of each timed step, in order; released by the caller with free().
};
clef_status bench_run_steps(struct bench *bench, int warm_up, int steps, struct bench_steps *times);

// One plan of a training step and its times, each [repetitions] and sorted ascending.
struct bench_plan {
    char layer[64];
    char op[32];
    struct clef_plan_info info;
    double *ms;      // Right after a run of the same plan: what it reads may be in the caches.
    double *step_ms; // In the order of a step: the caches are as the plan before left them.
    double step_median_ms;
};

struct bench_plans {
    struct bench_plan *items; // In the order of execution.
    int count, repetitions;
};

// Runs all plans of a training step one by one, `repetitions` times in the order of a step, and, if
// `alone`, as often right after themselves; without it `ms` stays zero. A training step must have
// been run before. Release with bench_plans_free, also on failure.
clef_status bench_plans_measure(struct bench *bench, int repetitions, bool alone,
                                struct bench_plans *plans);
void bench_plans_free(struct bench_plans *plans);

// The subcommands: they measure, print and return the exit code.
int bench_train(const struct bench_options *options, struct bench *bench);
int bench_ops(const struct bench_options *options, struct bench *bench);

// Sorts the values in place and returns the median. `count` is at least 1.
double bench_median(double *values, int count);

// Measures the device's peak and keeps the larger figures of this and of earlier calls: what else
// runs on the machine can only lower them. `peak` is zero before the first call.
clef_status bench_raise_peak(struct clef_device *device, struct clef_device_peak *peak);

// Prints a failure and returns the exit code. Memory that this program itself lacks has no text in
// clef_last_error().
int bench_fail(const struct bench_options *options, clef_status status);

// The keys that both JSON documents share: what ran where, and the measured peaks. NULL without
// memory.
json_t *bench_json(const struct bench_options *options, const struct bench *bench,
                   const struct clef_device_peak *peak);

// Prints the same above a table.
void bench_print_heading(const struct bench_options *options, const struct bench *bench,
                         const struct clef_device_peak *peak);

#endif
