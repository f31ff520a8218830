// SPDX-License-Identifier: Apache-2.0
// The training loop: epochs of one pass over the training images and one over the validation
// images.
#include "clef/trainer.h"

#include "core/clock.h"
#include "core/error.h"
#include "data/shuffle.h"
#include "train/pass.h"

#include <math.h>
#include <stdlib.h>

struct clef_train_config clef_train_default(void)
{
    return (struct clef_train_config){
        .epochs = 5, .batch_size = 64, .learning_rate = 1e-3f, .seed = 0, .shuffle = true};
}

// What one call of clef_train works with.
struct run {
    const struct clef_train_config *config;
    const struct clef_train_callbacks *callbacks; // May be NULL.
    struct train_pass training, validation;       // The second without a loader if there is none.
    int training_count, validation_count;
    int32_t *order;
    int epoch, steps;
    double epoch_began;
};

static bool report_step(void *user, const struct train_totals *totals)
{
    const struct run *run = user;
    const struct clef_progress progress = {
        .epoch = run->epoch,
        .epochs = run->config->epochs,
        .step = totals->steps,
        .steps = run->steps,
        .loss = train_mean_loss(totals),
        .accuracy = train_mean_accuracy(totals),
        .seconds = clef_seconds() - run->epoch_began,
    };
    return run->callbacks->on_step(run->callbacks->user, &progress);
}

static clef_status check_config(const struct clef_train_config *config)
{
    if (config->epochs < 1)
        return clef_fail(CLEF_INVALID_ARGUMENT, "the number of epochs must be at least 1, not %d",
                         config->epochs);
    if (!(config->learning_rate > 0) || !isfinite(config->learning_rate))
        return clef_fail(CLEF_INVALID_ARGUMENT,
                         "the learning rate must be a finite number above 0, not %g",
                         (double)config->learning_rate);
    return CLEF_OK;
}

static clef_status create_loader(struct clef_model *model, const struct clef_dataset *dataset,
                                 int batch_size, struct clef_batch_loader **loader)
{
    const struct clef_resnet_config *network = clef_model_get_config(model);
    return clef_batch_loader_create(dataset, network->input_height, network->input_width,
                                    network->input_channels, batch_size, loader);
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
        .training = true,
        .learning_rate = run->config->learning_rate,
        .callbacks = run->callbacks,
        .user = run,
    };
    if (run->callbacks != NULL && run->callbacks->on_step != NULL)
        run->training.on_step = report_step;
    run->training_count = clef_dataset_get_shape(training).count;
    run->steps = (run->training_count - 1) / batch_size + 1;
    CLEF_TRY(create_loader(model, training, batch_size, &run->training.loader));
    if (validation != NULL) {
        CLEF_TRY(train_prepare(model, validation, batch_size, false));
        run->validation = (struct train_pass){.model = model, .callbacks = run->callbacks};
        run->validation_count = clef_dataset_get_shape(validation).count;
        CLEF_TRY(create_loader(model, validation, batch_size, &run->validation.loader));
    }
    if (run->config->shuffle) {
        run->order = malloc((size_t)run->training_count * sizeof *run->order);
        if (run->order == NULL)
            return clef_fail(CLEF_OUT_OF_MEMORY, "no memory for the order of %d images",
                             run->training_count);
    }
    return CLEF_OK;
}

static void run_release(struct run *run)
{
    clef_batch_loader_destroy(run->training.loader);
    clef_batch_loader_destroy(run->validation.loader);
    free(run->order);
}

static clef_status run_epoch(struct run *run, struct clef_epoch *result)
{
    struct train_totals totals;
    run->epoch_began = clef_seconds();
    if (run->order != NULL)
        clef_shuffle(run->config->seed, (uint32_t)run->epoch, run->order, run->training_count);
    CLEF_TRY(train_pass_run(&run->training, run->order, run->training_count, &totals));
    result->loss = train_mean_loss(&totals);
    result->accuracy = train_mean_accuracy(&totals);
    result->val_loss = NAN;
    result->val_accuracy = NAN;
    if (run->validation.loader != NULL) {
        CLEF_TRY(train_pass_run(&run->validation, NULL, run->validation_count, &totals));
        result->val_loss = train_mean_loss(&totals);
        result->val_accuracy = train_mean_accuracy(&totals);
    }
    result->seconds = clef_seconds() - run->epoch_began;
    return CLEF_OK;
}

clef_status clef_train(struct clef_model *model, const struct clef_dataset *training,
                       const struct clef_dataset *validation,
                       const struct clef_train_config *config,
                       const struct clef_train_callbacks *callbacks, struct clef_epoch *epochs,
                       int *epochs_done)
{
    if (epochs_done != NULL)
        *epochs_done = 0;
    if (model == NULL || training == NULL || config == NULL || epochs == NULL ||
        epochs_done == NULL)
        return clef_fail(CLEF_INVALID_ARGUMENT, "training needs a model, a training set, a "
                                                "configuration and room for its results");
    CLEF_TRY(check_config(config));
    struct run run = {.config = config, .callbacks = callbacks};
    clef_status status = run_create(&run, model, training, validation);
    for (run.epoch = 1; status == CLEF_OK && run.epoch <= config->epochs; run.epoch++) {
        struct clef_epoch *result = &epochs[run.epoch - 1];
        status = run_epoch(&run, result);
        if (status != CLEF_OK)
            break;
        *epochs_done = run.epoch;
        if (callbacks != NULL && callbacks->on_epoch != NULL)
            callbacks->on_epoch(callbacks->user, run.epoch, config->epochs, result);
    }
    run_release(&run);
    return status;
}
