// SPDX-License-Identifier: Apache-2.0
/// @file trainer.h
/// Training and evaluation of a model on a data set, on whatever device the model is.
#ifndef CLEF_TRAINER_H
#define CLEF_TRAINER_H

#include "clef/dataset.h"
#include "clef/model.h"

#ifdef __cplusplus
extern "C" {
#endif

struct clef_train_config {
    int epochs;          ///< At least 1.
    int batch_size;      ///< 1 .. CLEF_MAX_BATCH. The last batch of an epoch may be smaller.
    float learning_rate; ///< Of Adam, above 0.
    uint64_t seed;       ///< Of the order of the images.
    bool shuffle;        ///< Whether each epoch takes the images in a new order.
    /// Steps between two calls of `on_checkpoint`, beside those at the end of each epoch; 0 makes
    /// none between. The results do not depend on it.
    int checkpoint_every;
};

/// @return 5 epochs, batch 64, learning rate 1e-3, seed 0, shuffled.
struct clef_train_config clef_train_default(void);

/// Result of one epoch. Loss and accuracy are means over images; those of training are taken while
/// the weights change, as Keras does.
struct clef_epoch {
    double loss, accuracy;
    double val_loss, val_accuracy; ///< NaN without a validation set.
    double seconds;                ///< Training and validation.
};

/// Progress within an epoch.
struct clef_progress {
    int epoch, epochs;     ///< From 1.
    int step, steps;       ///< Steps done, of this epoch.
    double loss, accuracy; ///< Means so far in this epoch.
    int resumed_at;        ///< Steps of this epoch that were done before training was resumed.
    double seconds;        ///< Since the epoch began, or was resumed.
};

/// Where a training stands. Beside the model, its optimiser and the results of the epochs that are
/// complete, this is all that is needed to go on: random numbers depend on the seed and the epoch
/// alone.
struct clef_train_state {
    int epoch;               ///< That is under way, from 1; one more than there are at the end.
    int step;                ///< Training steps done in it. Validation follows the last.
    double loss;             ///< Sum over the images of these steps.
    int64_t correct, images; ///< Of these steps.
    double seconds;          ///< That the epoch has taken so far.
};

/// What the caller wants to be told and asked; members may be NULL.
struct clef_train_callbacks {
    void *user;
    /// After each training step. Returning false stops the training with CLEF_INTERRUPTED.
    bool (*on_step)(void *user, const struct clef_progress *progress);
    /// After each epoch, validation included.
    void (*on_epoch)(void *user, int epoch, int epochs, const struct clef_epoch *result);
    /// Before each step of every pass, be it training, validation or evaluation. Returning true
    /// stops with CLEF_INTERRUPTED, after the steps under way and without another.
    bool (*should_stop)(void *user);
    /// When a checkpoint is due: after every `checkpoint_every` steps, after each epoch (and after
    /// its `on_epoch`), and when training ends with CLEF_INTERRUPTED, unless nothing was done since
    /// the last. No step is under way, and the model is at `state`; the results of the epochs
    /// before `state->epoch` are in `epochs`. A failure ends the training with its status.
    clef_status (*on_checkpoint)(void *user, const struct clef_train_state *state);
};

/// Trains. Images smaller than the network's input are padded centrally with zeros.
/// @param validation may be NULL. @param callbacks may be NULL.
/// @param[out] epochs an array of config->epochs; @param[out] epochs_done how many were completed,
/// validation included, also on failure.
/// @return CLEF_NOT_FINITE at the first NaN or infinity, CLEF_INTERRUPTED if a callback asked to
/// stop.
clef_status clef_train(struct clef_model *model, const struct clef_dataset *training,
                       const struct clef_dataset *validation,
                       const struct clef_train_config *config,
                       const struct clef_train_callbacks *callbacks, struct clef_epoch *epochs,
                       int *epochs_done);

/// Goes on with a training from where it stood, to the same bits as if it had not been left, on the
/// same device: with the same data, configuration and model (see checkpoint.h). `epochs` in the
/// configuration may be larger than it was.
/// @param start NULL for a training that begins. @param[in,out] epochs the results of the epochs
/// before `start->epoch` must be there. The rest is as for `clef_train`.
/// @return CLEF_INVALID_ARGUMENT also if `start` cannot be of such a training.
clef_status clef_train_resume(struct clef_model *model, const struct clef_dataset *training,
                              const struct clef_dataset *validation,
                              const struct clef_train_config *config,
                              const struct clef_train_callbacks *callbacks,
                              const struct clef_train_state *start, struct clef_epoch *epochs,
                              int *epochs_done);

/// Takes the moving statistics of the batch normalisations anew, with the weights as they are, as
/// PyTorch's `swa_utils.update_bn` does: each becomes a mean of those of `batches` batches (with
/// the weights of the moving average: momentum^i for the i-th from the last) and owes nothing to
/// what it was. In training they are a mean over steps with other weights, and with weights that
/// move fast inference then sees statistics that fit no network. The steps are forward passes;
/// frozen batch normalisations keep theirs.
/// @param training the images that the model was trained on
/// @param config batch_size, seed, shuffle and epochs, which say the order: that of the epoch after
/// the last. @param batches at least 1, at most those of one epoch are taken
/// @param callbacks may be NULL; only `should_stop` is called.
/// @return as `clef_evaluate`; also CLEF_INVALID_ARGUMENT if the momentum is 1. On failure the
/// statistics are what they were.
/// Source: Wu, Johnson, "Rethinking 'Batch' in BatchNorm", 2021, section 3.
clef_status clef_update_bn(struct clef_model *model, const struct clef_dataset *training,
                           const struct clef_train_config *config, int batches,
                           const struct clef_train_callbacks *callbacks);

/// What a model reaches on a data set: means over its images.
struct clef_evaluation {
    double loss, accuracy;
};

/// Measures loss and accuracy over a data set in inference mode, which changes nothing in the
/// model. Images smaller than the network's input are padded centrally with zeros.
/// @param batch_size 1 .. CLEF_MAX_BATCH; the last batch may be smaller.
/// @param callbacks may be NULL; only `should_stop` is called.
/// @param[out] result filled in on success only.
/// @return CLEF_INVALID_ARGUMENT if the data set does not fit the network (larger images, another
/// number of channels, more classes) or an argument is out of range; CLEF_OUT_OF_MEMORY, with a
/// batch size that fits; CLEF_NOT_FINITE if a loss is NaN or infinite, with the first layer that
/// had such a value; CLEF_DEVICE if the device fails; CLEF_INTERRUPTED if the callback asked to
/// stop.
clef_status clef_evaluate(struct clef_model *model, const struct clef_dataset *dataset,
                          int batch_size, const struct clef_train_callbacks *callbacks,
                          struct clef_evaluation *result);

/// Computes the logits of every item of a data set, in its order, in inference mode. Images smaller
/// than the network's input are padded centrally with zeros.
/// @param batch_size 1 .. CLEF_MAX_BATCH; the last batch may be smaller.
/// @param callbacks may be NULL; only `should_stop` is called.
/// @param[out] logits [count][classes] of the model.
/// @return as `clef_evaluate`, but that values which are not finite are no failure.
clef_status clef_predict(struct clef_model *model, const struct clef_dataset *dataset,
                         int batch_size, const struct clef_train_callbacks *callbacks,
                         float *logits);

#ifdef __cplusplus
}
#endif
#endif
