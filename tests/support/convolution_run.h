// SPDX-License-Identifier: Apache-2.0
// Runs the three passes of a convolution on whole numbers, whose sums are exact, so that every
// right way to compute it gives the same bits.
#ifndef CLEF_TESTS_CONVOLUTION_RUN_H
#define CLEF_TESTS_CONVOLUTION_RUN_H

#include "clef/clef.h"

// A square kernel, with padding that keeps the size at stride 1.
struct convolution_shape {
    int n, size, in, out, kernel, stride;
};

enum { CONVOLUTION_PASSES = 3 }; // forward, backward_data, backward_weights.

struct convolution_result {
    float *values[CONVOLUTION_PASSES]; // dst, diff_src, diff_weights in panels.
    size_t counts[CONVOLUTION_PASSES];
    char algorithms[CONVOLUTION_PASSES][64];
};

// Fails the test if a pass cannot be planned or run.
struct convolution_result convolution_run(struct clef_device *device,
                                          const struct convolution_shape *shape);
void convolution_release(struct convolution_result *result);

// Fails the test unless all values are equal.
void convolution_expect_equal(const struct convolution_result *a,
                              const struct convolution_result *b);

// Fails the test unless the name of each pass's algorithm contains `part`.
void convolution_expect_algorithm(const struct convolution_result *result, const char *part);

#endif
