// SPDX-License-Identifier: Apache-2.0
// Makes a model of the weights of another framework.
#include "cli/cli_support.h"
#include "cli/commands.h"
#include "cli/network_options.h"

#include <stdlib.h>

// A model is made on the device that every machine has, since nothing is computed.
#define DEVICE "cpu"

struct settings {
    const char *weights, *out;
    int batch_size;
    struct network_options network;
};

static const struct option_row rows[] = {
    {"--weights", "FILE", NULL,
     "Safetensors in the layout of Clef, PyTorch (torchvision's names) or Keras, which are known "
     "by their names, or a .weights.h5 of Keras. Mandatory.",
     OPTION_TEXT, .offset = offsetof(struct settings, weights)},
    {"--out", "FILE", NULL, "The model to write; a file of that name is replaced. Mandatory.",
     OPTION_TEXT, .offset = offsetof(struct settings, out)},
    NETWORK_ROW_ARCH(struct settings),
    NETWORK_ROW_INPUT_SHAPE(struct settings),
    NETWORK_ROW_CLASSES(struct settings),
    NETWORK_ROW_BLOCKS(struct settings),
    NETWORK_ROW_FILTERS(struct settings),
    NETWORK_ROW_HEAD(struct settings),
    {"--batch-size", "N", "64", "Images of one step, where the model is used without saying.",
     OPTION_INT, .offset = offsetof(struct settings, batch_size), .min = 1, .max = CLEF_MAX_BATCH},
};

static const struct option_command command = {
    .name = "import",
    .summary = "make a model of the weights of another framework",
    .description =
        "Reads parameters and moving statistics and writes a model that \"clef eval\", \"clef "
        "predict\" and \"clef export\" take. The network must be described as \"clef train\" would "
        "build it, since files of weights say nothing of it. To train from such weights, \"clef "
        "train --init\" needs no import.",
    .rows = rows,
    .row_count = OPTION_COUNT(rows),
};

static int import(const struct settings *settings, const struct clef_resnet_config *config,
                  struct clef_device *device)
{
    struct clef_model *model = NULL;
    struct clef_weights_found found;
    int code = EXIT_SUCCESS;
    if (clef_model_create_resnet(device, config, 0, &model) != CLEF_OK ||
        clef_weights_load(model, settings->weights, &found) != CLEF_OK)
        code = cli_library_error(command.name);
    else if (found.file_classes > 0)
        code = cli_error(
            command.name, EXIT_FAILURE, "\"%s\": %s is for %d classes, not %d: use --classes %d",
            settings->weights, found.head, found.file_classes, config->classes, found.file_classes);
    else if (clef_model_save(model, settings->batch_size, settings->out) != CLEF_OK)
        code = cli_library_error(command.name);
    else
        printf("Weights in the layout of %s: %s\n", found.layout, settings->out);
    clef_model_destroy(model);
    return code;
}

int cmd_import(int argc, char **argv)
{
    struct settings settings = {0};
    struct clef_device *device;
    int code = options_parse(&command, argc, argv, &settings);
    if (code != OPTIONS_GO)
        return code;
    struct clef_resnet_config config;
    code = cli_require(command.name, "--weights", settings.weights, "name the file to read");
    if (code == EXIT_SUCCESS)
        code = cli_require(command.name, "--out", settings.out, CLI_NAME_OUT);
    if (code == EXIT_SUCCESS)
        code = network_configure(command.name, &settings.network, &config);
    if (code == EXIT_SUCCESS)
        code = cli_open_device(command.name, DEVICE, &(struct clef_device_options){0}, &device);
    if (code != EXIT_SUCCESS)
        return code;
    code = import(&settings, &config, device);
    clef_device_close(device);
    return code;
}
