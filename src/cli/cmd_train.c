// SPDX-License-Identifier: Apache-2.0
// Trains, tests and saves.
#include "cli/cli_support.h"
#include "cli/commands.h"
#include "cli/network_report.h"
#include "cli/profile_report.h"
#include "cli/progress.h"
#include "cli/run_directory.h"
#include "cli/seen_devices.h"
#include "cli/stop_signal.h"
#include "cli/test_figures.h"
#include "cli/train_init.h"
#include "cli/train_settings.h"
#include "cli/train_summary.h"
#include "core/clock.h"
#include "core/error.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static const char *const name = "train";

// What a run opens and makes, in the order in which it does.
struct run {
    struct train_settings settings;
    struct clef_resnet_config network;
    struct clef_dataset *all, *training, *validation, *test;
    struct clef_device *device;
    struct clef_model *model;
    struct clef_weights_found init; // With --init.
    struct run_directory directory;
    struct progress progress;
    struct train_result result;
    double epoch_step_seconds; // Spent in the training steps of the epoch under way.
    int epoch_images;          // Seen in these steps.
};

static bool on_step(void *user, const struct clef_progress *step)
{
    struct run *run = user;
    int images = step->step * run->settings.batch_size;
    run->epoch_step_seconds = step->seconds;
    run->epoch_images = images < run->result.training_images ? images : run->result.training_images;
    if (step->step == step->steps) {
        run->result.step_seconds += run->epoch_step_seconds;
        run->result.images_seen += run->epoch_images;
        run->epoch_step_seconds = 0;
        run->epoch_images = 0;
    }
    progress_step(&run->progress, step);
    return true;
}

static bool should_stop(void *user)
{
    (void)user;
    return stop_signal_received() != 0;
}

static void on_epoch(void *user, int epoch, int epochs, const struct clef_epoch *result)
{
    struct run *run = user;
    progress_epoch(&run->progress, epoch, epochs, result);
}

// Loads both sets and splits the first: its last part validates, whatever the order of training.
static clef_status load_data(struct run *run)
{
    const struct train_settings *settings = &run->settings;
    clef_status status =
        clef_dataset_load_mnist(settings->data, CLEF_SPLIT_TRAIN, run->network.classes, &run->all);
    if (status == CLEF_OK)
        status = clef_dataset_load_mnist(settings->data, CLEF_SPLIT_TEST, run->network.classes,
                                         &run->test);
    if (status != CLEF_OK)
        return status;
    int count = clef_dataset_get_shape(run->all).count;
    if (settings->limit > 0 && settings->limit < count)
        count = settings->limit;
    int training = (int)floor(count * (1 - settings->validation_split));
    run->result.training_images = training;
    run->result.validation_images = count - training;
    run->result.test_images = clef_dataset_get_shape(run->test).count;
    if (training > 0)
        status = clef_dataset_slice(run->all, 0, training, &run->training);
    if (status == CLEF_OK && count > training)
        status = clef_dataset_slice(run->all, training, count - training, &run->validation);
    return status;
}

static clef_status create_model(struct run *run)
{
    run->network.input_channels = clef_dataset_get_shape(run->all).channels;
    CLEF_TRY(clef_model_create_resnet(run->device, &run->network, run->settings.seed, &run->model));
    CLEF_TRY(clef_model_freeze(run->model, run->settings.freeze));
    if (run->settings.init == NULL)
        return CLEF_OK;
    return clef_weights_load(run->model, run->settings.init, &run->init);
}

// Says what is about to happen.
static clef_status print_plan(const struct run *run)
{
    const struct train_settings *settings = &run->settings;
    char parameters[CLI_NUMBER_LENGTH];
    struct clef_memory_plan plan;
    if (settings->quiet)
        return CLEF_OK;
    cli_print_device("Device", run->device);
    const struct clef_device_info *info = clef_device_get_info(run->device);
    if (seen_devices_add(info))
        printf("  First use of this device and driver: \"clef check --device %s\" tests them.\n",
               info->selector);
    printf("Network: %s parameters; %d training, %d validation, %d test images\n",
           cli_thousands(report_count_parameters(run->model).total, parameters),
           run->result.training_images, run->result.validation_images, run->result.test_images);
    if (settings->init != NULL)
        train_init_print(stdout, settings->init, &run->init, run->network.classes);
    if (settings->freeze != NULL)
        printf("  Frozen: %s; %s parameters are trained\n", settings->freeze,
               cli_thousands(report_count_parameters(run->model).trainable, parameters));
    if (settings->verbose) {
        clef_status status = clef_model_plan_memory(run->model, settings->batch_size, true, &plan);
        if (status != CLEF_OK)
            return status;
        report_print_memory(stdout, &plan, settings->batch_size, true);
    }
    fflush(stdout);
    return CLEF_OK;
}

