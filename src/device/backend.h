// SPDX-License-Identifier: Apache-2.0
// What a backend implements. One `static const struct clef_backend` per backend, one row in
// backend_list.h.
//
// Every entry is mandatory. A backend keeps its own state behind `void *context` (one per open
// device), and embeds struct clef_buffer, clef_event and clef_plan as first members of its own
// structs.
#ifndef CLEF_DEVICE_BACKEND_H
#define CLEF_DEVICE_BACKEND_H

#include "clef/device.h"
#include "clef/ops.h"
#include "core/op_list.h"

enum clef_op {
#define CLEF_OP_ENUM(op) CLEF_OP_##op,
    CLEF_OP_LIST(CLEF_OP_ENUM)
#undef CLEF_OP_ENUM
        CLEF_OP_COUNT
};

struct clef_buffer {
    struct clef_device *device;
    size_t bytes;
};

struct clef_event {
    struct clef_device *device;
};

struct clef_plan {
    struct clef_device *device;
    enum clef_op op;
    const char *layer; // NULL if it belongs to none.
    struct clef_plan_info info;
    bool takes_step;                 // Its runs need a learning rate and the step's number.
    struct clef_buffer *own_scratch; // Only if the caller gave none.
    // Enqueues the plan.
    clef_status (*run)(struct clef_plan *plan, const struct clef_run_values *values);
    // Releases the plan itself and all it owns but own_scratch.
    void (*destroy)(struct clef_plan *plan);
};

// The planning entry of one op. Fills in *info. If plan is not NULL, also creates a plan with `run`
// and `destroy` set; the arguments have been validated, all buffers are there, and scratch has at
// least info->scratch_floats elements (NULL if that is 0). A plan that takes an optimiser's step is
// only run with values whose step is at least 1.
#define CLEF_BACKEND_PLAN(op)                                                         \
    clef_status (*op)(void *context, const struct clef_##op##_args *args,             \
                      const struct clef_tensor *scratch, struct clef_plan_info *info, \
                      struct clef_plan **plan);

struct clef_backend_ops {
    CLEF_OP_LIST(CLEF_BACKEND_PLAN)
};

struct clef_backend {
    // Short lower-case name, used in selectors.
    const char *name;
    // Number of devices that can be listed, the unusable ones included.
    int (*enumerate)(void);
    // Fills in the description of device `index`, without opening it. A `selector` that is left
    // empty is filled in by the caller.
    void (*describe)(int index, struct clef_device_info *info);
    // Opens device `index`; *info is its description and may be refined. The op table is valid
    // until close.
    clef_status (*open)(int index, const struct clef_device_options *options,
                        struct clef_device_info *info, void **context,
                        const struct clef_backend_ops **ops);
    // Releases the context; all work has been synchronized.
    void (*close)(void *context);
    // Allocates zero-filled memory; `device` and `bytes` of the buffer are filled in by the caller.
    clef_status (*buffer_create)(void *context, size_t bytes, struct clef_buffer **buffer);
    // Releases a buffer after the work that uses it.
    void (*buffer_destroy)(void *context, struct clef_buffer *buffer);
    // Enqueues a copy from the host; blocks if event is NULL. The range has been checked.
    clef_status (*upload)(void *context, struct clef_buffer *buffer, size_t offset, const void *src,
                          size_t bytes, struct clef_event **event);
    // Enqueues a copy to the host; blocks if event is NULL. The range has been checked.
    clef_status (*download)(void *context, struct clef_buffer *buffer, size_t offset, void *dst,
                            size_t bytes, struct clef_event **event);
    // Waits for a transfer, reports its error, releases the event.
    clef_status (*event_wait)(void *context, struct clef_event *event);
    // Waits for all work and reports its errors.
    clef_status (*synchronize)(void *context);
    // Runs a plan, waits, and tells the device's seconds.
    clef_status (*run_timed)(void *context, struct clef_plan *plan,
                             const struct clef_run_values *values, double *seconds);
    // Names of alternatives for plans, see clef_device_get_alternatives; ends with NULL.
    const char *const *(*alternatives)(void *context);
    // Makes plans with an alternative of the list where it serves them; NULL chooses freely again.
    void (*prefer)(void *context, const char *alternative);
    // Tunes for the plans, which are the device's, and fills in the report, which is all zero; see
    // clef_device_tune.
    clef_status (*tune)(void *context, struct clef_plan *const *plans, int plan_count,
                        const struct clef_tune_options *options, struct clef_tune_report *report);
    // Measures the best rate of arithmetic and of memory.
    clef_status (*measure_peak)(void *context, struct clef_device_peak *peak);
};

// What the device was opened with; all zero without options.
const struct clef_device_options *clef_device_get_options(const struct clef_device *device);

// Adds one run of a plan to the device's profile.
clef_status clef_device_profile_add(struct clef_device *device, const struct clef_plan *plan,
                                    double seconds);

// The name of an op, such as "conv2d_forward".
const char *clef_op_name(enum clef_op op);

// The backend's context and table behind an open device.
void *clef_device_context(const struct clef_device *device);
const struct clef_backend_ops *clef_device_ops(const struct clef_device *device);
const struct clef_backend *clef_device_backend(const struct clef_device *device);

#endif
