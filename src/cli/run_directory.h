// SPDX-License-Identifier: Apache-2.0
// The directory that receives what a training run leaves: model.safetensors, history.csv and
// summary.json.
#ifndef CLEF_CLI_RUN_DIRECTORY_H
#define CLEF_CLI_RUN_DIRECTORY_H

#include "clef/status.h"
#include "clef/trainer.h"

#include <jansson.h>
#include <stddef.h>

struct run_directory {
    char path[4096];
    size_t created_from; // Length of the first parent that was created; 0 if all existed.
};

// Creates the directory with its parents, or takes one that exists, and makes sure that files can
// be made in it. A NULL `path` stands for runs/DATE-TIME, with a number behind it if that exists: a
// directory of this run alone.
clef_status run_directory_create(struct run_directory *directory, const char *path);

// Removes what `create` made and nothing else filled.
void run_directory_abandon(struct run_directory *directory);

// The name of a file in the directory. Returns CLEF_INVALID_ARGUMENT if it does not fit.
clef_status run_directory_file(const struct run_directory *directory, const char *name, char *path,
                               size_t size);

// Write history.csv and summary.json; each appears whole or not at all.
clef_status run_directory_save_history(const struct run_directory *directory,
                                       const struct clef_epoch *epochs, int count);
clef_status run_directory_save_summary(const struct run_directory *directory,
                                       const json_t *summary);

#endif
