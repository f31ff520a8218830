// SPDX-License-Identifier: Apache-2.0
// Checks a device: runs each op over a table of rows through the public interface alone, and
// compares with an oracle in double precision. `clef check` and the tests use it.
#ifndef CLEF_CHECK_CHECK_H
#define CLEF_CHECK_CHECK_H

#include "clef/clef.h"

#include <stdbool.h>
#include <stdint.h>

#define CLEF_CHECK_DEFAULT_SEED 20240229
#define CLEF_CHECK_ALL_ROWS (-1)

// A row that has failed, valid during the call that tells of it.
struct clef_check_failure {
    const char *op;
    int row;
    const char *shape;     // What the row is, in words.
    const char *algorithm; // Of the plan; "none yet" if none was made.
    const char *message;   // What is wrong.
    int threads;           // 0 if the device has none to choose.
};

struct clef_check_options {
    uint64_t seed; // Of the data.
    // Called for each row that fails; may be NULL.
    void (*failed)(void *user, const struct clef_check_failure *failure);
    void *user;
};

// What the rows of an op came to.
struct clef_check_result {
    int rows;
    int failures;
    double worst_error; // Relative, of the comparison that came closest to its tolerance.
    double tolerance;   // Of that comparison; 0 where every comparison was exact.
    double seconds;     // With the oracle's time.
};

// The devices that a check runs on: one, or where a device has threads, one each for 1, 2 and 5.
struct clef_check;

// Opens a device as clef_device_open does. Release with clef_check_close.
clef_status clef_check_open(const char *selector, const struct clef_device_options *device,
                            const struct clef_check_options *options, struct clef_check **check);

// NULL is accepted.
void clef_check_close(struct clef_check *check);

const struct clef_device_info *clef_check_get_info(const struct clef_check *check);

// Number of ops, and the name of each, in the order of the op list.
int clef_check_op_count(void);
const char *clef_check_op_name(int op);

// Runs one row of an op, or CLEF_CHECK_ALL_ROWS; a number that is not there runs nothing. Results
// must have the same bits in two runs and with each number of threads.
void clef_check_run_op(struct clef_check *check, int op, int row, struct clef_check_result *result);

#endif
