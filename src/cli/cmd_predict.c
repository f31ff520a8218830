// SPDX-License-Identifier: Apache-2.0
// Writes what a saved model says of each image.
#include "cli/cli_support.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/saved_model.h"
#include "core/error.h"
#include "io/npy.h"

#include <limits.h>
#include <stdlib.h>

struct settings {
    const char *model, *data, *out, *device;
    int split, limit, batch_size, threads;
    bool kernel_cache;
};

// In the order of enum clef_split.
static const char *const split_choices[] = {"train", "test", NULL};

static const struct option_row rows[] = {
    OPTION_ROW_MODEL(struct settings),
    {"--out", "FILE.npy", NULL,
     "The file for the logits, float32 [images][classes] in NumPy's format; one of that name is "
     "replaced. Mandatory.",
     OPTION_TEXT, .offset = offsetof(struct settings, out)},
    OPTION_ROW_DATA(struct settings),
    {"--split", "SPLIT", "test", "The images: train or test.", OPTION_CHOICE,
     .offset = offsetof(struct settings, split), .choices = split_choices},
    {"--limit", "N", NULL, "Take only the first N images. Default: all.", OPTION_INT,
     .offset = offsetof(struct settings, limit), .min = 1, .max = INT_MAX},
    OPTION_ROW_SAVED_BATCH_SIZE(struct settings),
    OPTION_ROW_DEVICE(struct settings),
    OPTION_ROW_THREADS(struct settings),
    OPTION_ROW_KERNEL_CACHE(struct settings),
};

static const struct option_command command = {
    .name = "predict",
    .summary = "write what a saved model says of each image",
    .description =
        "Computes the logits of a saved model for each image and writes them as an array that "
        "NumPy loads, in the order of the images: that of the IDX file, or of the names of classes "
        "and then of pictures. The largest logit of a row is the predicted class; the softmax of a "
        "row are the probabilities.",
    .rows = rows,
    .row_count = OPTION_COUNT(rows),
};

static clef_status write_logits(const struct settings *settings, const struct saved_model *saved,
                                const struct clef_dataset *images)
{
    size_t count = (size_t)clef_dataset_get_shape(images).count;
    size_t classes = (size_t)clef_model_get_config(saved->model)->classes;
    int batch_size = settings->batch_size ? settings->batch_size : saved->batch_size;
    float *logits = calloc(count * classes, sizeof *logits);
    if (logits == NULL)
        return clef_fail(CLEF_OUT_OF_MEMORY, "no memory for the logits of %zu images", count);
    clef_status status = clef_predict(saved->model, images, batch_size, NULL, logits);
    if (status == CLEF_OK)
        status = clef_npy_save(settings->out, logits, count, classes);
    if (status == CLEF_OK)
        printf("Logits of %zu images: %s\n", count, settings->out);
    free(logits);
    return status;
}

static clef_status predict(const struct settings *settings, const struct saved_model *saved)
{
    struct clef_dataset *all, *images;
    enum clef_split split = (enum clef_split)settings->split;
    CLEF_TRY(saved_model_load_images(saved, settings->data, split, &all));
    int count = clef_dataset_get_shape(all).count;
    if (settings->limit > 0 && settings->limit < count)
        count = settings->limit;
    clef_status status = clef_dataset_slice(all, 0, count, &images);
    if (status == CLEF_OK) {
        status = write_logits(settings, saved, images);
        clef_dataset_destroy(images);
    }
    clef_dataset_destroy(all);
    return status;
}

int cmd_predict(int argc, char **argv)
{
    struct settings settings = {0};
    struct saved_model saved;
    int code = options_parse(&command, argc, argv, &settings);
    if (code != OPTIONS_GO)
        return code;
    code = cli_require(command.name, "--model", settings.model, CLI_NAME_MODEL);
    if (code == EXIT_SUCCESS)
        code = cli_require(command.name, "--out", settings.out, CLI_NAME_OUT);
    if (code == EXIT_SUCCESS)
        code = saved_model_open(
            command.name, settings.model, settings.device,
            &(struct clef_device_options){.threads = settings.threads,
                                          .no_kernel_cache = !settings.kernel_cache},
            &saved);
    if (code != EXIT_SUCCESS)
        return code;
    if (predict(&settings, &saved) != CLEF_OK)
        code = cli_library_error(command.name);
    saved_model_close(&saved);
    return code;
}
