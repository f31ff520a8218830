// SPDX-License-Identifier: Apache-2.0
// Writes a saved model for other programs.
#include "cli/cli_support.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/saved_model.h"

#include <stdlib.h>

// A model is loaded onto the device that every machine has, since nothing is computed.
#define DEVICE "cpu"

enum { NO_LAYOUT = -1 };

struct settings {
    const char *model, *out;
    int format, layout;
};

static clef_status write_safetensors(const struct settings *settings, struct clef_model *model,
                                     int batch_size)
{
    if (settings->layout == NO_LAYOUT || settings->layout == CLEF_LAYOUT_CLEF)
        return clef_model_save(model, batch_size, settings->out);
    return clef_weights_save(model, (enum clef_layout)settings->layout, settings->out);
}

static clef_status write_keras(const struct settings *settings, struct clef_model *model,
                               int batch_size)
{
    (void)batch_size;
    return clef_weights_save_keras(model, settings->out);
}

static clef_status write_onnx(const struct settings *settings, struct clef_model *model,
                              int batch_size)
{
    (void)batch_size; // The file's is open.
    return clef_onnx_save(model, settings->out);
}

// The one list of formats: X(name, function that writes it, whether it has several layouts).
#define FORMAT_LIST(X)                      \
    X(safetensors, write_safetensors, true) \
    X(keras, write_keras, false)            \
    X(onnx, write_onnx, false)

static const struct format {
    const char *name;
    clef_status (*write)(const struct settings *settings, struct clef_model *model, int batch_size);
    bool has_layouts;
} formats[] = {
#define FORMAT_ROW(name, write, has_layouts) {#name, write, has_layouts},
    FORMAT_LIST(FORMAT_ROW)
#undef FORMAT_ROW
};

static const char *const format_choices[] = {
#define FORMAT_NAME(name, write, has_layouts) #name,
    FORMAT_LIST(FORMAT_NAME)
#undef FORMAT_NAME
        NULL};

// In the order of enum clef_layout.
static const char *const layout_choices[] = {"clef", "pytorch", "keras", NULL};

static const struct option_row rows[] = {
    OPTION_ROW_MODEL(struct settings),
    {"--format", "FORMAT", "safetensors",
     "What to write: safetensors, keras (the .weights.h5 of Keras 3) or onnx (the whole network).",
     OPTION_CHOICE, .offset = offsetof(struct settings, format), .choices = format_choices},
    {"--layout", "LAYOUT", NULL,
     "How safetensors name the parameters and order their elements: clef (as \"clef train\" "
     "saves), pytorch (torchvision's names, OIHW) or keras (HWIO). Default: clef.",
     OPTION_CHOICE, .offset = offsetof(struct settings, layout), .choices = layout_choices},
    {"--out", "FILE", NULL, "The file to write; one of that name is replaced. Mandatory.",
     OPTION_TEXT, .offset = offsetof(struct settings, out)},
};

static const struct option_command command = {
    .name = "export",
    .summary = "write a saved model for other programs",
    .description = "Writes the parameters and moving statistics of a saved model in a format and "
                   "layout that other frameworks load.",
    .rows = rows,
    .row_count = OPTION_COUNT(rows),
};

static int check(const struct settings *settings)
{
    const struct format *format = &formats[settings->format];
    int code = cli_require(command.name, "--model", settings->model, CLI_NAME_MODEL);
    if (code == EXIT_SUCCESS)
        code = cli_require(command.name, "--out", settings->out, CLI_NAME_OUT);
    if (code == EXIT_SUCCESS && settings->layout != NO_LAYOUT && !format->has_layouts)
        return cli_error(command.name, EXIT_USAGE,
                         "--layout is for safetensors: --format %s has one layout of its own",
                         format->name);
    return code;
}

int cmd_export(int argc, char **argv)
{
    struct settings settings = {.layout = NO_LAYOUT};
    struct saved_model saved;
    int code = options_parse(&command, argc, argv, &settings);
    if (code != OPTIONS_GO)
        return code;
    code = check(&settings);
    if (code == EXIT_SUCCESS)
        code = saved_model_open(command.name, settings.model, DEVICE,
                                &(struct clef_device_options){0}, &saved);
    if (code != EXIT_SUCCESS)
        return code;
    if (formats[settings.format].write(&settings, saved.model, saved.batch_size) != CLEF_OK)
        code = cli_library_error(command.name);
    saved_model_close(&saved);
    return code;
}
