// SPDX-License-Identifier: Apache-2.0
// Runs the program `clef`, or another one, and catches what it prints.
#ifndef CLEF_TESTS_PROGRAM_H
#define CLEF_TESTS_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

enum { PROGRAM_ARGUMENTS = 40, PROGRAM_OUTPUT = 1 << 20 };

// How to run it. Zero-initialise for defaults.
struct program_setting {
    size_t file_limit;          // Largest file in bytes that it may write; 0 leaves it alone.
    const char *signal_at;      // A signal is sent once this text has appeared on standard output:
    int signal;                 // SIGINT unless it is said here.
    void (*before)(void *user); // Called before it is sent; NULL for nothing.
    void *user;
    const char *stdout_to; // A file or device for standard output.
    const char *directory; // Where it is started; NULL for where the test is.
    bool terminal;         // Standard output is a terminal.
    bool powerless;        // If the test is root, the program runs as nobody.
};

struct program_result {
    int exit_code; // Minus the signal's number if one ended it.
    char *out, *err;
};

// Runs a program with arguments up to NULL; fails the test if that is not possible.
// The result is released with program_release.
struct program_result program_run(const char *path, const struct program_setting *setting,
                                  const char *const *argv);
void program_release(struct program_result *result);

// Runs `clef` with default settings.
#define RUN_CLEF(...)                                       \
    program_run(CLEF_PROGRAM, &(struct program_setting){0}, \
                (const char *const[]){__VA_ARGS__, NULL})

// Runs the one whose op `op` goes wrong, or none for "", see tests/spoiled/spoiled_plans.c.
#define RUN_SPOILED(op, ...)                                         \
    (setenv("CLEF_TEST_SPOIL", op, 1),                               \
     program_run(CLEF_SPOILED_PROGRAM, &(struct program_setting){0}, \
                 (const char *const[]){__VA_ARGS__, NULL}))

// Fails the test, showing what was printed, unless the exit code is `expected`.
void check_exit(const struct program_result *result, int expected);

// Fails the test unless standard error is one line that begins with "clef" and contains `text`.
void check_one_line(const struct program_result *result, const char *text);

// Fails the test, showing both, unless `text` contains `part`.
void check_contains(const char *text, const char *part);

#endif
