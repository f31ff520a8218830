// SPDX-License-Identifier: Apache-2.0
// The directory that receives what a training run leaves: model.safetensors, history.csv and
// summary.json.
#ifndef CLEF_CLI_RUN_DIRECTORY_H
#define CLEF_CLI_RUN_DIRECTORY_H

#include "clef/status.h"
#include "clef/trainer.h"

#include <dirent.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct run_directory {
    char path[4096];
    char staging[4096];  // Where files wait for each other.
    DIR *waiting;        // Its entries; NULL if there are none.
    size_t created_from; // Length of the first parent that was created; 0 if all existed.
};

// Creates the directory with its parents, or takes one that exists, and makes sure that files can
// be made in it, and that those of an earlier run can be replaced. A NULL `path` stands for
// runs/DATE-TIME, with a number behind it if that exists: a directory of this run alone.
clef_status run_directory_create(struct run_directory *directory, const char *path);

// Takes up what a run has left that was killed while it saved: if all its files were whole, those
// that are not in place yet are put there; else they are removed.
clef_status run_directory_clean(const char *path);

// Whether a run has left the summary of so many epochs with the figures of a test.
clef_status run_directory_is_finished(const char *path, int epochs, bool *finished);

// Makes the directory once more, if somebody has removed it.
clef_status run_directory_make_again(struct run_directory *directory);

// Removes the files that are not in place, and what `create` made and nothing else filled.
void run_directory_abandon(struct run_directory *directory);

// The three files belong together, and a disk may be full after the first of them. So `begin` makes
// a directory inside the run's, where each is written whole; `commit` then puts all in place. What
// an earlier run left stays as it was until then.
clef_status run_directory_begin(struct run_directory *directory);
clef_status run_directory_save_model(const struct run_directory *directory,
                                     struct clef_model *model, int batch_size);
clef_status run_directory_save_history(const struct run_directory *directory,
                                       const struct clef_epoch *epochs, int count);
clef_status run_directory_save_summary(const struct run_directory *directory,
                                       const json_t *summary);
clef_status run_directory_commit(struct run_directory *directory);

#endif
