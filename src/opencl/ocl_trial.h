// SPDX-License-Identifier: Apache-2.0
// Runs a function in a child process first, to see whether it comes back: a driver may end the
// process that asks it, or never answer.
#ifndef CLEF_OCL_TRIAL_H
#define CLEF_OCL_TRIAL_H

#include <stdbool.h>
#include <stddef.h>

struct ocl_trial {
    void (*function)(void);
    const char *vendors; // What OCL_ICD_VENDORS is for the function; NULL: what it is already.
    int seconds;         // How long to wait.
};

// Whether the function comes back; it does too if no process can be made to try it in. If not,
// `failure` has how it ended and what it said last, such as "Aborted: no memory". What it prints
// goes nowhere, and what it changes is lost.
bool ocl_trial_passes(const struct ocl_trial *trial, char *failure, size_t size);

#endif
