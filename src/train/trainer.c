// SPDX-License-Identifier: Apache-2.0
// The training loop: epochs of one pass over the training images and one over the validation
// images.
#include "clef/trainer.h"

#include "core/clock.h"
#include "core/error.h"
#include "train/pass.h"

#include <math.h>
#include <stdlib.h>

struct clef_train_config clef_train_default(void)
{
    return (struct clef_train_config){
        .epochs = 5, .batch_size = 64, .learning_rate = 1e-3f, .seed = 0, .shuffle = true};
}

// What one call of clef_train_resume works with.
struct run {
    const struct clef_train_config *config;
    const struct clef_train_callbacks *callbacks; // May be NULL.
    struct train_pass training, validation;       // The second without a loader if there is none.
    int training_count, validation_count;
    int32_t *order;
    int steps;                     // Of an epoch.
    struct clef_train_state start; // Of the epoch under way: where it begins, or was resumed.
    struct clef_train_state saved; // Of the last checkpoint; epoch 0 before the first.
    double began;                  // When the epoch began or was resumed.
    struct clef_epoch *epochs;
};

static bool report_step(void *user, const struct train_totals *totals)
{
    const struct run *run = user;
    const struct clef_progress progress = {
        .epoch = run->start.epoch,
        .epochs = run->config->epochs,
        .step = totals->steps,
        .steps = run->steps,
        .loss = train_mean_loss(totals),
        .accuracy = train_mean_accuracy(totals),
        .resumed_at = run->start.step,
        .seconds = clef_seconds() - run->began,
    };
    return run->callbacks->on_step(run->callbacks->user, &progress);
}

// ---------------------------------------------------------------- checkpoints

static double epoch_seconds(const struct run *run)
{
    return run->start.seconds + clef_seconds() - run->began;
}

static struct clef_train_state state_within(const struct run *run,
                                            const struct train_totals *totals)
{
    return (struct clef_train_state){.epoch = run->start.epoch,
                                     .step = totals->steps,
                                     .loss = totals->loss,
                                     .correct = totals->correct,
                                     .images = totals->images,
                                     .seconds = epoch_seconds(run)};
}

// Has a checkpoint made, unless the last one is of the same state.
static clef_status checkpoint(struct run *run, struct clef_train_state state)
{
    if (run->callbacks == NULL || run->callbacks->on_checkpoint == NULL ||
        (state.epoch == run->saved.epoch && state.step == run->saved.step))
        return CLEF_OK;
    CLEF_TRY(run->callbacks->on_checkpoint(run->callbacks->user, &state));
    run->saved = state;
    return CLEF_OK;
}

static bool pauses_after(void *user, int step)
{
    const struct run *run = user;
    int64_t all = (int64_t)(run->start.epoch - 1) * run->steps + step;
    // After the last step of an epoch comes the checkpoint at its end.
    return step < run->steps && all % run->config->checkpoint_every == 0;
}

static clef_status pause(void *user, const struct train_totals *totals)
{
    struct run *run = user;
    return checkpoint(run, state_within(run, totals));
}

// ---------------------------------------------------------------- preparation

static clef_status check_config(const struct clef_train_config *config)
{
    if (config->epochs < 1)
        return clef_fail(CLEF_INVALID_ARGUMENT, "the number of epochs must be at least 1, not %d",
                         config->epochs);
    if (!(config->learning_rate > 0) || !isfinite(config->learning_rate))
        return clef_fail(CLEF_INVALID_ARGUMENT,
                         "the learning rate must be a finite number above 0, not %g",
                         (double)config->learning_rate);
    if (config->checkpoint_every < 0)
        return clef_fail(CLEF_INVALID_ARGUMENT,
                         "the steps between two checkpoints must be at least 1, or 0 for none, not "
                         "%d",
                         config->checkpoint_every);
    return CLEF_OK;
}

// Whether a training of this size can have come to that state.
static clef_status check_start(const struct run *run, const struct clef_train_state *start)
{
    int epochs = run->config->epochs, count = run->training_count;
    if (start->epoch < 1 || start->epoch > epochs + 1)
        return clef_fail(CLEF_INVALID_ARGUMENT,
                         "training cannot be resumed in epoch %d of %d: ask for as many epochs",
                         start->epoch, epochs);
    int64_t images = (int64_t)start->step * run->config->batch_size;
    if (images > count)
        images = count;
    bool ended = start->epoch == epochs + 1;
    if (start->step < 0 || start->step > (ended ? 0 : run->steps) || start->images != images ||
        start->correct < 0 || start->correct > images || !isfinite(start->loss) ||
        !(start->seconds >= 0))
        return clef_fail(CLEF_INVALID_ARGUMENT,
                         "training cannot be resumed after step %d and %lld images of an epoch of "
                         "%d steps and %d images: use the data and the batch size that it began "
                         "with",
                         start->step, (long long)start->images, run->steps, count);
    return CLEF_OK;
}

