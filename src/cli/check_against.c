// SPDX-License-Identifier: Apache-2.0
#include "cli/check_against.h"

#include "check/check_training.h"
#include "cli/check_report.h"
#include "cli/cli_support.h"
#include "io/json_build.h"

#include <stdlib.h>
#include <string.h>

// ---------------------------------------------------------------- text

static void print_distances(const struct clef_check_training *training)
{
    printf("%-18s%10s  %-10s%s\n", "", "distance", "bits", "largest at");
    for (int kind = 0; kind < CLEF_CHECK_KINDS; kind++) {
        const struct clef_check_distance *distance = &training->distances[kind];
        const char *name = clef_check_distance_name(kind);
        if (distance->same_bits)
            printf("%-18s%10s  the same\n", name, "0");
        else if (distance->where[0])
            printf("%-18s%10.1e  %-10s%s\n", name, distance->relative, "differ", distance->where);
        else
            printf("%-18s%10s\n", name, "-"); // Training failed before it.
    }
}

static void print_verdict(const struct clef_check_training *training)
{
    const struct clef_check_figure *worst = clef_check_training_worst(training);
    if (clef_check_training_has_same_bits(training))
        printf("All bits are the same, after %d training steps of %d images\n", training->steps,
               training->batch_size);
    else if (clef_check_figure_passes(worst))
        printf("Some bits differ, after %d training steps of %d images; closest to what is "
               "allowed: %s, off by %.1e of %.0e\n",
               training->steps, training->batch_size, worst->name, worst->error, worst->tolerance);
}

// ---------------------------------------------------------------- JSON

static json_t *describe_distances(const struct clef_check_training *training)
{
    json_t *distances = json_array();
    for (int kind = 0; kind < CLEF_CHECK_KINDS; kind++) {
        const struct clef_check_distance *distance = &training->distances[kind];
        if (distance->where[0])
            clef_json_append(
                &distances,
                json_pack("{s:s, s:o, s:o, s:b}", "of", clef_check_distance_name(kind), "distance",
                          cli_json_real(distance->relative), "largest_at",
                          distance->same_bits ? json_null() : json_string(distance->where),
                          "same_bits", (int)distance->same_bits));
    }
    return distances;
}

static json_t *describe(const struct check_against *settings, struct clef_device *const devices[2],
                        const struct clef_check_training *training, const char *fault)
{
    return json_pack("{s:o, s:o, s:I, s:i, s:i, s:o, s:b, s:o, s:o, s:b}", "device",
                     check_report_device(clef_device_get_info(devices[0])), "against",
                     check_report_device(clef_device_get_info(devices[1])), "seed",
                     (json_int_t)settings->seed, "steps", training->steps, "batch_size",
                     training->batch_size, "distances", describe_distances(training), "same_bits",
                     (int)clef_check_training_has_same_bits(training), "figures",
                     check_report_figures(training), "fault",
                     *fault ? cli_json_text(fault) : json_null(), "passes", (int)!*fault);
}

// ---------------------------------------------------------------- comparison

// What is wrong; "" if nothing is.
static void find_fault(clef_status status, const struct clef_check_training *training, char *fault,
                       size_t size)
{
    const struct clef_check_figure *worst = clef_check_training_worst(training);
    fault[0] = '\0';
    if (status != CLEF_OK)
        snprintf(fault, size, "%s", clef_last_error());
    else if (!clef_check_figure_passes(worst))
        check_report_describe_figure(worst, fault, size);
}

static int compare(const struct check_against *settings, struct clef_device *const devices[2])
{
    struct clef_check_training training;
    char fault[4096];
    if (!settings->json) {
        cli_print_device("Device", devices[0]);
        cli_print_device("Against", devices[1]);
    }
    clef_status status =
        clef_check_train(devices[0], devices[1], settings->batch_size, settings->seed, &training);
    find_fault(status, &training, fault, sizeof fault);
    int code = EXIT_SUCCESS;
    if (settings->json) {
        code = cli_print_json(settings->command, describe(settings, devices, &training, fault));
    } else {
        print_distances(&training);
        if (status == CLEF_OK)
            print_verdict(&training);
    }
    if (code == EXIT_SUCCESS && *fault)
        code = cli_error(settings->command, EXIT_FAILURE, "training on %s, compared with %s: %s",
                         clef_device_get_info(devices[0])->selector,
                         clef_device_get_info(devices[1])->selector, fault);
    clef_check_training_release(&training);
    return code;
}

int check_open_other(const char *command, const struct clef_device *device, const char *other,
                     const struct clef_device_options *options, struct clef_device **opened)
{
    const struct clef_device_info *info = clef_device_get_info(device);
    struct clef_device_options own = *options;
    if (info->has_threads && strcmp(info->selector, other) == 0)
        own.threads = 1;
    return cli_open_device(command, other, &own, opened);
}

int check_against(const struct check_against *settings)
{
    struct clef_device *devices[2] = {NULL, NULL};
    const struct clef_device_options options = {.no_kernel_cache = !settings->kernel_cache};
    int code = cli_open_device(settings->command, settings->device, &options, &devices[0]);
    if (code == EXIT_SUCCESS)
        code = check_open_other(settings->command, devices[0], settings->against, &options,
                                &devices[1]);
    if (code == EXIT_SUCCESS)
        code = compare(settings, devices);
    clef_device_close(devices[1]);
    clef_device_close(devices[0]);
    return code;
}
