// SPDX-License-Identifier: Apache-2.0
// A check, shared by the files that implement it.
#ifndef CLEF_CHECK_CHECK_INTERNAL_H
#define CLEF_CHECK_CHECK_INTERNAL_H

#include "check/check.h"
#include "check/check_session.h"

enum check_op {
#define CHECK_OP_ENUM(op) CHECK_OP_##op,
    CLEF_OP_LIST(CHECK_OP_ENUM)
#undef CHECK_OP_ENUM
        CHECK_OP_COUNT
};

// Rows of an op beside those of its table.
struct check_rows {
    unsigned char *rows;
    int count, capacity;
};

#define CHECK_WAYS 3

struct clef_check {
    struct clef_check_options options;
    struct clef_device *device;
    // By way of running a row; NULL if the device has no threads and serves all ways itself.
    struct clef_device *devices[CHECK_WAYS];
    struct check_rows network[CHECK_OP_COUNT];
};

extern const struct check_case *const check_cases[CHECK_OP_COUNT];

#endif
