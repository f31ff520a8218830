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
    double seconds;        ///< Since the epoch began.
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
