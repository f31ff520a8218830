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
    // Runs no alternatives, only what the device chooses.
    bool no_alternatives;
    // For simulators of a device, which are slow: if not 0, runs only the rows of which no more
    // operations and bytes are to be computed, and each plan of them once.
    double brief;
    // Called for each row that fails; may be NULL.
    void (*failed)(void *user, const struct clef_check_failure *failure);
    void *user;
};

#define CLEF_CHECK_ALGORITHMS 16
#define CLEF_CHECK_ALGORITHM_LENGTH 64

// What the rows of an op came to.
struct clef_check_result {
    int rows;
    int plans;             // Rows times the algorithms that each ran with.
    int failures;          // Of plans.
    double worst_error;    // Relative, of the comparison that came closest to its tolerance.
    double tolerance;      // Of that comparison; 0 where every comparison was exact.
    double seconds;        // Altogether...
    double device_seconds; // ...and without the oracle: planning, transfers and runs.
    // The names of all algorithms that ran.
    char algorithms[CLEF_CHECK_ALGORITHMS][CLEF_CHECK_ALGORITHM_LENGTH];
    int algorithm_count;
};

// The devices that a check runs on: one, or where a device has threads, also one each for 1, 2 and
// 5 of them.
struct clef_check;

// Opens a device as clef_device_open does. Release with clef_check_close.
clef_status clef_check_open(const char *selector, const struct clef_device_options *device,
                            const struct clef_check_options *options, struct clef_check **check);

// NULL is accepted.
void clef_check_close(struct clef_check *check);

// The device, with the threads that the options ask for. It belongs to the check.
struct clef_device *clef_check_get_device(const struct clef_check *check);

// Adds a row for each op of a step that no earlier row is like, as the model would plan it.
clef_status clef_check_add_network(struct clef_check *check, struct clef_model *model,
                                   int batch_size, bool training);

// Number of ops, and the name of each, in the order of the op list.
int clef_check_op_count(void);
const char *clef_check_op_name(int op);

// Runs one row of an op, or CLEF_CHECK_ALL_ROWS; a number that is not there runs nothing. Each row
// runs with the algorithm that the device chooses, and with each alternative that it has. The
// results of each must have the same bits in two runs and with each number of threads.
void clef_check_run_op(struct clef_check *check, int op, int row, struct clef_check_result *result);

#endif
