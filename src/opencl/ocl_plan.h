// SPDX-License-Identifier: Apache-2.0
// How an op becomes a plan: a list of kernel launches with their arguments set once, which a run
// only enqueues.
//
//     struct ocl_plan *build = ocl_plan_begin(context);
//     ocl_plan_launch(build, &(struct ocl_launch){
//         .source = "relu", .kernel = "relu_forward", .options = "-D WIDTH=4",
//         .global = {items},
//         .args = {OCL_TENSOR(args->src), OCL_TENSOR(args->dst), OCL_ULONG(count)}});
//     return ocl_plan_end(build, plan);
//
// The first call that fails is remembered, those after it do nothing, and `ocl_plan_end` reports it
// and releases everything: no call in between needs a check.
#ifndef CLEF_OCL_PLAN_H
#define CLEF_OCL_PLAN_H

#include "opencl/ocl_context.h"

struct ocl_plan;

// ---------------------------------------------------------------- arguments

enum ocl_arg_kind {
    OCL_ARG_NONE, // Ends the list.
    OCL_ARG_TENSOR,
    OCL_ARG_STRIDES,
    OCL_ARG_SHAPE,
    OCL_ARG_MEMORY,
    OCL_ARG_INT,
    OCL_ARG_ULONG,
    OCL_ARG_FLOAT,
    OCL_ARG_INT4,
    OCL_ARG_LOCAL,
};

struct ocl_arg {
    enum ocl_arg_kind kind;
    const struct clef_tensor *tensor;
    size_t offset;
    union {
        cl_mem memory;
        cl_int i;
        cl_ulong ul;
        cl_float f;
        cl_int4 i4;
        size_t bytes;
    };
};

// A tensor is two parameters of a kernel, a pointer and the place of its first element:
// `global const float *src, ulong src_at`. NULL for an absent one; the kernel must not touch it.
#define OCL_TENSOR(t)                         \
    {                                         \
        .kind = OCL_ARG_TENSOR, .tensor = (t) \
    }
// The same, `skip` elements further on: parts of scratch.
#define OCL_PART(t, skip)                                       \
    {                                                           \
        .kind = OCL_ARG_TENSOR, .tensor = (t), .offset = (skip) \
    }
// `int4`: strides of n, h, w in elements, and 1.
#define OCL_STRIDES(t)                         \
    {                                          \
        .kind = OCL_ARG_STRIDES, .tensor = (t) \
    }
// `int4`: n, h, w, c.
#define OCL_SHAPE(t)                         \
    {                                        \
        .kind = OCL_ARG_SHAPE, .tensor = (t) \
    }
// `global const T *`: a table made by ocl_plan_table.
#define OCL_MEMORY(m)                         \
    {                                         \
        .kind = OCL_ARG_MEMORY, .memory = (m) \
    }
#define OCL_INT(value)                            \
    {                                             \
        .kind = OCL_ARG_INT, .i = (cl_int)(value) \
    }
#define OCL_ULONG(value)                               \
    {                                                  \
        .kind = OCL_ARG_ULONG, .ul = (cl_ulong)(value) \
    }
#define OCL_FLOAT(value)                              \
    {                                                 \
        .kind = OCL_ARG_FLOAT, .f = (cl_float)(value) \
    }
#define OCL_INT4(x, y, z, w)                                                                 \
    {                                                                                        \
        .kind = OCL_ARG_INT4, .i4 = { {(cl_int)(x), (cl_int)(y), (cl_int)(z), (cl_int)(w)} } \
    }

// `local T *`: so many bytes of local memory.
#define OCL_LOCAL(size)                        \
    {                                          \
        .kind = OCL_ARG_LOCAL, .bytes = (size) \
    }

// ---------------------------------------------------------------- building

#define OCL_MAX_ARGS 32

struct ocl_launch {
    const char *source; // NAME of cl/NAME.cl.
    const char *kernel;
    const char *options; // NULL for none.
    // Work-items in each dimension; 0 is 1. It is rounded up to whole groups, so that a kernel must
    // leave alone what lies beyond its range.
    size_t global[3];
    // Work-items of a group. All 0 leaves the choice to the runtime, for kernels that do not care.
    size_t local[3];
    // `local` is what the device should take, and the kernel runs as well in smaller groups.
    bool local_is_wish;
    struct ocl_arg args[OCL_MAX_ARGS];
};

