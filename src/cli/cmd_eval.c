// SPDX-License-Identifier: Apache-2.0
#include "cli/cli_support.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/saved_model.h"
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

static int evaluate(const struct settings *settings, const struct saved_model *saved)
{
    struct clef_dataset *images = NULL;
    struct clef_evaluation test;
    int batch_size = settings->batch_size ? settings->batch_size : saved->batch_size;
    int code = EXIT_SUCCESS;
    if (saved_model_load_images(saved, settings->data, CLEF_SPLIT_TEST, &images) != CLEF_OK ||
        clef_evaluate(saved->model, images, batch_size, NULL, &test) != CLEF_OK)
        code = cli_library_error(command.name);
    else
        code = print_result(settings, saved->device, &test, clef_dataset_get_shape(images).count);
    clef_dataset_destroy(images);
    return code;
}

int cmd_eval(int argc, char **argv)
{
    struct settings settings = {0};
    struct saved_model saved;
    int code = options_parse(&command, argc, argv, &settings);
    if (code != OPTIONS_GO)
        return code;
    code = cli_require(command.name, "--model", settings.model, CLI_NAME_MODEL);
    if (code == EXIT_SUCCESS)
        code = saved_model_open(
            command.name, settings.model, settings.device,
            &(struct clef_device_options){.threads = settings.threads,
                                          .no_kernel_cache = !settings.kernel_cache},
            &saved);
    if (code != EXIT_SUCCESS)
        return code;
    code = evaluate(&settings, &saved);
    saved_model_close(&saved);
    return code;
}
