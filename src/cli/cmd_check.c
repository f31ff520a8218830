// SPDX-License-Identifier: Apache-2.0
// Checks a device and its driver: each op against an oracle, then training steps against the plain
// C backend.
#include "cli/check_against.h"
#include "cli/check_report.h"
#include "cli/cli_support.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/seen_devices.h"
#include "core/clock.h"

#include <stdlib.h>
#include <string.h>

// The device that training is compared with.
#define REFERENCE "cpu"
#define TRAINING "training"

// As the trainer takes by default; and few enough that some images lie image by image in memory,
// the other order of rows.
#define BATCH_SIZE 64
#define SMALL_BATCH_SIZE 3

struct settings {
    const char *device;
    const char *only, *against;
    uint64_t seed;
    bool kernel_cache, json;
};

static const struct option_row rows[] = {
    OPTION_ROW_DEVICE(struct settings),
    {"--case", "CASE", NULL,
     "Check one op, such as conv2d_forward, or one row of it, as in conv2d_forward#12, or "
     "\"training\" alone. Default: everything.",
     OPTION_TEXT, .offset = offsetof(struct settings, only)},
    {"--against", "DEVICE", NULL,
     "Compare two training steps with those on this device, named as --device names one, and "
     "nothing else: tell how far apart they are, and whether all bits are the same.",
     OPTION_TEXT, .offset = offsetof(struct settings, against)},
    {"--seed", "N", "20240229", "Draws other data.", OPTION_UINT64,
     .offset = offsetof(struct settings, seed)},
    OPTION_ROW_KERNEL_CACHE(struct settings),
    OPTION_ROW_JSON(struct settings),
};

static const struct option_command command = {
    .name = "check",
    .summary = "check a device and its driver",
    .description =
        "Runs each op on a device over a table of shapes, and over those that the default network "
        "asks for, with each algorithm that the device could choose, and compares with a naive "
        "computation in double precision. Then takes two training steps on the device and on the "
        "plain C backend, and compares losses, gradients and parameters.\n\n"
        "An error is relative to the largest number expected; of each op the comparison that came "
        "closest to its tolerance is shown. Where only whole numbers meet, results must be exact. "
        "Guards around each tensor must keep their bits, and two runs must give the same bits.\n\n"
        "With --against, the distance of logits and losses, of the gradients of the first step, "
        "and of weights and moving statistics after the second is the length of the difference, "
        "relative to the length of what the other device has (of gradients, of the whole layer). "
        "The largest of each is shown, and the step or parameter that it is of.\n\n"
        "The exit code is 0 if everything passes, and 1 if a check fails, a NaN included; each "
        "failure comes with the command that repeats it.",
    .rows = rows,
    .row_count = OPTION_COUNT(rows),
};

// What --case asks for.
struct selection {
    bool ops, training;
    int op;  // -1 for all.
    int row; // Or CLEF_CHECK_ALL_ROWS.
};

static int parse_selection(const char *only, struct selection *selection)
{
    *selection =
        (struct selection){.ops = true, .training = true, .op = -1, .row = CLEF_CHECK_ALL_ROWS};
    if (only == NULL)
        return EXIT_SUCCESS;
    selection->ops = strcmp(only, TRAINING) != 0;
    selection->training = !selection->ops;
    if (selection->training)
        return EXIT_SUCCESS;
    size_t length = strcspn(only, "#");
    for (int op = 0; op < clef_check_op_count(); op++)
        if (strlen(clef_check_op_name(op)) == length &&
            strncmp(clef_check_op_name(op), only, length) == 0)
            selection->op = op;
    if (selection->op < 0)
        return cli_error(command.name, EXIT_USAGE, "--case: there is no op \"%.*s\"", (int)length,
                         only);
    if (only[length] == '\0')
        return EXIT_SUCCESS;
    char *end;
    long row = strtol(only + length + 1, &end, 10);
    if (end == only + length + 1 || *end != '\0' || row < 0 || row > 1 << 20)
        return cli_error(command.name, EXIT_USAGE, "--case: \"%s\" is no number of a row",
                         only + length + 1);
    selection->row = (int)row;
    return EXIT_SUCCESS;
}

// Adds what the default network asks for, with either head.
static clef_status add_networks(struct clef_check *check)
{
    static const enum clef_head heads[] = {CLEF_HEAD_FLATTEN_DENSE, CLEF_HEAD_AVGPOOL};
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        struct clef_resnet_config config = clef_resnet_default();
        config.head = heads[i];
        struct clef_model *model;
        clef_status status =
            clef_model_create_resnet(clef_check_get_device(check), &config, 0, &model);
        if (status != CLEF_OK)
            return status;
        status = clef_check_add_network(check, model, BATCH_SIZE, true);
        if (status == CLEF_OK)
            status = clef_check_add_network(check, model, SMALL_BATCH_SIZE, true);
        if (status == CLEF_OK)
            status = clef_check_add_network(check, model, BATCH_SIZE, false);
        clef_model_destroy(model);
        if (status != CLEF_OK)
            return status;
    }
    return CLEF_OK;
}

