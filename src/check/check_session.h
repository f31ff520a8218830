// SPDX-License-Identifier: Apache-2.0
// What the checks of the ops share: they run one op through the public interface alone, and compare
// with an oracle.
//
// A check has a table of rows and a function that runs one row in a session; another function makes
// a row of the arguments that a network would plan the op with:
//
//     static void run(struct session *s, const void *row)
//     {
//         const struct row *r = row;
//         struct check_tensor *src = session_input(s, "src", NHWC, r->n, r->h, r->w, r->c);
//         struct check_tensor *dst = session_output(s, "dst", NHWC, r->n, r->h, r->w, r->c);
//         fill_integers(s, src, -3, 3);
//         struct clef_relu_forward_args args = {&src->view, &dst->view};
//         if (RUN_OP(s, relu_forward, &args, NULL))
//             check_exact(s, dst, expected);
//     }
//     static bool take(const void *arguments, void *row) ...
//     CHECK_CASE(relu_forward, rows, run, take);
//
// A row is run in several ways, such as with 1, 2 and 5 threads, and the same bits are demanded
// each time; RUN_OP is true only where the results are to be compared. Every buffer begins and ends
// with guard elements that must keep their bits, as must the gaps between rows and all of each
// input.
#ifndef CLEF_CHECK_CHECK_SESSION_H
#define CLEF_CHECK_CHECK_SESSION_H

#include "clef/clef.h"
#include "core/op_list.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_LENGTH(array) ((int)(sizeof(array) / sizeof((array)[0])))

enum check_layout {
    LAYOUT_NHWC,
    LAYOUT_HWNC,
    LAYOUT_NHWC_GAPS, // With unused elements between rows, lines and images.
    LAYOUT_HWNC_GAPS,
};

