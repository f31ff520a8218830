// SPDX-License-Identifier: Apache-2.0
// The result of a training run and the document that tells it.
#ifndef CLEF_CLI_TRAIN_SUMMARY_H
#define CLEF_CLI_TRAIN_SUMMARY_H

#include "clef/clef.h"
#include "cli/train_settings.h"

#include <jansson.h>

struct train_result {
    struct clef_epoch *epochs;
    int epochs_done;
    int64_t resumed_at; // The optimiser's steps when the run was resumed, or -1.
    bool tested;        // Whether `test` is known: it is not after an interruption.
    struct clef_evaluation test, test_before_update_bn; // The second with --update-bn only.
    int training_images, validation_images, test_images;
    double fit_seconds;
    double step_seconds; // Of fit_seconds, those spent in training steps.
    int64_t images_seen; // In training steps, over all epochs.
};

// A new reference; NULL if memory ran out.
json_t *train_summary_json(const struct train_settings *settings, const struct clef_device *device,
                           const struct clef_model *model, const struct train_result *result);

#endif
