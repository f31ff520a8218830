// SPDX-License-Identifier: Apache-2.0
// `clef bench ops`: each op at each shape that a training step has, and a case of its own for each
// op that a training step does not run.
#include "cli/bench.h"
#include "cli/bench_cases.h"
#include "cli/cli_support.h"
#include "io/json_build.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Times in ms. See struct bench_plan for the two ways of measuring.
struct samples {
    double *ms; // Sorted by `summarise`.
    int count;
    double median, min;
};

// Plans of a step that do the same work, or the case of an op.
struct op_group {
    char op[32], layer[64], shape[32]; // The layer is that of the first plan; "" for a case.
    struct clef_plan_info info;
    int plans;
    struct samples alone, step; // Of all runs of all plans; a case has no step.
};

struct op_table {
    struct op_group *groups;
    int count, capacity;
};

static void free_table(struct op_table *table)
{
    for (int k = 0; k < table->count; ++k) {
        free(table->groups[k].alone.ms);
        free(table->groups[k].step.ms);
    }
    free(table->groups);
}

static struct op_group *add_group(struct op_table *table, const char *op, const char *layer,
                                  const char *shape, const struct clef_plan_info *info)
{
    if (table->count == table->capacity) {
        int capacity = table->capacity ? 2 * table->capacity : 64;
        struct op_group *groups = realloc(table->groups, (size_t)capacity * sizeof *groups);
        if (!groups)
            return NULL;
        table->groups = groups;
        table->capacity = capacity;
    }
    struct op_group *group = &table->groups[table->count++];
    *group = (struct op_group){.info = *info};
    snprintf(group->op, sizeof group->op, "%s", op);
    snprintf(group->layer, sizeof group->layer, "%s", layer);
    snprintf(group->shape, sizeof group->shape, "%s", shape);
    return group;
}

static clef_status add_samples(struct samples *samples, const double *ms, int count)
{
    double *all = realloc(samples->ms, (size_t)(samples->count + count) * sizeof *all);
    if (!all)
        return CLEF_OUT_OF_MEMORY;
    memcpy(all + samples->count, ms, (size_t)count * sizeof *ms);
    samples->ms = all;
    samples->count += count;
    return CLEF_OK;
}

static void summarise(struct samples *samples)
{
    if (samples->count == 0)
        return;
    samples->median = bench_median(samples->ms, samples->count);
    samples->min = samples->ms[0];
}

// The extents of a layer's output, such as "8x8x64"; "" for a plan that belongs to no layer.
static void describe_layer(const struct clef_model *model, const char *name, char *text,
                           size_t size)
{
    text[0] = '\0';
    for (int k = 0; k < clef_model_layer_count(model); ++k) {
        struct clef_layer layer = clef_model_get_layer(model, k);
        if (strcmp(layer.name, name) != 0)
            continue;
        if (layer.height == 0)
            snprintf(text, size, "%d", layer.channels);
        else
            snprintf(text, size, "%dx%dx%d", layer.height, layer.width, layer.channels);
        return;
    }
}

// Plans of one op with the same output, work and traffic have the same shapes.
static bool same_work(const struct op_group *group, const struct bench_plan *plan,
                      const char *shape)
{
    return strcmp(group->op, plan->op) == 0 && strcmp(group->shape, shape) == 0 &&
           group->info.flops == plan->info.flops && group->info.bytes == plan->info.bytes &&
           strcmp(group->info.algorithm, plan->info.algorithm) == 0;
}

static clef_status add_network(const struct bench *bench, const struct bench_plans *plans,
                               struct op_table *table)
{
    for (int k = 0; k < plans->count; ++k) {
        const struct bench_plan *plan = &plans->items[k];
        char shape[32];
        describe_layer(bench->model, plan->layer, shape, sizeof shape);
        struct op_group *group = NULL;
        for (int g = 0; g < table->count && !group; ++g) {
            if (same_work(&table->groups[g], plan, shape))
                group = &table->groups[g];
        }
        if (!group)
            group = add_group(table, plan->op, plan->layer, shape, &plan->info);
        if (!group)
            return CLEF_OUT_OF_MEMORY;
        BENCH_TRY(add_samples(&group->alone, plan->ms, plans->repetitions));
        BENCH_TRY(add_samples(&group->step, plan->step_ms, plans->repetitions));
        ++group->plans;
    }
    return CLEF_OK;
}

