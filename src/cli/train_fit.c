// SPDX-License-Identifier: Apache-2.0
// The training of a run, with its progress and its checkpoints.
#include "cli/cli_support.h"
#include "cli/option_record.h"
#include "cli/stop_signal.h"
#include "cli/train_run.h"
#include "core/clock.h"
#include "core/error.h"
#include "io/json_build.h"

#include <stdlib.h>

// Images of the first steps of an epoch.
static int images_until(const struct train_run *run, int step)
{
    int64_t images = (int64_t)step * run->settings.batch_size;
    return images < run->result.training_images ? (int)images : run->result.training_images;
}

static bool on_step(void *user, const struct clef_progress *step)
{
    struct train_run *run = user;
    run->epoch_step_seconds = step->seconds;
    run->epoch_images = images_until(run, step->step) - images_until(run, step->resumed_at);
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
    struct train_run *run = user;
    progress_epoch(&run->progress, epoch, epochs, result);
}

// Whether the last epoch has ended just now, with the lowest validation loss so far.
static bool is_best(const struct train_run *run, const struct clef_train_state *state)
{
    const struct clef_epoch *epochs = run->result.epochs;
    int last = state->epoch - 2;
    if (state->step > 0 || last < 0 || run->validation == NULL)
        return false;
    for (int i = 0; i < last; i++)
        if (epochs[i].val_loss <= epochs[last].val_loss)
            return false;
    return true;
}

// Reads all images, so that it waits for the first checkpoint and does not delay the first step.
static void identify_data(struct train_run *run)
{
    if (run->checkpoint.training.shape.count > 0)
        return;
    run->checkpoint.training = clef_dataset_identify(run->training);
    run->checkpoint.validation = clef_dataset_identify(run->validation);
}

static clef_status on_checkpoint(void *user, const struct clef_train_state *state)
{
    struct train_run *run = user;
    identify_data(run);
    run->checkpoint.state = *state;
    bool best = is_best(run, state);
    clef_status status =
        checkpoint_directory_save(&run->checkpoints, run->model, &run->checkpoint, best);
    if (status != CLEF_NOT_FOUND)
        return status;
    // The directory was removed meanwhile, which is no reason to fail.
    CLEF_TRY(run_directory_make_again(&run->directory));
    return checkpoint_directory_save(&run->checkpoints, run->model, &run->checkpoint, best);
}

// Describes the run as its checkpoints do.
static clef_status describe(struct train_run *run, const struct clef_train_config *config)
{
    json_t *notes =
        json_pack("{s:o, s:o}", "options", option_record_make(&train_command, &run->settings),
                  "device", cli_json_device(run->device));
    run->checkpoint = (struct clef_checkpoint){
        .config = *config,
        .epochs = run->result.epochs,
        .notes = clef_json_text(notes, JSON_COMPACT),
    };
    json_decref(notes);
    if (run->checkpoint.notes == NULL)
        return clef_fail(CLEF_OUT_OF_MEMORY, "no memory for the notes of a checkpoint");
    if (run->resumed != NULL) {
        run->checkpoint.training = run->resumed->training;
        run->checkpoint.validation = run->resumed->validation;
    }
    return CLEF_OK;
}

// Measures the test set; with --update-bn before and after.
static clef_status test(struct train_run *run, const struct clef_train_config *config,
                        const struct clef_train_callbacks *callbacks)
{
    struct train_result *result = &run->result;
    if (run->settings.update_bn > 0) {
        CLEF_TRY(clef_evaluate(run->model, run->test, config->batch_size, callbacks,
                               &result->test_before_update_bn));
        CLEF_TRY(
            clef_update_bn(run->model, run->training, config, run->settings.update_bn, callbacks));
    }
    CLEF_TRY(clef_evaluate(run->model, run->test, config->batch_size, callbacks, &result->test));
    result->tested = true;
    return CLEF_OK;
}

clef_status train_fit(struct train_run *run)
{
    const struct train_settings *settings = &run->settings;
    struct train_result *result = &run->result;
    const struct clef_train_config config = {
        .epochs = settings->epochs,
        .batch_size = settings->batch_size,
        .learning_rate = (float)settings->learning_rate,
        .seed = settings->seed,
        .shuffle = settings->shuffle,
        .checkpoint_every = settings->checkpoint_every,
    };
    const struct clef_train_callbacks callbacks = {.user = run,
                                                   .on_step = on_step,
                                                   .on_epoch = on_epoch,
                                                   .should_stop = should_stop,
                                                   .on_checkpoint = on_checkpoint};
    CLEF_TRY(describe(run, &config));
    double began = clef_seconds();
    clef_status status = clef_train_resume(
        run->model, run->training, run->validation, &config, &callbacks,
        run->resumed != NULL ? &run->resumed->state : NULL, result->epochs, &result->epochs_done);
    result->fit_seconds = clef_seconds() - began;
    result->step_seconds += run->epoch_step_seconds;
    result->images_seen += run->epoch_images;
    progress_end(&run->progress);
    if (status == CLEF_OK)
        status = test(run, &config, &callbacks);
    return status == CLEF_INTERRUPTED ? CLEF_OK : status;
}
