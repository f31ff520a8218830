// SPDX-License-Identifier: Apache-2.0
// Checks of what "clef train" leaves, and access to JSON that fails the test.
#ifndef CLEF_TESTS_RUN_FILES_H
#define CLEF_TESTS_RUN_FILES_H

#include <jansson.h>
#include <stdbool.h>

// Reads a document; released with json_decref.
json_t *load_json(const char *path);

// A number in an object.
double real_of(const json_t *object, const char *key);

// Checks the figures of a summary that hold for every run that saved.
void check_summary(const json_t *summary, int epochs);

// Checks that a history has one line an epoch, with the digits of the summary.
void check_history(const char *path, const json_t *summary);

// Removes the checkpoints of a run, so that another may have its directory. Returns whether there
// were any.
bool forget_checkpoints(const char *out);

#endif
