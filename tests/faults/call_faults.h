// SPDX-License-Identifier: Apache-2.0
// Trains with a call of the C library that fails, once for each such call of a run.
#ifndef CLEF_TESTS_CALL_FAULTS_H
#define CLEF_TESTS_CALL_FAULTS_H

#include "support/program.h"

#include <stdbool.h>

struct call_fault {
    const char *function; // Which fails, see failing_calls.c; NULL ends a list.
    int error;            // errno of the failure, or minus a signal that comes instead.
    const char *path;     // Only for files whose name contains this; NULL for any.
    const char *message;  // That the error contains; NULL for the system's text of `error`.
    bool may_recover;     // The run may go on, and must then end as if nothing had failed.
    int stride;           // Of the calls that fail, see call_stride.
};

// Trains with each fault at each call that the run makes, into a directory with the files of an
// earlier run. Each time, the files are whole ones of the new run and the exit code is 0, or they
// are the earlier ones, it is 1, and an error in one line tells why.
void check_call_faults(void **state, const struct call_fault *faults);

// Trains with the fault at every other call: nobody notices.
void check_survived(void **state, const struct call_fault *fault);

// Trains, for each call, with a signal at it and at those after it. It ends the run at once, or the
// run ends with the code of a signal, or with 0 where it came too late, and has saved. Files are
// whole; for all signals but SIGKILL, they are all of one run.
void check_signals(void **state, const struct call_fault *fault);

// Begins and ends a fault for the programs that are started meanwhile, at the call of a number.
void call_fault_begin(void **state, const struct call_fault *fault, int number);
void call_fault_end(void);

// Says in `when` which call failed; false if none did, since there were not so many.
bool call_fault_came(void **state, const struct call_fault *fault, int number, char *when,
                     size_t size);

// Fails the test unless the program ended with exit code 1 and one line that tells of the fault.
void call_fault_check_error(const struct program_result *result, const struct call_fault *fault,
                            const char *when);

// Trains 100 epochs on the images of tiny data, into "out" of the temporary directory, in a shell
// in which `before`, a beginning of its command line, comes first.
struct program_result train_in_shell(void **state, const char *before);

// Set-up of a test that calls these: trains once without a fault.
int call_faults_setup(void **state);
int call_faults_teardown(void **state);

#endif