static clef_status run_case(const struct bench_case_row *row, struct bench_case *bench_case,
                            int repetitions, struct op_table *table)
{
    const struct clef_run_values values = {.learning_rate = 0, .step = 1};
    struct op_group *group =
        add_group(table, row->op, "", bench_case->shape, clef_plan_get_info(bench_case->plan));
    if (!group)
        return CLEF_OUT_OF_MEMORY;
    // The run before the first repetition warms up.
    for (int run = -1; run < repetitions; ++run) {
        double seconds;
        BENCH_TRY(clef_plan_run_timed(bench_case->plan, &values, &seconds));
        const double ms = 1e3 * seconds;
        if (run >= 0)
            BENCH_TRY(add_samples(&group->alone, &ms, 1));
    }
    return CLEF_OK;
}

static clef_status add_cases(const struct bench *bench, int repetitions, struct op_table *table)
{
    int network = table->count;
    for (int k = 0; k < bench_case_row_count; ++k) {
        const struct bench_case_row *row = &bench_case_rows[k];
        bool known = false;
        for (int g = 0; g < network && !known; ++g)
            known = strcmp(table->groups[g].op, row->op) == 0;
        if (known)
            continue;
        struct bench_case bench_case;
        clef_status status = bench_case_make(row, bench->device, bench->batch_size, &bench_case);
        if (status == CLEF_OK)
            status = run_case(row, &bench_case, repetitions, table);
        bench_case_free(&bench_case);
        BENCH_TRY(status);
    }
    return CLEF_OK;
}

static clef_status measure(const struct bench_options *options, struct bench *bench,
                           struct op_table *table, struct clef_device_peak *peak)
{
    // A step fills the tensors with values, so that no plan runs on zeros alone.
    struct bench_steps steps;
    clef_status status = bench_run_steps(bench, options->warm_up, 1, &steps);
    free(steps.step_ms);
    BENCH_TRY(status);
    BENCH_TRY(bench_raise_peak(bench->device, peak));
    struct bench_plans plans;
    status = bench_plans_measure(bench, options->repetitions, true, &plans);
    if (status == CLEF_OK)
        status = add_network(bench, &plans, table);
    bench_plans_free(&plans);
    BENCH_TRY(status);
    BENCH_TRY(add_cases(bench, options->repetitions, table));
    for (int k = 0; k < table->count; ++k) {
        summarise(&table->groups[k].alone);
        summarise(&table->groups[k].step);
    }
    return bench_raise_peak(bench->device, peak);
}

// An op at its median time against the two peaks.
struct op_rates {
    double flops_per_second, bytes_per_second;
    double flops_percent, bandwidth_percent;
    double best_flops_percent; // In the shortest run.
    double step_flops_percent; // In the order of a step.
    const char *bound;         // The resource that the op needs for longer at its peak.
};

static double percent_of_peak(double work, double ms, double peak)
{
    // A time below the clock's resolution may read as zero.
    return 100 * work / (ms > 1e-6 ? 1e-3 * ms : 1e-9) / peak;
}

static struct op_rates rate(const struct op_group *group, const struct clef_device_peak *peak)
{
    double flops = group->info.flops, peak_flops = peak->flops_per_second;
    struct op_rates rates = {
        .flops_percent = percent_of_peak(flops, group->alone.median, peak_flops),
        .bandwidth_percent =
            percent_of_peak(group->info.bytes, group->alone.median, peak->bytes_per_second),
        .best_flops_percent = percent_of_peak(flops, group->alone.min, peak_flops),
    };
    if (group->step.count > 0)
        rates.step_flops_percent = percent_of_peak(flops, group->step.median, peak_flops);
    rates.flops_per_second = 0.01 * rates.flops_percent * peak_flops;
    rates.bytes_per_second = 0.01 * rates.bandwidth_percent * peak->bytes_per_second;
    rates.bound = rates.flops_percent > rates.bandwidth_percent ? "compute" : "memory";
    return rates;
}

