// SPDX-License-Identifier: Apache-2.0
// The checkpoints of a run, in the directory "checkpoints" of the run's own:
// step-NNNNNNN.safetensors of the last two, named by the optimiser's steps, and best.safetensors.
#ifndef CLEF_CLI_CHECKPOINT_DIRECTORY_H
#define CLEF_CLI_CHECKPOINT_DIRECTORY_H

#include "clef/checkpoint.h"

#include <stdbool.h>
#include <stdint.h>

struct checkpoint_directory {
    char path[4096];
    int64_t last; // The number of the newest one that can be used, or -1.
};

// Takes the directory of a new run. CLEF_INVALID_ARGUMENT if another run has left checkpoints
// there, which must not be lost.
clef_status checkpoint_directory_open(struct checkpoint_directory *directory, const char *run);

// Finds the newest checkpoint of a run that can be used, and reads it. `damaged` is told of each
// newer one, with clef_last_error() saying what is wrong with it. CLEF_NOT_FOUND if there is none.
// What a killed run has left half-written is removed.
// @param path receives the file's name, at least 4096 bytes.
clef_status checkpoint_directory_resume(struct checkpoint_directory *directory, const char *run,
                                        void (*damaged)(void), char *path,
                                        struct clef_checkpoint **checkpoint);

// Writes a checkpoint, and then removes all but the one before. `best` makes it best.safetensors,
// too.
clef_status checkpoint_directory_save(struct checkpoint_directory *directory,
                                      struct clef_model *model,
                                      const struct clef_checkpoint *checkpoint, bool best);

// Removes the directory if it is empty.
void checkpoint_directory_abandon(const struct checkpoint_directory *directory);

#endif
