// SPDX-License-Identifier: Apache-2.0
// One case per op: a plan of its own at a representative shape, for the ops that a training step of
// the network does not run.
#ifndef CLEF_CLI_BENCH_CASES_H
#define CLEF_CLI_BENCH_CASES_H

#include "clef/clef.h"
#include "core/op_list.h"

#define BENCH_MAX_BUFFERS 12 // The most tensors that an op has.

struct bench_case {
    struct clef_device *device;
    int batch_size;
    struct clef_buffer *buffers[BENCH_MAX_BUFFERS];
    int buffer_count;
    struct clef_plan *plan;
    char shape[32];     // Height, width and channels of the result.
    clef_status status; // The first failure while the tensors were made.
};

// Fills in the plan of one op. `device` and `batch_size` are given, the rest is zero.
#define BENCH_DECLARE_CASE(op) clef_status bench_case_##op(struct bench_case *bench_case);
CLEF_OP_LIST(BENCH_DECLARE_CASE)
#undef BENCH_DECLARE_CASE

// The table of the cases, in the order of the op list.
struct bench_case_row {
    const char *op;
    clef_status (*make)(struct bench_case *bench_case);
};
extern const struct bench_case_row bench_case_rows[];
extern const int bench_case_row_count;

// Makes the case of a row. Release with bench_case_free, also on failure.
clef_status bench_case_make(const struct bench_case_row *row, struct clef_device *device,
                            int batch_size, struct bench_case *bench_case);
void bench_case_free(struct bench_case *bench_case);

// Tensors of a case, filled with values from 0.5 to 1.5. After a failure they have no buffer and
// `status` is set. The last activation made before the plan is the one that `shape` describes.
struct clef_tensor bench_activation(struct bench_case *bench_case, int size, int channels);
struct clef_tensor bench_vector(struct bench_case *bench_case, size_t count);
// The same, filled with zero bytes: for integers, which are positions in a window or labels.
struct clef_tensor bench_activation_zero(struct bench_case *bench_case, int size, int channels);
struct clef_tensor bench_vector_zero(struct bench_case *bench_case, size_t count);
// Weights in panels.
struct clef_tensor bench_weights(struct bench_case *bench_case, int kernel, int in, int out);

#endif