// Trains and, unless interrupted, tests.
static clef_status fit(struct run *run)
{
    const struct train_settings *settings = &run->settings;
    struct train_result *result = &run->result;
    const struct clef_train_config config = {
        .epochs = settings->epochs,
        .batch_size = settings->batch_size,
        .learning_rate = (float)settings->learning_rate,
        .seed = settings->seed,
        .shuffle = settings->shuffle,
    };
    const struct clef_train_callbacks callbacks = {
        .user = run, .on_step = on_step, .on_epoch = on_epoch, .should_stop = should_stop};
    double began = clef_seconds();
    clef_status status = clef_train(run->model, run->training, run->validation, &config, &callbacks,
                                    result->epochs, &result->epochs_done);
    result->fit_seconds = clef_seconds() - began;
    result->step_seconds += run->epoch_step_seconds;
    result->images_seen += run->epoch_images;
    progress_end(&run->progress);
    if (status == CLEF_OK) {
        status =
            clef_evaluate(run->model, run->test, settings->batch_size, &callbacks, &result->test);
        result->tested = status == CLEF_OK;
    }
    return status == CLEF_INTERRUPTED ? CLEF_OK : status;
}

static clef_status save(struct run *run)
{
    const struct train_result *result = &run->result;
    CLEF_TRY(run_directory_begin(&run->directory));
    CLEF_TRY(run_directory_save_model(&run->directory, run->model, run->settings.batch_size));
    CLEF_TRY(run_directory_save_history(&run->directory, result->epochs, result->epochs_done));
    json_t *summary = train_summary_json(&run->settings, run->device, run->model, result);
    clef_status status = run_directory_save_summary(&run->directory, summary);
    json_decref(summary);
    stop_signal_ignore();
    return status == CLEF_OK ? run_directory_commit(&run->directory) : status;
}

static int train(struct run *run)
{
    bool quiet = run->settings.quiet;
    progress_begin(&run->progress, quiet ? NULL : stdout, isatty(STDOUT_FILENO) == 1);
    stop_signal_catch();
    if (print_plan(run) != CLEF_OK || fit(run) != CLEF_OK || save(run) != CLEF_OK)
        return cli_library_error(name);
    if (run->result.tested)
        print_test_figures(stdout, &run->result.test);
    profile_print(stdout, run->device);
    if (!quiet)
        printf("Saved in %s\n", run->directory.path);
    int number = stop_signal_received();
    if (number != 0)
        return cli_error(name, EXIT_SIGNAL_BASE + number,
                         "stopped by %s; what was trained is saved in \"%s\"",
                         number == SIGINT    ? "Ctrl-C"
                         : number == SIGTERM ? "SIGTERM"
                                             : "SIGHUP",
                         run->directory.path);
    if (fflush(stdout) != 0 || ferror(stdout))
        return cli_error(name, EXIT_FAILURE,
                         "cannot write to the standard output; what was trained is saved in \"%s\"",
                         run->directory.path);
    return EXIT_SUCCESS;
}

// Opens everything that can fail before the first step is worth taking.
static int prepare(struct run *run)
{
    const struct train_settings *settings = &run->settings;
    const struct clef_device_options options = {.threads = settings->threads,
                                                .sync = settings->sync,
                                                .profile = settings->profile,
                                                .no_kernel_cache = !settings->kernel_cache};
    int code = cli_open_device(name, settings->device, &options, &run->device);
    if (code != EXIT_SUCCESS)
        return code;
    if (load_data(run) != CLEF_OK)
        return cli_library_error(name);
    if (run->training == NULL)
        return cli_error(name, EXIT_FAILURE,
                         "no images are left to train on: use a larger --limit or a smaller "
                         "--validation-split");
    run->result.epochs = calloc((size_t)settings->epochs, sizeof *run->result.epochs);
    if (run->result.epochs == NULL)
        return cli_error(name, EXIT_FAILURE, "no memory for the results of %d epochs",
                         settings->epochs);
    if (create_model(run) != CLEF_OK ||
        run_directory_create(&run->directory, settings->out) != CLEF_OK)
        return cli_library_error(name);
    return EXIT_SUCCESS;
}

static void release(struct run *run)
{
    free(run->result.epochs);
    clef_model_destroy(run->model);
    clef_device_close(run->device);
    clef_dataset_destroy(run->validation);
    clef_dataset_destroy(run->training);
    clef_dataset_destroy(run->all);
    clef_dataset_destroy(run->test);
}

int cmd_train(int argc, char **argv)
{
    struct run run = {0};
    int code = options_parse(&train_command, argc, argv, &run.settings);
    if (code != OPTIONS_GO)
        return code;
    if (!((float)run.settings.learning_rate > 0))
        return cli_error(name, EXIT_USAGE, "--learning-rate is too small: %g rounds to 0",
                         run.settings.learning_rate);
    code = network_configure(name, &run.settings.network, &run.network);
    if (code != EXIT_SUCCESS)
        return code;
    code = prepare(&run);
    if (code == EXIT_SUCCESS)
        code = train(&run);
    if (code == EXIT_FAILURE)
        run_directory_abandon(&run.directory);
    release(&run);
    return code;
}