// Allocates all that the epochs need.
static clef_status run_create(struct run *run, struct clef_model *model,
                              const struct clef_dataset *training,
                              const struct clef_dataset *validation)
{
    int batch_size = run->config->batch_size;
    CLEF_TRY(train_prepare(model, training, batch_size, true));
    run->training = (struct train_pass){
        .model = model,
        .kind = TRAIN_PASS_TRAINING,
        .learning_rate = run->config->learning_rate,
        .callbacks = run->callbacks,
        .user = run,
    };
    if (run->callbacks != NULL && run->callbacks->on_step != NULL)
        run->training.on_step = report_step;
    if (run->config->checkpoint_every > 0) {
        run->training.pauses_after = pauses_after;
        run->training.on_pause = pause;
    }
    run->training_count = clef_dataset_get_shape(training).count;
    run->steps = (run->training_count - 1) / batch_size + 1;
    CLEF_TRY(train_create_loader(model, training, batch_size, &run->training.loader));
    if (validation != NULL) {
        CLEF_TRY(train_prepare(model, validation, batch_size, false));
        run->validation = (struct train_pass){.model = model, .callbacks = run->callbacks};
        run->validation_count = clef_dataset_get_shape(validation).count;
        CLEF_TRY(train_create_loader(model, validation, batch_size, &run->validation.loader));
    }
    run->order = malloc((size_t)run->training_count * sizeof *run->order);
    if (run->order == NULL)
        return clef_fail(CLEF_OUT_OF_MEMORY, "no memory for the order of %d images",
                         run->training_count);
    return CLEF_OK;
}

static void run_release(struct run *run)
{
    clef_batch_loader_destroy(run->training.loader);
    clef_batch_loader_destroy(run->validation.loader);
    free(run->order);
}

// ---------------------------------------------------------------- epochs

// Runs what is left of the epoch. `totals` are those of its training steps.
static clef_status run_epoch(struct run *run, struct train_totals *totals,
                             struct clef_epoch *result)
{
    int done = (int)totals->images;
    train_make_order(run->config, run->start.epoch, run->order, run->training_count);
    if (done < run->training_count)
        CLEF_TRY(
            train_pass_run(&run->training, run->order + done, run->training_count - done, totals));
    result->loss = train_mean_loss(totals);
    result->accuracy = train_mean_accuracy(totals);
    result->val_loss = NAN;
    result->val_accuracy = NAN;
    if (run->validation.loader != NULL) {
        struct train_totals validation = {0};
        CLEF_TRY(train_pass_run(&run->validation, NULL, run->validation_count, &validation));
        result->val_loss = train_mean_loss(&validation);
        result->val_accuracy = train_mean_accuracy(&validation);
    }
    result->seconds = epoch_seconds(run);
    return CLEF_OK;
}

static clef_status run_epochs(struct run *run, const struct clef_train_state *start,
                              int *epochs_done)
{
    const struct clef_train_callbacks *callbacks = run->callbacks;
    int epochs = run->config->epochs;
    run->start = *start;
    for (*epochs_done = start->epoch - 1; *epochs_done < epochs;) {
        struct clef_epoch *result = &run->epochs[*epochs_done];
        struct train_totals totals = {run->start.loss, run->start.correct, run->start.images,
                                      run->start.step};
        run->began = clef_seconds();
        clef_status status = run_epoch(run, &totals, result);
        if (status == CLEF_INTERRUPTED) {
            CLEF_TRY(checkpoint(run, state_within(run, &totals)));
            return clef_fail(status, "stopped on request after step %d of epoch %d", totals.steps,
                             run->start.epoch);
        }
        CLEF_TRY(status);
        ++*epochs_done;
        if (callbacks != NULL && callbacks->on_epoch != NULL)
            callbacks->on_epoch(callbacks->user, *epochs_done, epochs, result);
        run->start = (struct clef_train_state){.epoch = *epochs_done + 1};
        CLEF_TRY(checkpoint(run, run->start));
    }
    return CLEF_OK;
}

clef_status clef_train_resume(struct clef_model *model, const struct clef_dataset *training,
                              const struct clef_dataset *validation,
                              const struct clef_train_config *config,
                              const struct clef_train_callbacks *callbacks,
                              const struct clef_train_state *start, struct clef_epoch *epochs,
                              int *epochs_done)
{
    const struct clef_train_state beginning = {.epoch = 1};
    if (epochs_done != NULL)
        *epochs_done = 0;
    if (model == NULL || training == NULL || config == NULL || epochs == NULL ||
        epochs_done == NULL)
        return clef_fail(CLEF_INVALID_ARGUMENT, "training needs a model, a training set, a "
                                                "configuration and room for its results");
    CLEF_TRY(check_config(config));
    struct run run = {.config = config, .callbacks = callbacks, .epochs = epochs};
    if (start != NULL)
        run.saved = *start;
    clef_status status = run_create(&run, model, training, validation);
    if (status == CLEF_OK && start != NULL)
        status = check_start(&run, start);
    if (status == CLEF_OK)
        status = run_epochs(&run, start != NULL ? start : &beginning, epochs_done);
    run_release(&run);
    return status;
}

clef_status clef_train(struct clef_model *model, const struct clef_dataset *training,
                       const struct clef_dataset *validation,
                       const struct clef_train_config *config,
                       const struct clef_train_callbacks *callbacks, struct clef_epoch *epochs,
                       int *epochs_done)
{
    return clef_train_resume(model, training, validation, config, callbacks, NULL, epochs,
                             epochs_done);
}
