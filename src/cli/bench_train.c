// SPDX-License-Identifier: Apache-2.0
// `clef bench train`: the time of a whole training step, and where it goes.
#include "cli/bench.h"
#include "cli/cli_support.h"
#include "cli/profile_report.h"
#include "core/op_list.h"
#include "io/json_build.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const op_names[] = {
#define OP_NAME(op) #op,
    CLEF_OP_LIST(OP_NAME)
#undef OP_NAME
};
#define OP_COUNT (int)(sizeof op_names / sizeof op_names[0])

static const char timing[] =
    "pipelined as in training: half of the time from the metrics of the step before to those of "
    "the step after";

struct op_share {
    int plans;
    double ms;
};

struct result {
    struct bench_steps steps;
    double median_ms, min_ms;
    uint64_t peak_rss_bytes; // Of the steps alone.
    struct clef_device_peak peak;
    double flops;  // Of a step, as executed.
    double ops_ms; // Sum of the medians of all plans.
    struct op_share shares[OP_COUNT];
};

static clef_status measure_ops(const struct bench_options *options, struct bench *bench,
                               struct result *result)
{
    struct bench_plans plans;
    clef_status status = bench_plans_measure(bench, options->repetitions, false, &plans);
    for (int k = 0; status == CLEF_OK && k < plans.count; ++k) {
        const struct bench_plan *plan = &plans.items[k];
        result->flops += plan->info.flops;
        result->ops_ms += plan->step_median_ms;
        for (int op = 0; op < OP_COUNT; ++op) {
            if (strcmp(plan->op, op_names[op]) == 0) {
                ++result->shares[op].plans;
                result->shares[op].ms += plan->step_median_ms;
            }
        }
    }
    bench_plans_free(&plans);
    return status;
}

// The peak is measured after the steps, since its arrays would count as the training's memory.
static clef_status measure(const struct bench_options *options, struct bench *bench,
                           struct result *result)
{
    BENCH_TRY(bench_run_steps(bench, options->warm_up, options->steps, &result->steps));
    result->peak_rss_bytes = cli_peak_rss_bytes();
    double *sorted = malloc((size_t)options->steps * sizeof *sorted);
    if (!sorted)
        return CLEF_OUT_OF_MEMORY;
    memcpy(sorted, result->steps.step_ms, (size_t)options->steps * sizeof *sorted);
    result->median_ms = bench_median(sorted, options->steps);
    result->min_ms = sorted[0];
    free(sorted);
    BENCH_TRY(bench_raise_peak(bench->device, &result->peak));
    BENCH_TRY(measure_ops(options, bench, result));
    return bench_raise_peak(bench->device, &result->peak);
}

static json_t *share_json(const struct result *result)
{
    json_t *array = json_array();
    for (int op = 0; op < OP_COUNT; ++op) {
        const struct op_share *share = &result->shares[op];
        if (share->plans > 0)
            clef_json_append(&array, json_pack("{s:s, s:i, s:f, s:f}", "op", op_names[op], "plans",
                                               share->plans, "ms", share->ms, "percent",
                                               100 * share->ms / result->median_ms));
    }
    return array;
}

static json_t *result_json(const struct bench_options *options, const struct bench *bench,
                           const struct result *result)
{
    json_t *root = bench_json(options, bench, &result->peak);
    json_t *times = json_array();
    for (int k = 0; k < options->steps; ++k)
        clef_json_append(&times, json_real(result->steps.step_ms[k]));
    double flops_per_second = result->flops / (1e-3 * result->median_ms);
    json_t *figures =
        json_pack("{s:i, s:s, s:f, s:o, s:f, s:f, s:f, s:f, s:f, s:f, s:I, s:o, s:f, s:f}", "steps",
                  options->steps, "timing", timing, "first_step_ms", result->steps.first_ms,
                  "step_ms", times, "median_ms", result->median_ms, "min_ms", result->min_ms,
                  "images_per_second", 1e3 * bench->batch_size / result->median_ms,
                  "gflop_per_step", 1e-9 * result->flops, "gflops", 1e-9 * flops_per_second,
                  "peak_percent", 100 * flops_per_second / result->peak.flops_per_second,
                  "peak_rss_bytes", (json_int_t)result->peak_rss_bytes, "ops", share_json(result),
                  "ops_ms", result->ops_ms, "between_ops_ms", result->median_ms - result->ops_ms);
    if (options->profile && figures)
        clef_json_set(&figures, "profile", profile_json(bench->device));
    if (!root || !figures || json_object_update(root, figures) != 0) {
        json_decref(root);
        root = NULL;
    }
    json_decref(figures);
    return root;
}

static void print_table(const struct bench_options *options, const struct bench *bench,
                        const struct result *result)
{
    char memory[CLI_NUMBER_LENGTH];
    double flops_per_second = result->flops / (1e-3 * result->median_ms);
    bench_print_heading(options, bench, &result->peak);
    printf("\n%d steps, %s\n", options->steps, timing);
    printf("  first step    %10.3f ms, planning included\n", result->steps.first_ms);
    printf("  median        %10.3f ms\n", result->median_ms);
    printf("  minimum       %10.3f ms\n", result->min_ms);
    printf("  throughput    %10.1f images/s\n", 1e3 * bench->batch_size / result->median_ms);
    printf("  executed      %10.1f GFLOP/s, %.1f %% of the peak (%.3f GFLOP a step)\n",
           1e-9 * flops_per_second, 100 * flops_per_second / result->peak.flops_per_second,
           1e-9 * result->flops);
    printf("  peak memory   %10s\n", cli_bytes(result->peak_rss_bytes, memory));
    printf("\nshare of the step by op, each plan's median of %d runs\n", options->repetitions);
    printf("  %-24s %6s %10s %7s\n", "op", "plans", "ms", "%");
    for (int op = 0; op < OP_COUNT; ++op) {
        const struct op_share *share = &result->shares[op];
        if (share->plans > 0)
            printf("  %-24s %6d %10.3f %7.1f\n", op_names[op], share->plans, share->ms,
                   100 * share->ms / result->median_ms);
    }
    double between = result->median_ms - result->ops_ms;
    printf("  %-24s %6s %10.3f %7.1f\n", "between ops", "", between,
           100 * between / result->median_ms);
}

int bench_train(const struct bench_options *options, struct bench *bench)
{
    struct result result = {0};
    int code = EXIT_SUCCESS;
    clef_status status = measure(options, bench, &result);
    if (status != CLEF_OK)
        code = bench_fail(options, status);
    else if (options->json)
        code = cli_print_json(options->command, result_json(options, bench, &result));
    else
        print_table(options, bench, &result);
    if (status == CLEF_OK && !options->json)
        profile_print(stdout, bench->device);
    free(result.steps.step_ms);
    return code;
}
