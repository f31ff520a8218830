// SPDX-License-Identifier: Apache-2.0
// How a failure is recorded and passed on.
#ifndef CLEF_CORE_ERROR_H
#define CLEF_CORE_ERROR_H

#include "clef/status.h"

// Records the explanation of a failure for clef_last_error() and returns `status`.
// The text is one line: what is wrong, where, and what to do.
clef_status clef_fail(clef_status status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// Puts "PREFIX: " before the recorded explanation, to add where it happened; returns `status`.
clef_status clef_fail_in(clef_status status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// Returns from the calling function if an expression fails.
#define CLEF_TRY(expression)                        \
    do {                                            \
        clef_status clef_try_status = (expression); \
        if (clef_try_status != CLEF_OK)             \
            return clef_try_status;                 \
    } while (0)

#endif
