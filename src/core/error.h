// SPDX-License-Identifier: Apache-2.0
// How a failure is recorded and passed on.
#ifndef CLEF_CORE_ERROR_H
#define CLEF_CORE_ERROR_H

#include "clef/status.h"

// Records the explanation of a failure for clef_last_error(); returns 0.
// The text is one line: what is wrong, where, and what to do.
int clef_explain(const char *format, ...) __attribute__((format(printf, 1, 2)));

static inline clef_status clef_explained(int zero, clef_status status)
{
    (void)zero;
    return status;
}

// clef_fail(STATUS, FORMAT, ...) explains a failure and is its status. Static analysis sees the
// value where it is used, and so knows that what follows a failure is not what follows success.
#define clef_fail(status, ...) clef_explained(clef_explain(__VA_ARGS__), status)

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
