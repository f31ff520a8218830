// SPDX-License-Identifier: Apache-2.0
// A session, shared by the files that implement it.
#ifndef CLEF_CHECK_CHECK_SESSION_INTERNAL_H
#define CLEF_CHECK_CHECK_SESSION_INTERNAL_H

#include "check/check.h"
#include "check/check_session.h"

#include <setjmp.h>

#define SESSION_TENSORS 16
#define SESSION_BLOCKS 96
#define SESSION_EXPECTED 4

struct session {
    const struct check_case *check_case;
    int row;
    const void *row_data;
    uint64_t seed;
    size_t guard;     // Elements before and after a tensor.
    int threads;      // 0 if the device has none to choose.
    bool own_scratch; // Lets the plan allocate its scratch.
    struct clef_device *device;
    struct check_tensor tensors[SESSION_TENSORS];
    int tensor_count;
    void *blocks[SESSION_BLOCKS]; // From session_memory.
    int block_count;
    char description[256];
    struct clef_plan_info info;
    struct clef_plan *plan; // While it runs.
    bool has_run;
    bool verify; // Whether results are compared with the oracle, or with the first session's bits.
    // Results of the first session, in the order in which tensors were made.
    unsigned char *recorded[SESSION_TENSORS];
    // The oracle's results, in the order in which they were asked for.
    double *expected[SESSION_EXPECTED];
    int expected_count;
    // The alternative that the device was told to prefer, NULL for its own choice, and the
    // algorithms that have run.
    const char *alternative;
    char algorithms[CLEF_CHECK_ALGORITHMS][CLEF_CHECK_ALGORITHM_LENGTH];
    int algorithm_count;
    bool repeats;   // The alternative leads to an algorithm that has run already.
    bool too_large; // For a brief check.
    const struct clef_check_options *options;
    struct clef_check_result *result;
    jmp_buf failed; // Where session_fail goes.
};

// Adds a comparison to the result: its largest error, relative as its tolerance is. An exact
// comparison, of tolerance 0, adds nothing.
void session_record(struct session *s, double error, double tolerance);

// Runs the row in one way, and releases all that it made but the recorded bits and the oracle's
// results. False if it failed.
bool session_run_row(struct session *s);

// Release the recorded bits, and the oracle's results.
void session_forget_bits(struct session *s);
void session_forget_expected(struct session *s);

// The bits of guards, gaps and outputs that nobody has written: a quiet NaN, so that reading them
// shows in the results as well.
#define GUARD_BITS 0x7fd5a5a5u
#define GUARD_ODD 37     // So that tensors do not begin at an aligned address.
#define GUARD_ALIGNED 64 // As a network's tensors begin, which a plan may depend on.

// Where an element lies in its buffer.
size_t tensor_place(const struct clef_tensor *t, int n, int h, int w, int c);

// Where a weight lies in its panels.
size_t weight_place(const struct weights_shape *shape, int ky, int kx, int i, int o);

#define FOR_EACH_ELEMENT(t, n, h, w, c)           \
    for (int n = 0; n < (t)->view.n; n++)         \
        for (int h = 0; h < (t)->view.h; h++)     \
            for (int w = 0; w < (t)->view.w; w++) \
                for (int c = 0; c < (t)->view.c; c++)

#define FOR_EACH_WEIGHT(l, ky, kx, i, o)           \
    for (int ky = 0; ky < (l)->kernel_h; ky++)     \
        for (int kx = 0; kx < (l)->kernel_w; kx++) \
            for (int i = 0; i < (l)->in; i++)      \
                for (int o = 0; o < (l)->out; o++)

// Fails if a guard, a gap or an input has changed.
void check_guards(struct session *s, const struct check_tensor *t);

#endif