static json_t *group_json(const struct op_group *group, const struct clef_device_peak *peak)
{
    struct op_rates rates = rate(group, peak);
    json_t *row = json_pack(
        "{s:s, s:s, s:s, s:s, s:b, s:i, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:s}", "op",
        group->op, "layer", group->layer, "shape", group->shape, "algorithm", group->info.algorithm,
        "in_network", group->plans > 0, "plans", group->plans, "median_ms", group->alone.median,
        "min_ms", group->alone.min, "gflop", 1e-9 * group->info.flops, "mbytes",
        1e-6 * group->info.bytes, "gflops", 1e-9 * rates.flops_per_second, "gbytes_per_second",
        1e-9 * rates.bytes_per_second, "flops_percent", rates.flops_percent, "best_flops_percent",
        rates.best_flops_percent, "bandwidth_percent", rates.bandwidth_percent, "bound",
        rates.bound);
    if (row && group->step.count > 0) {
        clef_json_set(&row, "step_median_ms", json_real(group->step.median));
        clef_json_set(&row, "step_flops_percent", json_real(rates.step_flops_percent));
    }
    return row;
}

static json_t *table_json(const struct bench_options *options, const struct bench *bench,
                          const struct op_table *table, const struct clef_device_peak *peak)
{
    json_t *root = bench_json(options, bench, peak), *ops = json_array();
    for (int k = 0; k < table->count; ++k)
        clef_json_append(&ops, group_json(&table->groups[k], peak));
    clef_json_set(&root, "repetitions", json_integer(options->repetitions));
    clef_json_set(&root, "ops", ops);
    return root;
}

static void print_table(const struct bench_options *options, const struct bench *bench,
                        const struct op_table *table, const struct clef_device_peak *peak)
{
    bench_print_heading(options, bench, peak);
    printf("median of %d runs, each right after another of the same plan; %% of the peak of "
           "arithmetic (FMA) and of memory (mem),\nof which the larger bounds the op; more than "
           "100 %% of memory comes from the caches.\n\"best\" is the shortest run; \"step\" is "
           "the time in the order of a step, where the caches are as the op before left them.\n\n",
           options->repetitions);
    printf("%-24s %-30s %-10s %-13s %5s %9s %9s %8s %6s %6s %6s %-7s %9s %6s\n", "op",
           "first layer", "output", "algorithm", "plans", "ms", "GFLOP/s", "GB/s", "FMA %", "best",
           "mem %", "bound", "step ms", "FMA %");
    for (int k = 0; k < table->count; ++k) {
        const struct op_group *group = &table->groups[k];
        struct op_rates rates = rate(group, peak);
        printf("%-24s %-30s %-10s %-13s %5d %9.4f %9.1f %8.1f %6.1f %6.1f %6.1f %-7s", group->op,
               group->plans > 0 ? group->layer : "(not in a training step)", group->shape,
               group->info.algorithm, group->plans, group->alone.median,
               1e-9 * rates.flops_per_second, 1e-9 * rates.bytes_per_second, rates.flops_percent,
               rates.best_flops_percent, rates.bandwidth_percent, rates.bound);
        if (group->step.count > 0)
            printf(" %9.4f %6.1f", group->step.median, rates.step_flops_percent);
        putchar('\n');
    }
}

int bench_ops(const struct bench_options *options, struct bench *bench)
{
    struct op_table table = {0};
    struct clef_device_peak peak = {0};
    int code = EXIT_SUCCESS;
    clef_status status = measure(options, bench, &table, &peak);
    if (status != CLEF_OK)
        code = bench_fail(options, status);
    else if (options->json)
        code = cli_print_json(options->command, table_json(options, bench, &table, &peak));
    else
        print_table(options, bench, &table, &peak);
    free_table(&table);
    return code;
}
