// SPDX-License-Identifier: Apache-2.0
// Assertions on a status that show the library's explanation when they fail.
#ifndef CLEF_TESTS_EXPECT_H
#define CLEF_TESTS_EXPECT_H

#include "clef/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define EXPECT_OK(expression)                                   \
    do {                                                        \
        if ((expression) != CLEF_OK)                            \
            fail_msg("%s: %s", #expression, clef_last_error()); \
    } while (0)

// The status, and a part of the explanation.
#define EXPECT_FAILS(expression, status, words)                                                    \
    do {                                                                                           \
        clef_status expect_status = (expression);                                                  \
        if (expect_status != (status) || !strstr(clef_last_error(), words))                        \
            fail_msg("%s: got %s (%s), expected %s (... %s ...)", #expression,                     \
                     clef_status_name(expect_status), clef_last_error(), clef_status_name(status), \
                     words);                                                                       \
    } while (0)

#endif
