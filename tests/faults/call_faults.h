// SPDX-License-Identifier: Apache-2.0
// Trains with a call of the C library that fails, once for each such call of a run.
#ifndef CLEF_TESTS_CALL_FAULTS_H
#define CLEF_TESTS_CALL_FAULTS_H

#include <stdbool.h>

struct call_fault {
    const char *function; // Which fails, see failing_calls.c; NULL ends a list.
    int error;            // errno of the failure, or minus a signal that comes instead.
    const char *path;     // Only for files whose name contains this; NULL for any.
    const char *message;  // That the error contains; NULL for the system's text of `error`.
    bool may_recover;     // The run may go on, and must then end as if nothing had failed.
    int stride;           // Only every such call fails; 0 for each, as with CLEF_TEST_EVERY_CALL.
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

// Set-up of a test that calls these: trains once without a fault.
int call_faults_setup(void **state);
int call_faults_teardown(void **state);

#endif