static void check_ops(struct clef_check *check, const struct selection *selection,
                      struct check_report *report)
{
    for (int op = 0; op < clef_check_op_count(); op++) {
        if (selection->op >= 0 && selection->op != op)
            continue;
        check_report_begin_op(report, op);
        clef_check_run_op(check, op, selection->row, &report->ops[op]);
        check_report_end_op(report, op);
    }
}

static void note_training(struct check_report *report, clef_status status)
{
    const struct clef_check_training *training = &report->training;
    if (status != CLEF_OK)
        check_report_failed_training(report, clef_last_error());
    for (int i = 0; i < training->figure_count; i++) {
        const struct clef_check_figure *figure = &training->figures[i];
        char message[200];
        if (clef_check_figure_passes(figure))
            continue;
        check_report_describe_figure(figure, message, sizeof message);
        check_report_failed_training(report, message);
    }
}

static int check_training(struct clef_device *device, struct check_report *report)
{
    struct clef_device *reference;
    int code = check_open_other(command.name, device, REFERENCE,
                                &(struct clef_device_options){.threads = 0}, &reference);
    if (code != EXIT_SUCCESS)
        return code;
    clef_status status =
        clef_check_train(device, reference, BATCH_SIZE, report->seed, &report->training);
    report->has_trained = true;
    note_training(report, status);
    check_report_print_training(report);
    clef_device_close(reference);
    return EXIT_SUCCESS;
}

static int run(const struct selection *selection, struct clef_check *check,
               struct check_report *report)
{
    double began = clef_seconds();
    if (selection->ops && add_networks(check) != CLEF_OK)
        return cli_library_error(command.name);
    check_report_print_heading(report);
    if (selection->ops)
        check_ops(check, selection, report);
    if (selection->ops && report->plans == 0)
        return cli_error(command.name, EXIT_USAGE, "--case: %s has no row %d",
                         clef_check_op_name(selection->op), selection->row);
    if (selection->training) {
        int code = check_training(clef_check_get_device(check), report);
        if (code != EXIT_SUCCESS)
            return code;
    }
    report->seconds = clef_seconds() - began;
    return EXIT_SUCCESS;
}

static int finish(const struct settings *settings, const struct check_report *report)
{
    check_report_print_verdict(report);
    int code = EXIT_SUCCESS;
    if (settings->json)
        code = cli_print_json(command.name, check_report_json(report));
    if (code == EXIT_SUCCESS && report->failures > 0)
        code = cli_error(command.name, EXIT_FAILURE, "%d checks failed on %s, %s (%s)",
                         report->failures, report->device->selector, report->device->name,
                         report->device->driver);
    return code;
}

static int compare_devices(const struct settings *settings)
{
    if (settings->only)
        return cli_error(command.name, EXIT_USAGE,
                         "--against compares the training alone; leave out --case");
    return check_against(&(struct check_against){.command = command.name,
                                                 .device = settings->device,
                                                 .against = settings->against,
                                                 .batch_size = BATCH_SIZE,
                                                 .seed = settings->seed,
                                                 .kernel_cache = settings->kernel_cache,
                                                 .json = settings->json});
}

int cmd_check(int argc, char **argv)
{
    struct settings settings = {0};
    struct selection selection;
    int code = options_parse(&command, argc, argv, &settings);
    if (code != OPTIONS_GO)
        return code;
    if (settings.against)
        return compare_devices(&settings);
    code = parse_selection(settings.only, &selection);
    if (code != EXIT_SUCCESS)
        return code;
    struct check_report report = {.seed = settings.seed, .quiet = settings.json};
    const struct clef_device_options device_options = cli_device_options(
        command.name, &(struct clef_device_options){.no_kernel_cache = !settings.kernel_cache});
    const struct clef_check_options check_options = {
        .seed = settings.seed, .failed = check_report_failed_row, .user = &report};
    struct clef_check *check;
    clef_status status = clef_check_open(settings.device, &device_options, &check_options, &check);
    if (status != CLEF_OK)
        return cli_device_error(command.name, status);
    report.device = clef_device_get_info(clef_check_get_device(check));
    report.failed = json_array();
    if (!settings.json)
        cli_print_device("Device", clef_check_get_device(check));
    code = run(&selection, check, &report);
    if (code == EXIT_SUCCESS)
        code = finish(&settings, &report);
    seen_devices_add(report.device); // Who checks it need not be told to.
    check_report_release(&report);
    clef_check_close(check);
    return code;
}
