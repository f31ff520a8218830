// SPDX-License-Identifier: Apache-2.0
#include "cli/check_report.h"

#include "cli/cli_support.h"
#include "io/json_build.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

// Of one op, in words; all are in the JSON.
#define MOST_PRINTED 5

// The command that runs a case again.
static void describe_repeat(const struct check_report *report, const char *name, char *text,
                            size_t size)
{
    char seed[40] = "";
    if (report->seed != CLEF_CHECK_DEFAULT_SEED)
        snprintf(seed, sizeof seed, " --seed %" PRIu64, report->seed);
    snprintf(text, size, "clef check --device %s%s --case %s", report->device->selector, seed,
             name);
}

static void note(struct check_report *report, json_t *failure)
{
    report->failures++;
    clef_json_append(&report->failed, failure);
}

void check_report_failed_row(void *user, const struct clef_check_failure *failure)
{
    struct check_report *report = user;
    char name[64], repeat[160];
    snprintf(name, sizeof name, "%s#%d", failure->op, failure->row);
    describe_repeat(report, name, repeat, sizeof repeat);
    note(report, json_pack("{s:s, s:s, s:s, s:o, s:i, s:o, s:o}", "op", failure->op, "case", name,
                           "shape", failure->shape, "algorithm", cli_json_text(failure->algorithm),
                           "threads", failure->threads, "message", cli_json_text(failure->message),
                           "repeat", cli_json_text(repeat)));
}

void check_report_failed_training(struct check_report *report, const char *message)
{
    char repeat[160];
    describe_repeat(report, "training", repeat, sizeof repeat);
    note(report, json_pack("{s:s, s:s, s:o, s:o}", "op", "training", "case", "training", "message",
                           cli_json_text(message), "repeat", cli_json_text(repeat)));
}

void check_report_describe_figure(const struct clef_check_figure *figure, char *text, size_t size)
{
    snprintf(text, size, "%s is off by %.2e, %.0e is allowed", figure->name, figure->error,
             figure->tolerance);
}

static const char *text_of(const json_t *failure, const char *key)
{
    const char *text = json_string_value(json_object_get(failure, key));
    return text ? text : "";
}

// Prints the failures that have not been yet.
static void print_failures(struct check_report *report)
{
    fflush(stdout);
    size_t count = json_array_size(report->failed), first = report->printed;
    for (; report->printed < count; report->printed++) {
        const json_t *failure = json_array_get(report->failed, report->printed);
        if (report->printed - first == MOST_PRINTED) {
            fprintf(stderr, "  ... and %zu more\n", count - report->printed);
            report->printed = count;
            break;
        }
        const char *shape = text_of(failure, "shape");
        fprintf(stderr, "  %s%s%s%s", text_of(failure, "case"), *shape ? " (" : "", shape,
                *shape ? ")" : "");
        if (*text_of(failure, "algorithm"))
            fprintf(stderr, ", algorithm \"%s\"", text_of(failure, "algorithm"));
        fprintf(stderr, ": %s\n    repeat: %s\n", text_of(failure, "message"),
                text_of(failure, "repeat"));
    }
}

// ---------------------------------------------------------------- text

void check_report_print_heading(const struct check_report *report)
{
    if (!report->quiet)
        printf("%-26s%6s%7s%14s%12s%10s\n", "op", "rows", "plans", "worst error", "tolerance",
               "seconds");
}

void check_report_begin_op(const struct check_report *report, int op)
{
    if (report->quiet)
        return;
    // A driver that hangs is to hang beside the op's name.
    printf("%-26s", clef_check_op_name(op));
    fflush(stdout);
}

void check_report_end_op(struct check_report *report, int op)
{
    const struct clef_check_result *result = &report->ops[op];
    report->plans += result->plans;
    if (report->quiet)
        return;
    printf("%6d%7d", result->rows, result->plans);
    if (result->tolerance > 0)
        printf("%14.1e%12.0e", result->worst_error, result->tolerance);
    else if (!(result->worst_error == 0)) // NaN too.
        printf("%14.1e%12s", result->worst_error, "exact");
    else if (result->failures > 0)
        printf("%14s%12s", "-", "-");
    else
        printf("%14s%12s", "0", "exact");
    printf("%10.1f", result->seconds);
    if (result->failures > 0)
        printf("  %d FAILED", result->failures);
    printf("\n");
    print_failures(report);
}

