// SPDX-License-Identifier: Apache-2.0
#include "cli/cli_support.h"
#include "cli/commands.h"
#include "cli/network_options.h"
#include "cli/network_report.h"

#include <stdlib.h>

struct settings {
    const char *device;
    int threads, batch_size;
    struct network_options network;
    bool json, kernel_cache;
};

static const struct option_row rows[] = {
    NETWORK_ROW_ARCH(struct settings),      NETWORK_ROW_INPUT_SHAPE(struct settings),
    NETWORK_ROW_CLASSES(struct settings),   NETWORK_ROW_BLOCKS(struct settings),
    NETWORK_ROW_FILTERS(struct settings),   NETWORK_ROW_HEAD(struct settings),
    OPTION_ROW_BATCH_SIZE(struct settings), OPTION_ROW_DEVICE(struct settings),
    OPTION_ROW_THREADS(struct settings),    OPTION_ROW_KERNEL_CACHE(struct settings),
    OPTION_ROW_JSON(struct settings),
};

static const struct option_command command = {
    .name = "info",
    .summary = "show a network's layers, parameters and memory",
    .description =
        "Prints the layers of a residual network with the shapes of their outputs and the numbers "
        "of their parameters, and the memory that steps of training and of inference take on the "
        "device. The default is the ResNet-18 that \"clef train\" trains.",
    .rows = rows,
    .row_count = OPTION_COUNT(rows),
};

static json_t *describe_json(const struct clef_model *model,
                             const struct clef_memory_plan *training,
                             const struct clef_memory_plan *inference, int batch_size)
{
    struct parameter_totals totals = report_count_parameters(model);
    return json_pack("{s:o, s:o, s:{s:I, s:I, s:I}, s:{s:i, s:o, s:o}}", "network",
                     report_json_network(clef_model_get_config(model)), "layers",
                     report_json_layers(model), "parameters", "total", (json_int_t)totals.total,
                     "trainable", (json_int_t)totals.trainable, "non_trainable",
                     (json_int_t)(totals.total - totals.trainable), "memory", "batch_size",
                     batch_size, "training", report_json_memory(training), "inference",
                     report_json_memory(inference));
}

static int report(struct clef_model *model, const struct settings *settings)
{
    struct clef_memory_plan training, inference;
    int batch_size = settings->batch_size;
    if (clef_model_plan_memory(model, batch_size, true, &training) != CLEF_OK ||
        clef_model_plan_memory(model, batch_size, false, &inference) != CLEF_OK)
        return cli_library_error(command.name);
    if (settings->json)
        return cli_print_json(command.name,
                              describe_json(model, &training, &inference, batch_size));
    report_print_layers(stdout, model);
    report_print_memory(stdout, &training, batch_size, true);
    report_print_memory(stdout, &inference, batch_size, false);
    return EXIT_SUCCESS;
}

int cmd_info(int argc, char **argv)
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
    code = cli_open_device(command.name, settings.device,
                           &(struct clef_device_options){.threads = settings.threads,
                                                         .no_kernel_cache = !settings.kernel_cache},
                           &device);
    if (code != EXIT_SUCCESS)
        return code;
    struct clef_model *model = NULL;
    if (clef_model_create_resnet(device, &config, 0, &model) != CLEF_OK)
        code = cli_library_error(command.name);
    else
        code = report(model, &settings);
    clef_model_destroy(model);
    clef_device_close(device);
    return code;
}
