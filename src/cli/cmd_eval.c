// SPDX-License-Identifier: Apache-2.0
#include "cli/cli_support.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/test_figures.h"

#include <limits.h>
#include <stdlib.h>

struct settings {
    const char *model, *data, *device;
    int batch_size, threads;
    bool json, kernel_cache;
};

static const struct option_row rows[] = {
    OPTION_ROW_MODEL(struct settings),
    OPTION_ROW_DATA(struct settings),
    OPTION_ROW_SAVED_BATCH_SIZE(struct settings),
    OPTION_ROW_DEVICE(struct settings),
    OPTION_ROW_THREADS(struct settings),
    OPTION_ROW_KERNEL_CACHE(struct settings),
    OPTION_ROW_JSON(struct settings),
};

static const struct option_command command = {
    .name = "eval",
    .summary = "measure a saved model on the test set",
    .description = "Computes the mean loss and the accuracy of a saved model on the test set. On "
                   "the same kind of device they are those that the training ended with, to the "
                   "last digit.",
    .rows = rows,
    .row_count = OPTION_COUNT(rows),
};

static int print_result(const struct settings *settings, const struct clef_device *device,
                        const struct clef_evaluation *test, int images)
{
    if (!settings->json) {
        cli_print_device("Device", device);
        print_test_figures(stdout, test);
        return EXIT_SUCCESS;
    }
    return cli_print_json(command.name, json_pack("{s:s, s:o, s:o, s:i, s:{s:o, s:o}}", "clef",
                                                  clef_version(), "device", cli_json_device(device),
                                                  "model", cli_json_text(settings->model), "images",
                                                  images, "test", "loss", cli_json_real(test->loss),
                                                  "accuracy", cli_json_real(test->accuracy)));
}

static int evaluate(const struct settings *settings, struct clef_device *device)
{
    struct clef_model *model = NULL;
    struct clef_dataset *dataset = NULL;
    struct clef_evaluation test;
    int batch_size;
    int code = EXIT_SUCCESS;
    if (clef_model_load(device, settings->model, &model, &batch_size) != CLEF_OK)
        return cli_library_error(command.name);
    if (settings->batch_size != 0)
        batch_size = settings->batch_size;
    const struct clef_resnet_config *network = clef_model_get_config(model);
    if (clef_dataset_load(settings->data, CLEF_SPLIT_TEST, network->input_height,
                          network->input_width, network->classes, false, &dataset) != CLEF_OK ||
        clef_evaluate(model, dataset, batch_size, NULL, &test) != CLEF_OK)
        code = cli_library_error(command.name);
    else
        code = print_result(settings, device, &test, clef_dataset_get_shape(dataset).count);
    clef_dataset_destroy(dataset);
    clef_model_destroy(model);
    return code;
}

int cmd_eval(int argc, char **argv)
{
    struct settings settings = {0};
    struct clef_device *device;
    int code = options_parse(&command, argc, argv, &settings);
    if (code != OPTIONS_GO)
        return code;
    code = cli_require(command.name, "--model", settings.model, CLI_NAME_MODEL);
    if (code == EXIT_SUCCESS)
        code = cli_open_device(
            command.name, settings.device,
            &(struct clef_device_options){.threads = settings.threads,
                                          .no_kernel_cache = !settings.kernel_cache},
            &device);
    if (code != EXIT_SUCCESS)
        return code;
    code = evaluate(&settings, device);
    clef_device_close(device);
    return code;
}