// Begins a plan; never fails itself.
struct ocl_plan *ocl_plan_begin(void *context);

// Appends a launch. Returns its number in the plan, for ocl_plan_set_float and the like.
int ocl_plan_launch(struct ocl_plan *plan, const struct ocl_launch *launch);

// A constant table on the device, released with the plan; NULL after a failure.
cl_mem ocl_plan_table(struct ocl_plan *plan, const void *data, size_t bytes);

// C = A * B (+ C if `accumulate`) by CLBlast, row-major: A is [m, k], B is [k, n], C is [m, n],
// each after its transposition. `ld` is the distance between rows as they lie in memory.
//
// Products are summed in chains of OCL_GEMM_CHAIN, whose sums are then added up: each rounding
// error is relative to the sum so far, and in one chain over thousands of products would be several
// times as large.
#define OCL_GEMM_CHAIN 256
struct ocl_matrix {
    const struct clef_tensor *tensor;
    size_t skip; // Elements from the tensor's first to the matrix's first.
    size_t ld;
    bool transposed;
    // A alone, and without a transposition: the columns of each chain are a gapless matrix, and
    // these follow each other; `ld` is not used.
    bool in_parts;
};
struct ocl_gemm {
    size_t m, n, k;
    struct ocl_matrix a, b, c;
    bool accumulate;
    // Memory for CLBlast's own copies of the matrices, as much as ocl_gemm_temp says; without a
    // tensor CLBlast allocates in each run. `ld` is not used.
    struct ocl_matrix temp;
};
void ocl_plan_gemm(struct ocl_plan *plan, const struct ocl_gemm *gemm);

// How many floats `temp` must have, wherever the matrices lie; buffers may be absent.
clef_status ocl_gemm_temp(struct ocl_context *ocl, const struct ocl_gemm *gemm, size_t *floats);

// Notes that a step of the caller's own uses a tensor; launches and products do so by themselves.
// NULL is accepted.
void ocl_plan_uses(struct ocl_plan *plan, const struct clef_tensor *tensor);

// A step of the caller's own; see ocl_plan_uses. `enqueue` gets `state` and a place for the event
// of its last command, which may be NULL; `release` (may be NULL) gets `state` when the plan is
// destroyed, or at once after a failure.
typedef clef_status (*ocl_enqueue)(struct ocl_context *ocl, void *state, cl_event *event);
void ocl_plan_custom(struct ocl_plan *plan, const char *name, ocl_enqueue enqueue, void *state,
                     void (*release)(void *state));

// Called at the start of each run, before anything is enqueued: the place to set what changes from
// run to run.
typedef clef_status (*ocl_before_run)(struct ocl_plan *plan, void *state,
                                      const struct clef_run_values *values);
void ocl_plan_before_run(struct ocl_plan *plan, ocl_before_run before, void *state,
                         void (*release)(void *state));

// Sets a parameter of a launch anew; `parameter` counts the kernel's parameters from 0.
clef_status ocl_plan_set_float(struct ocl_plan *plan, int launch, int parameter, float value);

// Lets a complete plan remember a copy of what it solves; a failure releases the plan.
clef_status ocl_plan_set_problem(struct clef_plan **plan, const void *problem, size_t bytes);
// NULL if it was not told.
const void *ocl_plan_get_problem(const struct clef_plan *plan);

// Lets the plan fail with a failure of the caller's own.
void ocl_plan_fail(struct ocl_plan *plan, clef_status status);

// Completes the plan, or releases it and returns the first failure.
clef_status ocl_plan_end(struct ocl_plan *plan, struct clef_plan **result);

// ---------------------------------------------------------------- the backend's entries

clef_status ocl_run_timed(void *context, struct clef_plan *plan,
                          const struct clef_run_values *values, double *seconds);

// ---------------------------------------------------------------- ops

// The planning entries: ocl_OP, in ocl_FAMILY.c.
#define OCL_DECLARE_OP(op)                                                               \
    clef_status ocl_##op(void *context, const struct clef_##op##_args *args,             \
                         const struct clef_tensor *scratch, struct clef_plan_info *info, \
                         struct clef_plan **plan);
CLEF_OP_LIST(OCL_DECLARE_OP)
#undef OCL_DECLARE_OP

#endif
