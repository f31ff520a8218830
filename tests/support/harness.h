// SPDX-License-Identifier: Apache-2.0
// What the tests of the ops share: they run one op on the device named by CLEF_TEST_DEVICE
// (default "cpu") through the public interface alone, and compare with an oracle.
//
// A test has a table of rows and a function that runs one row in a session:
//
//     static void run_row(struct session *s, int index)
//     {
//         const struct row *row = &rows[index];
//         struct test_tensor *src = test_input(s, "src", LAYOUT_NHWC, row->n, row->h, row->w,
//         row->c); struct test_tensor *dst = test_output(s, "dst", LAYOUT_NHWC, row->n, row->h,
//         row->w, row->c); fill_integers(src, -3, 3); struct clef_relu_forward_args args =
//         {&src->view, &dst->view}; if (RUN_OP(s, relu_forward, &args, NULL))
//             check_exact(s, dst, expected);
//     }
//
// The session calls the function for 1, 2 and 5 threads and demands the same bits each time; RUN_OP
// is true only where the results are to be compared. Every buffer begins and ends with guard
// elements that must keep their bits, as must the gaps between rows and all of each input.
//
// Environment: CLEF_TEST_SEED=N changes the data, CLEF_TEST_CASE=OP#ROW runs a single row; a
// failure prints the line that repeats it.
#ifndef CLEF_TESTS_HARNESS_H
#define CLEF_TESTS_HARNESS_H

#include "clef/clef.h"
#include "ops/op_list.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_LENGTH(array) ((int)(sizeof(array) / sizeof((array)[0])))

enum test_layout {
    LAYOUT_NHWC,
    LAYOUT_HWNC,
    LAYOUT_NHWC_GAPS, // With unused elements between rows, lines and images.
    LAYOUT_HWNC_GAPS,
};

// A tensor in a buffer of its own, with guards before and after it.
struct test_tensor {
    const char *name;
    struct clef_tensor view; // What an args struct points to.
    struct clef_buffer
        *buffer;  // Kept apart, since RUN_OP clears the view's while it asks for info.
    size_t total; // Elements in the buffer, the guards and gaps included.
    size_t element_bytes;
    bool output;
    uint32_t stream;        // Number of its random sequence.
    unsigned char *before;  // The buffer's contents before a run...
    unsigned char *after;   // ...and after it.
    unsigned char *element; // Whether a place holds an element of the tensor.
};

// Weights: `view` in panels, but filled and read as HWIO.
struct test_weights_shape {
    int kernel_h, kernel_w, in, out, panel;
};

struct session;

// ---------------------------------------------------------------- running

// Runs all rows of an op, or the one that CLEF_TEST_CASE names.
void run_rows(const char *op, int count, void (*run_row)(struct session *s, int index));

// Describes the row that runs, for the message of a failure.
void session_describe(struct session *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// Memory filled with zeros that lives as long as the session.
void *session_memory(struct session *s, size_t bytes);
double *session_doubles(struct session *s, size_t count);

// Facts of the op that ran last.
const struct clef_plan_info *session_info(const struct session *s);
// Whether the op that ran last computes every sum as its formula says, so that integers stay exact.
bool session_algorithm_is_direct(const struct session *s);
int session_filter_panel(const struct session *s);

// The form of all planning functions, with the type of the args struct taken away.
typedef clef_status (*test_plan_function)(struct clef_device *device, const void *args,
                                          const struct clef_tensor *scratch,
                                          struct clef_plan_info *info, struct clef_plan **plan);
bool session_run(struct session *s, test_plan_function plan, const void *args,
                 const struct clef_run_values *values);

#define TEST_PLAN_ADAPTER(op)                                                                  \
    clef_status test_plan_##op(struct clef_device *device, const void *args,                   \
                               const struct clef_tensor *scratch, struct clef_plan_info *info, \
                               struct clef_plan **plan);
CLEF_OP_LIST(TEST_PLAN_ADAPTER)
#undef TEST_PLAN_ADAPTER

