// SPDX-License-Identifier: Apache-2.0
// A run of "clef train", from its options to what it leaves.
#ifndef CLEF_CLI_TRAIN_RUN_H
#define CLEF_CLI_TRAIN_RUN_H

#include "clef/clef.h"
#include "cli/checkpoint_directory.h"
#include "cli/progress.h"
#include "cli/run_directory.h"
#include "cli/train_settings.h"
#include "cli/train_summary.h"

#include <jansson.h>

// What a run opens and makes, in the order in which it does.
struct train_run {
    struct train_settings settings;
    struct clef_resnet_config network;
    struct clef_checkpoint *resumed; // Where it goes on; NULL for a new run.
    char resumed_path[4096];
    json_t *record; // The notes of that checkpoint, which settings may point into.
    struct clef_dataset *all, *training, *validation, *test;
    struct clef_device *device;
    struct clef_model *model;
    struct clef_weights_found init; // With --init.
    struct run_directory directory;
    struct checkpoint_directory checkpoints;
    struct clef_checkpoint checkpoint; // The next one.
    struct progress progress;
    struct train_result result;
    double epoch_step_seconds; // Spent in the training steps of the epoch under way.
    int epoch_images;          // Seen in these steps.
};

// Loads both sets and splits the first: its last part validates, whatever the order of training.
// Returns EXIT_SUCCESS, or an exit code after a message.
int train_load_data(struct train_run *run);

// Finds the checkpoint that --resume asks for and takes the options from it that were not given.
// Returns OPTIONS_GO, or an exit code after a message: EXIT_SUCCESS if there is nothing left to do.
int train_find_checkpoint(struct train_run *run, const bool *given);

// Rebuilds the model of that checkpoint and takes its results, for the same data.
clef_status train_restore(struct train_run *run);

// Says where the run goes on.
void train_print_resumed(const struct train_run *run);

// Trains and, unless interrupted, tests. `should_stop` of the callbacks is asked before each step.
clef_status train_fit(struct train_run *run);

#endif
