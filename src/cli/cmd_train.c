// SPDX-License-Identifier: Apache-2.0
// Trains, tests and saves.
#include "cli/cli_support.h"
#include "cli/commands.h"
#include "cli/network_report.h"
#include "cli/profile_report.h"
#include "cli/seen_devices.h"
#include "cli/stop_signal.h"
#include "cli/test_figures.h"
#include "cli/train_init.h"
#include "cli/train_run.h"
#include "core/error.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static const char *const name = "train";

// Makes the model, or takes up that of the run which is resumed.
static clef_status create_model(struct train_run *run)
{
    run->result.resumed_at = -1;
    if (run->resumed != NULL)
        return train_restore(run);
    run->network.input_channels = clef_dataset_get_shape(run->all).channels;
    CLEF_TRY(clef_model_create_resnet(run->device, &run->network, run->settings.seed, &run->model));
    CLEF_TRY(clef_model_freeze(run->model, run->settings.freeze));
    if (run->settings.init == NULL)
        return CLEF_OK;
    return clef_weights_load(run->model, run->settings.init, &run->init);
}

// Says what is about to happen.
static clef_status print_plan(const struct train_run *run)
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
    if (run->resumed != NULL)
        train_print_resumed(run);
    else if (settings->init != NULL)
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

static clef_status save(struct train_run *run)
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

static int train(struct train_run *run)
{
    bool quiet = run->settings.quiet;
    progress_begin(&run->progress, quiet ? NULL : stdout, isatty(STDOUT_FILENO) == 1);
    stop_signal_catch();
    if (print_plan(run) != CLEF_OK || train_fit(run) != CLEF_OK || save(run) != CLEF_OK)
        return cli_library_error(name);
    if (run->result.tested && run->settings.update_bn > 0 && !quiet)
        printf("Test accuracy with the moving statistics of training: %.2f %%\n",
               100 * run->result.test_before_update_bn.accuracy);
    if (run->result.tested)
        print_test_figures(stdout, &run->result.test);
    profile_print(stdout, run->device);
    if (!quiet)
        printf("Saved in %s\n", run->directory.path);
    int number = stop_signal_received();
    if (number != 0)
        return cli_error(name, EXIT_SIGNAL_BASE + number,
                         "stopped by %s; what was trained is saved in \"%s\", and --resume \"%s\" "
                         "goes on",
                         number == SIGINT    ? "Ctrl-C"
                         : number == SIGTERM ? "SIGTERM"
                                             : "SIGHUP",
                         run->directory.path, run->directory.path);
    if (fflush(stdout) != 0 || ferror(stdout))
        return cli_error(name, EXIT_FAILURE,
                         "cannot write to the standard output; what was trained is saved in \"%s\"",
                         run->directory.path);
    return EXIT_SUCCESS;
}

static clef_status open_directory(struct train_run *run)
{
    CLEF_TRY(run_directory_create(&run->directory, run->settings.out));
    if (run->resumed != NULL)
        return CLEF_OK;
    CLEF_TRY(checkpoint_directory_open(&run->checkpoints, run->directory.path));
    // A run that still saves has checkpoints, so that this is left of one that was killed.
    return run_directory_clean(run->directory.path);
}

// Opens everything that can fail before the first step is worth taking.
static int prepare(struct train_run *run)
{
    const struct train_settings *settings = &run->settings;
    const struct clef_device_options options = {.threads = settings->threads,
                                                .sync = settings->sync,
                                                .profile = settings->profile,
                                                .no_kernel_cache = !settings->kernel_cache};
    int code = cli_open_device(name, settings->device, &options, &run->device);
    if (code != EXIT_SUCCESS)
        return code;
    code = train_load_data(run);
    if (code != EXIT_SUCCESS)
        return code;
    run->result.epochs = calloc((size_t)settings->epochs, sizeof *run->result.epochs);
    if (run->result.epochs == NULL)
        return cli_error(name, EXIT_FAILURE, "no memory for the results of %d epochs",
                         settings->epochs);
    if (create_model(run) != CLEF_OK || open_directory(run) != CLEF_OK)
        return cli_library_error(name);
    return EXIT_SUCCESS;
}

// Removes what a run that failed has made and nothing has filled.
static void abandon(struct train_run *run)
{
    checkpoint_directory_abandon(&run->checkpoints);
    run_directory_abandon(&run->directory);
}

static void release(struct train_run *run)
{
    free(run->result.epochs);
    free(run->checkpoint.notes);
    clef_model_destroy(run->model);
    clef_device_close(run->device);
    clef_dataset_destroy(run->validation);
    clef_dataset_destroy(run->training);
    clef_dataset_destroy(run->all);
    clef_dataset_destroy(run->test);
    clef_checkpoint_destroy(run->resumed);
    json_decref(run->record);
}

// Trains as the settings say.
static int run_settings(struct train_run *run)
{
    const struct train_settings *settings = &run->settings;
    if (!((float)settings->learning_rate > 0))
        return cli_error(name, EXIT_USAGE, "--learning-rate is too small: %g rounds to 0",
                         settings->learning_rate);
    int code = network_configure(name, &settings->network, &run->network);
    if (code != EXIT_SUCCESS)
        return code;
    code = prepare(run);
    if (code == EXIT_SUCCESS)
        code = train(run);
    if (code == EXIT_FAILURE)
        abandon(run);
    return code;
}

int cmd_train(int argc, char **argv)
{
    struct train_run run = {0};
    bool given[TRAIN_OPTIONS] = {false};
    int code = options_parse_given(&train_command, argc, argv, &run.settings, given);
    if (code == OPTIONS_GO && run.settings.resume != NULL)
        code = train_find_checkpoint(&run, given);
    if (code == OPTIONS_GO)
        code = run_settings(&run);
    release(&run);
    return code;
}