// Runs an op twice from the same contents of memory, which must give the same bits. The comparison
// of pointers checks the type of `args`.
#define RUN_OP(s, op, args, values)                                                                \
    session_run(s, test_plan_##op,                                                                 \
                (const void *)((args) + 0 * sizeof((const struct clef_##op##_args *)0 == (args))), \
                values)

// The test case of each row of the op list; a missing one does not link.
#define TEST_CASE_PROTOTYPE(op) void test_op_##op(void **state);
CLEF_OP_LIST(TEST_CASE_PROTOTYPE)
#undef TEST_CASE_PROTOTYPE

// Used by main: opens the device. Returns false with *skip set if CLEF_TEST_DEVICE names a device
// that is not there, or CLEF_CPU an instruction set that the processor lacks.
bool harness_open(bool *skip);
void harness_close(void);
// Number of rows that ran.
int harness_rows_run(void);

// Fails the test that runs, with the row's description and the line that repeats it.
void session_fail(struct session *s, const char *format, ...)
    __attribute__((format(printf, 2, 3), noreturn));

// ---------------------------------------------------------------- tensors

struct test_tensor *test_input(struct session *s, const char *name, enum test_layout layout, int n,
                               int h, int w, int c);
// Also for what is updated or computed in place.
struct test_tensor *test_output(struct session *s, const char *name, enum test_layout layout, int n,
                                int h, int w, int c);
struct test_tensor *test_byte_input(struct session *s, const char *name, enum test_layout layout,
                                    int n, int h, int w, int c);
struct test_tensor *test_input_vector(struct session *s, const char *name, size_t count);
struct test_tensor *test_output_vector(struct session *s, const char *name, size_t count);
struct test_tensor *test_input_weights(struct session *s, const char *name,
                                       struct test_weights_shape *shape);
struct test_tensor *test_output_weights(struct session *s, const char *name,
                                        struct test_weights_shape *shape);

// The address of an element in `before` or `after`.
float *test_at(const struct test_tensor *t, int n, int h, int w, int c);
float *test_after(const struct test_tensor *t, int n, int h, int w, int c);

// Elements before the run, as doubles in the order (n, h, w, c), or HWIO.
double *test_values(struct session *s, const struct test_tensor *t);
double *test_int_values(struct session *s, const struct test_tensor *t);
double *test_weights_values(struct session *s, const struct test_tensor *t,
                            const struct test_weights_shape *shape);

// Random data, which depends on the seed, the row and the tensor alone.
void fill_integers(struct session *s, struct test_tensor *t, int low, int high);
void fill_uniform(struct session *s, struct test_tensor *t, double low, double high);
void fill_weights_integers(struct session *s, struct test_tensor *t,
                           const struct test_weights_shape *shape, int low, int high);
void fill_weights_uniform(struct session *s, struct test_tensor *t,
                          const struct test_weights_shape *shape, double low, double high);
void fill_bytes(struct session *s, struct test_tensor *t);
// Writes given values, rounded to float, in the order (n, h, w, c); or as int32.
void fill_values(struct test_tensor *t, const double *values);
void fill_int_values(struct test_tensor *t, const double *values);
// A number in 0 .. 2^32-1 of sequence `stream`.
uint32_t session_random(const struct session *s, uint32_t stream, uint64_t index);

// ---------------------------------------------------------------- comparison

// Each fails the test at the first element that is wrong. Where NaN is expected it must be NaN.
void check_exact(struct session *s, const struct test_tensor *t, const double *expected);
void check_exact_ints(struct session *s, const struct test_tensor *t, const double *expected);
// |got - expected| <= tolerance * max(largest |expected|, scale).
void check_close(struct session *s, const struct test_tensor *t, const double *expected,
                 double tolerance, double scale);
// Exact if the algorithm is direct, else within `tolerance` of the largest.
void check_sums(struct session *s, const struct test_tensor *t, const double *expected,
                double tolerance);
// `reached`, [kernel_h][kernel_w], may be NULL: taps outside of it must have kept their bits.
// Unused lanes must be zero. `exact` compares as check_exact.
void check_weights(struct session *s, const struct test_tensor *t,
                   const struct test_weights_shape *shape, const double *expected,
                   const bool *reached, bool exact, double tolerance);
// All bits of an output are as before.
void check_unchanged(struct session *s, const struct test_tensor *t);

#endif
