// SPDX-License-Identifier: Apache-2.0
/// @file checkpoint.h
/// Files from which a training goes on to the same bits as if it had not been left.
///
/// A checkpoint is a safetensors file with the parameters, the moving statistics, Adam's moments,
/// and as metadata everything else, under a checksum. Its tensors lie in the order of files, so
/// that any device can go on with it. It can be loaded as a model, too.
#ifndef CLEF_CHECKPOINT_H
#define CLEF_CHECKPOINT_H

#include "clef/trainer.h"

#ifdef __cplusplus
extern "C" {
#endif

/// What a checkpoint tells beside the model and its optimiser.
struct clef_checkpoint {
    struct clef_train_config config;
    struct clef_train_state state;
    struct clef_epoch *epochs; ///< Results of the `state.epoch - 1` epochs that are complete.
    struct clef_dataset_identity training, validation; ///< The second all zero if there is none.
    uint64_t step; ///< The optimiser's steps; known once the file has been read.
    char *notes;   ///< A text of the caller's own in UTF-8, or NULL.
};

/// Writes a checkpoint of a model that has no step under way, as in `on_checkpoint`. The file
/// appears whole or not at all, and is on the disk when this returns.
clef_status clef_checkpoint_save(struct clef_model *model, const struct clef_checkpoint *checkpoint,
                                 const char *path);

/// Reads all but the tensors, and compares the whole file with its checksum.
/// @param[out] checkpoint released with `clef_checkpoint_destroy`.
/// @return CLEF_FORMAT if the file is damaged or no checkpoint.
clef_status clef_checkpoint_read(const char *path, struct clef_checkpoint **checkpoint);

/// NULL is accepted.
void clef_checkpoint_destroy(struct clef_checkpoint *checkpoint);

/// Rebuilds the model with its optimiser, ready for `clef_train_resume`.
/// @param[out] model released with `clef_model_destroy`, before the device is closed.
clef_status clef_checkpoint_restore(const char *path, struct clef_device *device,
                                    struct clef_model **model);

/// Compares the data sets of the checkpoint with others; `validation` may be NULL.
/// @return CLEF_INVALID_ARGUMENT if they are not the same.
clef_status clef_checkpoint_check_data(const struct clef_checkpoint *checkpoint,
                                       const struct clef_dataset *training,
                                       const struct clef_dataset *validation);

#ifdef __cplusplus
}
#endif
#endif
