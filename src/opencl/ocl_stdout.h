// SPDX-License-Identifier: Apache-2.0
// Keeps what a library prints on the standard output out of it: a program that prints JSON there
// has no use for a compiler's log between.
#ifndef CLEF_OCL_STDOUT_H
#define CLEF_OCL_STDOUT_H

#include <stdbool.h>
#include <stdio.h>

struct ocl_stdout {
    FILE *file; // NULL if nothing could be redirected.
    int standard;
};

// Redirects the standard output of the whole process into a file. One at a time.
void ocl_stdout_capture(struct ocl_stdout *captured);

// Ends that. Returns the text, to be released with free; NULL if there is none. With `forward` the
// text, then not of a failure, goes to the standard error.
char *ocl_stdout_release(struct ocl_stdout *captured, bool forward);

#endif
