// SPDX-License-Identifier: Apache-2.0
// An open OpenCL device: what every file of this folder works with.
#ifndef CLEF_OCL_CONTEXT_H
#define CLEF_OCL_CONTEXT_H

#include "device/backend.h"
#include "opencl/ocl_error.h"
#include "opencl/ocl_library.h"

// Filters in a panel of weights: a `float16` vector on a processor, a quarter to a half of what a
// graphics processor computes in step.
#define OCL_PANEL 16

// What kind of hardware a device is. The type decides first: some CPU drivers tell the vendor
// number of another maker.
enum ocl_kind {
    OCL_CPU,
    OCL_GPU_NVIDIA,
    OCL_GPU_AMD,
    OCL_GPU_INTEL,
    OCL_GPU_OTHER, // Accelerators too.
};

// What a device can do, as its driver says.
struct ocl_caps {
    enum ocl_kind kind;
    int compute_units;
    size_t max_group;    // Work-items in a group; a kernel may allow fewer.
    size_t max_items[3]; // The same in each dimension.
    size_t
        local_memory; // Bytes for a group. On a CPU it is ordinary memory: using it gains nothing.
    uint64_t memory;  // Bytes.
    uint64_t max_buffer; // Bytes of a single buffer.
    size_t alignment;    // Bytes of the strictest alignment that a buffer's start has.
    int vector_width;    // Native width of float vectors, as a hint: 1 on most GPUs.
    bool is_gpu;         // The device says so, whatever `kind` has it work as.
    bool is_accelerator; // Neither a processor nor a graphics processor.
    bool host_memory;    // The device's memory is the host's.
    bool fp16, fp64;
    bool exact_division; // -cl-fp32-correctly-rounded-divide-sqrt is accepted.
};

// The programs of our own convolutions, and room for their configurations.
enum ocl_conv2d_program { OCL_CONV2D, OCL_CONV2D_WEIGHTS, OCL_CONV2D_PROGRAMS };
#define OCL_CONV2D_CONFIGS 8

struct ocl_program;
struct ocl_cache;
struct ocl_tuned;
struct ocl_staging_pool;

// The `void *context` of the backend's entries.
struct ocl_context {
    cl_platform_id platform;
    cl_device_id device;
    cl_context context;
    cl_command_queue queue;           // In order; what is enqueued goes here.
    cl_command_queue profiling_queue; // Made when a time is first measured.
    cl_command_queue transfer_queue;  // NULL where transfers run between the kernels.
    struct ocl_staging_pool *staging; // Made when it is first needed.
    struct ocl_caps caps;
    struct ocl_program *programs; // What has been built, see ocl_program.h.
    int compiled, loaded;         // Programs made from their source, and from the cache.
    struct ocl_cache *cache;      // NULL without one, see ocl_cache.h.
    int unsaved;                  // Programs that the cache has not got yet.
    bool unsettled;               // A kernel was made since the last wait.
    bool has_clblast_params;      // CLBlast was given this device's parameters.
    bool uses_clblast;            // It may keep programs, see ocl_clblast.h...
    bool has_clblast;             // ...which compute.
    struct clef_device_options options;
    // Whether a kernel takes a configuration of our convolutions: 1, -1 if not, 0 if it was not
    // asked.
    signed char conv2d_takes[OCL_CONV2D_PROGRAMS][OCL_CONV2D_CONFIGS];
    const char *preferred;   // The alternative that plans are to use, NULL for the best.
    struct ocl_tuned *tuned; // What tuning has found; NULL if nothing.
    int unflushed;           // Commands enqueued since the last flush.
};

struct ocl_buffer {
    struct clef_buffer base;
    cl_mem memory;
    // Of the uploads beside the kernels, see ocl_transfer.h.
    bool streamed;
    cl_event uploaded; // The last upload, until a plan waits for it.
    cl_event used;     // The end of the last plan that used it.
};

static inline struct ocl_buffer *ocl_buffer(struct clef_buffer *buffer)
{
    return (struct ocl_buffer *)buffer;
}

// `items` in whole groups of `group`.
static inline size_t ocl_groups(size_t items, size_t group)
{
    return (items + group - 1) / group;
}

// The largest power of two that is at most `wanted` and that the device allows for a group.
size_t ocl_group_size(const struct ocl_context *ocl, size_t wanted);

// Tells the caller's function, if there is one.
void ocl_notice(const struct ocl_context *ocl, enum clef_notice kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// Tells the driver to begin with what was enqueued; now and then it is enough to call this after
// each command, `ocl_flush` does it at once.
clef_status ocl_enqueued(struct ocl_context *ocl);
clef_status ocl_flush(struct ocl_context *ocl);

#endif