static void print_slowest(const struct check_report *report)
{
    const struct clef_check_training *training = &report->training;
    double total = 0;
    int slowest = 0;
    for (int op = 0; op < clef_check_op_count(); op++) {
        total += training->op_seconds[op];
        if (training->op_seconds[op] > training->op_seconds[slowest])
            slowest = op;
    }
    if (total > 0)
        printf("Slowest op: %s, %.3g of the %.3g ms that the ops of a step of %d images take; its "
               "slowest plan is %s in %s, %.3g ms (%s)\n",
               clef_check_op_name(slowest), 1e3 * training->op_seconds[slowest], 1e3 * total,
               training->batch_size, training->slowest.op, training->slowest.layer,
               1e3 * training->slowest.seconds, training->slowest.algorithm);
}

void check_report_print_training(struct check_report *report)
{
    if (report->quiet)
        return;
    const struct clef_check_training *training = &report->training;
    const struct clef_check_figure *worst = clef_check_training_worst(training);
    printf("%-26s%6d%7s", "training steps", training->steps, "");
    if (worst)
        printf("%14.1e%12.0e  (%s)", worst->error, worst->tolerance, worst->name);
    printf("\n");
    print_failures(report);
    print_slowest(report);
}

void check_report_print_verdict(const struct check_report *report)
{
    const struct clef_device_info *device = report->device;
    if (report->quiet)
        return;
    if (report->failures > 0)
        printf("FAILED: %d of the checks, on %s, %s (%s)\n", report->failures, device->selector,
               device->name, device->driver);
    else
        printf("PASSED: %d plans and %d training steps, on %s, %s (%s), in %.0f s\n", report->plans,
               report->training.steps, device->selector, device->name, device->driver,
               report->seconds);
}

// ---------------------------------------------------------------- JSON

static json_t *describe_op(const struct check_report *report, int op)
{
    const struct clef_check_result *result = &report->ops[op];
    json_t *algorithms = json_array();
    for (int i = 0; i < result->algorithm_count; i++)
        clef_json_append(&algorithms, cli_json_text(result->algorithms[i]));
    return json_pack("{s:s, s:i, s:i, s:i, s:o, s:f, s:f, s:f, s:f, s:o}", "op",
                     clef_check_op_name(op), "rows", result->rows, "plans", result->plans,
                     "failures", result->failures, "worst_error",
                     cli_json_real(result->worst_error), "tolerance", result->tolerance, "seconds",
                     result->seconds, "device_seconds", result->device_seconds, "step_ms",
                     1e3 * report->training.op_seconds[op], "algorithms", algorithms);
}

json_t *check_report_figures(const struct clef_check_training *training)
{
    json_t *figures = json_array();
    for (int i = 0; i < training->figure_count; i++) {
        const struct clef_check_figure *figure = &training->figures[i];
        clef_json_append(&figures,
                         json_pack("{s:s, s:o, s:f, s:b}", "name", figure->name, "error",
                                   cli_json_real(figure->error), "tolerance", figure->tolerance,
                                   "passes", (int)clef_check_figure_passes(figure)));
    }
    return figures;
}

static json_t *describe_training(const struct clef_check_training *training)
{
    json_t *losses = json_array();
    for (int i = 0; i < training->steps; i++)
        clef_json_append(&losses,
                         json_pack("{s:o, s:o}", "device", cli_json_real(training->losses[i]),
                                   "reference", cli_json_real(training->reference_losses[i])));
    return json_pack("{s:i, s:i, s:o, s:o, s:{s:s, s:s, s:s, s:f}}", "steps", training->steps,
                     "batch_size", training->batch_size, "losses", losses, "figures",
                     check_report_figures(training), "slowest_plan", "op", training->slowest.op,
                     "layer", training->slowest.layer, "algorithm", training->slowest.algorithm,
                     "ms", 1e3 * training->slowest.seconds);
}

json_t *check_report_device(const struct clef_device_info *device)
{
    return json_pack("{s:o, s:s, s:o, s:o, s:o}", "selector", cli_json_text(device->selector),
                     "backend", device->backend, "name", cli_json_text(device->name), "driver",
                     cli_json_text(device->driver), "version", cli_json_text(device->version));
}

json_t *check_report_json(const struct check_report *report)
{
    json_t *ops = json_array();
    for (int op = 0; op < clef_check_op_count(); op++)
        if (report->ops[op].rows > 0)
            clef_json_append(&ops, describe_op(report, op));
    return json_pack(
        "{s:o, s:I, s:o, s:o, s:O, s:f, s:b}", "device", check_report_device(report->device),
        "seed", (json_int_t)report->seed, "ops", ops, "training",
        report->has_trained ? describe_training(&report->training) : json_null(), "failures",
        report->failed, "seconds", report->seconds, "passes", (int)(report->failures == 0));
}

void check_report_release(struct check_report *report)
{
    clef_check_training_release(&report->training);
    json_decref(report->failed);
}
