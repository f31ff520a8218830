// SPDX-License-Identifier: Apache-2.0
// Tunes a device for the shapes of a network.
#include "cli/cli_support.h"
#include "cli/commands.h"
#include "cli/network_options.h"
#include "cli/tune_report.h"

#include <stdlib.h>

struct settings {
    const char *device;
    double seconds;
    int batch_size;
    struct network_options network;
    bool kernel_cache, json;
};

static const struct option_row rows[] = {
    OPTION_ROW_DEVICE(struct settings),
    {"--seconds", "S", "90",
     "Ends the search after this time; what has to be measured in any case comes on top.",
     OPTION_DOUBLE, .offset = offsetof(struct settings, seconds), .min = 0, .max = 86400},
    OPTION_ROW_BATCH_SIZE(struct settings),
    NETWORK_ROW_ARCH(struct settings),
    NETWORK_ROW_IMAGE_SIZE(struct settings),
    NETWORK_ROW_CLASSES(struct settings),
    NETWORK_ROW_BLOCKS(struct settings),
    NETWORK_ROW_FILTERS(struct settings),
    NETWORK_ROW_HEAD(struct settings),
    OPTION_ROW_KERNEL_CACHE(struct settings),
    OPTION_ROW_JSON(struct settings),
};

static const struct option_command command = {
    .name = "tune",
    .summary = "find the fastest kernels for a device",
    .description =
        "Measures, at the shapes of a network's training step, the ways in which a device can "
        "compute: each configuration of the kernels of convolutions and dense layers, and "
        "parameters of the library CLBlast. What the device does untuned always competes, and each "
        "candidate must compute the same.\n\n"
        "The result is kept in clef/tuned below $XDG_CACHE_HOME or ~/.cache, for this device with "
        "this version of its driver, and is loaded by all commands from then on; the environment "
        "variable CLEF_TUNED=off leaves it aside. It changes the speed, and since sums may be "
        "added in another order, the last bits of results. A device without a choice has nothing "
        "to tune. Nothing else should run on the machine meanwhile.",
    .rows = rows,
    .row_count = OPTION_COUNT(rows),
};

// The plans of a step.
struct plans {
    struct clef_plan **items;
    int count, capacity;
};

static clef_status list_plan(void *user, const char *layer, const char *op, struct clef_plan *plan)
{
    struct plans *plans = user;
    if (plans->count == plans->capacity) {
        int capacity = plans->capacity ? 2 * plans->capacity : 128;
        struct clef_plan **items = realloc(plans->items, (size_t)capacity * sizeof(*items));
        if (!items)
            return CLEF_OUT_OF_MEMORY;
        plans->items = items;
        plans->capacity = capacity;
    }
    plans->items[plans->count++] = plan;
    (void)layer, (void)op;
    return CLEF_OK;
}

static clef_status tune(struct clef_device *device, struct clef_model *model,
                        const struct settings *settings, struct clef_tune_report *report)
{
    struct plans plans = {0};
    const struct clef_tune_options options = {.seconds = settings->seconds};
    clef_status status =
        clef_model_visit_plans(model, settings->batch_size, true, list_plan, &plans);
    if (status == CLEF_OK)
        status = clef_device_tune(device, plans.items, plans.count, &options, report);
    free(plans.items);
    return status;
}

static int run(struct clef_device *device, const struct clef_resnet_config *config,
               const struct settings *settings)
{
    struct clef_model *model;
    struct clef_tune_report report = {.rows = NULL};
    if (clef_model_create_resnet(device, config, 0, &model) != CLEF_OK)
        return cli_library_error(command.name);
    if (!settings->json)
        cli_print_device("Device", device);
    int code = EXIT_SUCCESS;
    if (tune(device, model, settings, &report) != CLEF_OK)
        code = cli_library_error(command.name);
    else if (settings->json)
        code = cli_print_json(command.name, tune_report_json(device, &report));
    else
        tune_report_print(&report);
    clef_tune_report_free(&report);
    clef_model_destroy(model);
    return code;
}

int cmd_tune(int argc, char **argv)
{
    struct settings settings = {0};
    int code = options_parse(&command, argc, argv, &settings);
    if (code != OPTIONS_GO)
        return code;
    struct clef_resnet_config config;
    code = network_configure(command.name, &settings.network, &config);
    if (code != EXIT_SUCCESS)
        return code;
    struct clef_device *device;
    code = cli_open_device(
        command.name, settings.device,
        &(struct clef_device_options){.untuned = true, .no_kernel_cache = !settings.kernel_cache},
        &device);
    if (code != EXIT_SUCCESS)
        return code;
    code = run(device, &config, &settings);
    clef_device_close(device);
    return code;
}
