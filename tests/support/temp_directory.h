// SPDX-License-Identifier: Apache-2.0
// A directory for the files of one test, and checks that the file tests share.
#ifndef CLEF_TESTS_TEMP_DIRECTORY_H
#define CLEF_TESTS_TEMP_DIRECTORY_H

#include "clef/status.h"

#include <stdbool.h>
#include <stddef.h>

// Fit for a cmocka test's setup and teardown: *state is the path of a new, empty directory.
int temp_directory_setup(void **state);
int temp_directory_teardown(void **state);

// A cmocka test with a directory of its own.
#define IN_DIRECTORY(test) \
    cmocka_unit_test_setup_teardown(test, temp_directory_setup, temp_directory_teardown)

// Returns DIRECTORY/NAME in memory that is reused by the fourth call after.
const char *temp_path(void *const *state, const char *name);

// Writes a file, and fails the test if that is not possible.
void write_file(const char *path, const void *bytes, size_t size);

// Writes the gzip form of the bytes.
void write_gzip_file(const char *path, const void *bytes, size_t size);

// Reads a whole file; released with free. Fails the test if that is not possible.
char *read_file(const char *path, size_t *size);

// Returns how many entries a directory has.
int count_entries(const char *directory);

// Fails the test unless `status` is `expected` and the last error is one line that contains both
// texts: the name of the file and the reason.
void check_failure(clef_status status, clef_status expected, const char *name, const char *reason);

// Fails the test, showing the last error, unless `status` is CLEF_OK.
void check_ok(clef_status status);

#endif
