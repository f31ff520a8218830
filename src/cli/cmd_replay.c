// SPDX-License-Identifier: Apache-2.0
// Replays a recorded trajectory, step by step, through the trainer.
#include "cli/cli_support.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/replay_compare.h"
#include "cli/replay_weights.h"
#include "io/json_build.h"

#include <stdlib.h>

enum { TEST_IMAGES = 256 }; // Of the recorded test loss.

struct settings {
    const char *reference, *data, *device;
    int threads;
    bool json, kernel_cache;
};

static const struct option_row rows[] = {
    OPTION_ROW_DATA(struct settings),    OPTION_ROW_DEVICE(struct settings),
    OPTION_ROW_THREADS(struct settings), OPTION_ROW_KERNEL_CACHE(struct settings),
    OPTION_ROW_JSON(struct settings),
};

static const struct option_command command = {
    .name = "replay",
    .summary = "compare a training trajectory with one recorded by another framework",
    .description =
        "Trains the default network from the weights and on the images that the file describes, "
        "and compares logits, gradients, losses, weights and moving statistics with those that the "
        "file records, by their relative error and, for losses, by their distance. The exit code "
        "is 0 only if the logits and gradients of the first step agree "
        "within 1e-4 and every loss within 1e-3, or within three times the largest distance that "
        "float32 arithmetic had up to that step in the other framework, from the file of the same "
        "name with float32 in place of float64.",
    .rows = rows,
    .row_count = OPTION_COUNT(rows),
    .operand = "REFERENCE.json",
    .operand_help = "The recorded trajectory.",
    .operand_offset = offsetof(struct settings, reference),
};

// Trains one step: an epoch of one batch, in the order of the file.
static clef_status run_step(struct clef_model *model, const struct clef_dataset *dataset,
                            const struct replay_reference *reference, int step, double *loss)
{
    const struct clef_train_config config = {
        .epochs = 1,
        .batch_size = reference->batch_size,
        .learning_rate = (float)reference->learning_rate,
    };
    struct clef_dataset *batch;
    struct clef_epoch epoch = {0};
    int done;
    clef_status status =
        clef_dataset_slice(dataset, reference->first_image + step * reference->batch_size,
                           reference->batch_size, &batch);
    if (status != CLEF_OK)
        return status;
    status = clef_train(model, batch, NULL, &config, NULL, &epoch, &done);
    clef_dataset_destroy(batch);
    *loss = epoch.loss;
    return status;
}

// Evaluates the first `count` test images. The last step's logits stay readable in the model.
static clef_status run_test(struct clef_model *model, const struct clef_dataset *dataset, int count,
                            int batch_size, struct clef_evaluation *result)
{
    struct clef_dataset *images;
    clef_status status = clef_dataset_slice(dataset, 0, count, &images);
    if (status != CLEF_OK)
        return status;
    status = clef_evaluate(model, images, batch_size, NULL, result);
    clef_dataset_destroy(images);
    return status;
}

// Trains along the trajectory and compares what it passes; `losses` has room for each step.
static clef_status replay(struct clef_model *model, const struct clef_dataset *training,
                          const struct clef_dataset *test, const struct replay_reference *reference,
                          double *losses, struct replay_report *report)
{
    struct clef_evaluation test_result, first_result;
    clef_status status = replay_write_weights(model, reference->key);
    for (int step = 0; status == CLEF_OK && step < reference->steps; step++) {
        status = run_step(model, training, reference, step, &losses[step]);
        if (status == CLEF_OK && step == 0)
            status = replay_compare_logits(model, reference, report);
        if (status == CLEF_OK && step == 0)
            status = replay_compare_gradients(model, reference, report);
    }
    if (status == CLEF_OK)
        status = run_test(model, test, TEST_IMAGES, reference->batch_size, &test_result);
    if (status == CLEF_OK)
        status = replay_compare_losses(reference, losses, &test_result, report);
    if (status == CLEF_OK)
        status = replay_compare_parameters(model, reference, report);
    if (status == CLEF_OK)
        status = run_test(model, test, 1, 1, &first_result);
    return status == CLEF_OK ? replay_compare_test_logits(model, reference, report) : status;
}

static int print_report(const struct settings *settings, const struct clef_device *device,
                        const struct replay_reference *reference,
                        const struct replay_report *report)
{
    int code = EXIT_SUCCESS;
    if (settings->json) {
        json_t *document = replay_report_json(report);
        clef_json_set(&document, "reference", json_string(reference->what));
        clef_json_set(&document, "float32", json_boolean(reference->float32_losses != NULL));
        clef_json_set(&document, "device", cli_json_device(device));
        code = cli_print_json(command.name, document);
    } else {
        printf("Reference: %s\n", reference->what);
        cli_print_device("Device", device);
        if (reference->float32_losses == NULL)
            printf("No float32 file of this trajectory: losses must agree within 1e-3\n");
        replay_report_print(stdout, report);
    }
    if (code != EXIT_SUCCESS || replay_report_passes(report))
        return code;
    const struct replay_row *worst = replay_report_worst(report);
    return cli_error(command.name, EXIT_FAILURE,
                     "the trajectory differs from \"%s\": %s is off by %.2e, %.2e is allowed",
                     settings->reference, worst->name, worst->error, worst->allowed);
}

static int run(const struct settings *settings, struct clef_device *device,
               const struct replay_reference *reference)
{
    struct clef_resnet_config config = clef_resnet_default();
    struct clef_dataset *training = NULL, *test = NULL;
    struct clef_model *model = NULL;
    struct replay_report report = {0};
    double *losses = calloc((size_t)reference->steps, sizeof *losses);
    int code;
    config.classes = reference->classes;
    if (losses == NULL)
        code = cli_error(command.name, EXIT_FAILURE, "no memory for %d losses", reference->steps);
    else if (clef_dataset_load_mnist(settings->data, CLEF_SPLIT_TRAIN, config.classes, &training) !=
                 CLEF_OK ||
             clef_dataset_load_mnist(settings->data, CLEF_SPLIT_TEST, config.classes, &test) !=
                 CLEF_OK ||
             clef_model_create_resnet(device, &config, 0, &model) != CLEF_OK ||
             clef_model_keep_gradients(model) != CLEF_OK ||
             replay_check_parameters(model, reference, settings->reference) != CLEF_OK ||
             replay(model, training, test, reference, losses, &report) != CLEF_OK)
        code = cli_library_error(command.name);
    else
        code = print_report(settings, device, reference, &report);
    replay_report_release(&report);
    clef_model_destroy(model);
    clef_dataset_destroy(training);
    clef_dataset_destroy(test);
    free(losses);
    return code;
}

int cmd_replay(int argc, char **argv)
{
    struct settings settings = {0};
    struct replay_reference reference;
    struct clef_device *device;
    int code = options_parse(&command, argc, argv, &settings);
    if (code != OPTIONS_GO)
        return code;
    if (replay_reference_load(settings.reference, &reference) != CLEF_OK)
        return cli_library_error(command.name);
    code = cli_open_device(command.name, settings.device,
                           &(struct clef_device_options){.threads = settings.threads,
                                                         .no_kernel_cache = !settings.kernel_cache},
                           &device);
    if (code == EXIT_SUCCESS) {
        code = run(&settings, device, &reference);
        clef_device_close(device);
    }
    replay_reference_release(&reference);
    return code;
}