// A tensor in a buffer of its own, with guards before and after it.
struct check_tensor {
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
struct weights_shape {
    int kernel_h, kernel_w, in, out, panel;
};

struct session;

// ---------------------------------------------------------------- running

// Describes the row that runs, for the message of a failure.
void session_describe(struct session *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// Memory filled with zeros that lives as long as the session.
void *session_memory(struct session *s, size_t bytes);
double *session_doubles(struct session *s, size_t count);

// An array for the oracle's results, which lives as long as the row: true if it is new, and to be
// filled in. What is slow to compute need not be computed for each algorithm again.
bool session_expected(struct session *s, size_t count, double **expected);

// Number of the row that runs, for what may differ from row to row.
int session_row(const struct session *s);

// Facts of the op that ran last.
const struct clef_plan_info *session_info(const struct session *s);
// Whether the op that ran last computes every sum as its formula says, so that integers stay exact.
bool session_algorithm_is_direct(const struct session *s);
int session_filter_panel(const struct session *s);

// The form of all planning functions, with the type of the args struct taken away.
typedef clef_status (*check_plan_function)(struct clef_device *device, const void *args,
                                           const struct clef_tensor *scratch,
                                           struct clef_plan_info *info, struct clef_plan **plan);
bool session_run(struct session *s, check_plan_function plan, const void *args,
                 const struct clef_run_values *values);

#define CHECK_PLAN_ADAPTER(op)                                                                  \
    clef_status check_plan_##op(struct clef_device *device, const void *args,                   \
                                const struct clef_tensor *scratch, struct clef_plan_info *info, \
                                struct clef_plan **plan);
CLEF_OP_LIST(CHECK_PLAN_ADAPTER)
#undef CHECK_PLAN_ADAPTER

// Runs an op twice from the same contents of memory, which must give the same bits. The comparison
// of pointers checks the type of `args`.
#define RUN_OP(s, op, args, values)                                                                \
    session_run(s, check_plan_##op,                                                                \
                (const void *)((args) + 0 * sizeof((const struct clef_##op##_args *)0 == (args))), \
                values)

// The check of an op; one that is missing from the op list does not link.
struct check_case {
    const char *op;
    const void *rows;
    int row_count;
    size_t row_bytes;
    void (*run)(struct session *s, const void *row);
    // Makes a row of the op's args struct, whose tensors may lack buffers. The row arrives zeroed.
    // False if no row can be like these arguments.
    bool (*take)(const void *args, void *row);
};
#define CHECK_CASE(op, rows, run, take)                                                        \
    const struct check_case check_case_##op = {#op, rows, ARRAY_LENGTH(rows), sizeof(rows)[0], \
                                               run, take}
#define CHECK_CASE_DECLARATION(op) extern const struct check_case check_case_##op;
CLEF_OP_LIST(CHECK_CASE_DECLARATION)
#undef CHECK_CASE_DECLARATION

// Ends the row that runs, which has failed.
void session_fail(struct session *s, const char *format, ...)
    __attribute__((format(printf, 2, 3), noreturn));

// ---------------------------------------------------------------- tensors

struct check_tensor *session_input(struct session *s, const char *name, enum check_layout layout,
                                   int n, int h, int w, int c);
// Also for what is updated or computed in place.
struct check_tensor *session_output(struct session *s, const char *name, enum check_layout layout,
                                    int n, int h, int w, int c);
struct check_tensor *session_byte_input(struct session *s, const char *name,
                                        enum check_layout layout, int n, int h, int w, int c);
struct check_tensor *session_input_vector(struct session *s, const char *name, size_t count);
struct check_tensor *session_output_vector(struct session *s, const char *name, size_t count);
struct check_tensor *session_input_weights(struct session *s, const char *name,
                                           struct weights_shape *shape);
struct check_tensor *session_output_weights(struct session *s, const char *name,
                                            struct weights_shape *shape);

// The address of an element in `before` or `after`.
float *tensor_at(const struct check_tensor *t, int n, int h, int w, int c);
float *tensor_after(const struct check_tensor *t, int n, int h, int w, int c);

// Elements before the run, as doubles in the order (n, h, w, c), or HWIO.
double *tensor_values(struct session *s, const struct check_tensor *t);
double *tensor_int_values(struct session *s, const struct check_tensor *t);
double *weights_values(struct session *s, const struct check_tensor *t,
                       const struct weights_shape *shape);

// Random data, which depends on the seed, the row and the tensor alone.
void fill_integers(struct session *s, struct check_tensor *t, int low, int high);
void fill_uniform(struct session *s, struct check_tensor *t, double low, double high);
void fill_weights_integers(struct session *s, struct check_tensor *t,
                           const struct weights_shape *shape, int low, int high);
void fill_weights_uniform(struct session *s, struct check_tensor *t,
                          const struct weights_shape *shape, double low, double high);
void fill_bytes(struct session *s, struct check_tensor *t);
// Writes given values, rounded to float, in the order (n, h, w, c); or as int32.
void fill_values(struct check_tensor *t, const double *values);
void fill_int_values(struct check_tensor *t, const double *values);
// A number in 0 .. 2^32-1 of sequence `stream`.
uint32_t session_random(const struct session *s, uint32_t stream, uint64_t index);

// ---------------------------------------------------------------- comparison

// Each fails the row at the first element that is wrong. Where NaN is expected it must be NaN.
void check_exact(struct session *s, const struct check_tensor *t, const double *expected);
void check_exact_ints(struct session *s, const struct check_tensor *t, const double *expected);
// |got - expected| <= tolerance * max(largest |expected|, scale).
void check_close(struct session *s, const struct check_tensor *t, const double *expected,
                 double tolerance, double scale);
// Exact if the algorithm is direct, else within `tolerance` of the largest, and with NaN or
// infinity allowed for all of an image where one is expected.
void check_sums(struct session *s, const struct check_tensor *t, const double *expected,
                double tolerance);
// `reached`, [kernel_h][kernel_w], may be NULL: taps outside of it must have kept their bits.
// Unused lanes must be zero. `exact` compares as check_exact. Unless the algorithm is direct, NaN
// or infinity is allowed for all taps of two channels where one is expected.
void check_weights(struct session *s, const struct check_tensor *t,
                   const struct weights_shape *shape, const double *expected, const bool *reached,
                   bool exact, double tolerance);
// |got - expected| <= tolerance * max(|expected|, scale).
void check_number(struct session *s, const char *name, double got, double expected,
                  double tolerance, double scale);
// All bits of an output are as before.
void check_unchanged(struct session *s, const struct check_tensor *t);

#endif
