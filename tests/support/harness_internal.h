// SPDX-License-Identifier: Apache-2.0
// What the files of the harness share among themselves.
#ifndef CLEF_TESTS_HARNESS_INTERNAL_H
#define CLEF_TESTS_HARNESS_INTERNAL_H

#include "support/harness.h"

#define SESSION_TENSORS 16
#define SESSION_BLOCKS 96

struct session {
    const char *op;
    int row;
    uint64_t seed;
    int threads;
    struct clef_device *device;
    struct test_tensor tensors[SESSION_TENSORS];
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
};

// The bits of guards, gaps and outputs that nobody has written: a quiet NaN, so that reading them
// shows in the results as well.
#define GUARD_BITS 0x7fd5a5a5u
#define GUARD_ELEMENTS 37 // Odd, so that tensors do not begin at an aligned address.

// Where an element lies in its buffer.
size_t test_place(const struct clef_tensor *t, int n, int h, int w, int c);

// Where a weight lies in its panels.
size_t test_weight_place(const struct test_weights_shape *shape, int ky, int kx, int i, int o);

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
void check_guards(struct session *s, const struct test_tensor *t);

#endif
