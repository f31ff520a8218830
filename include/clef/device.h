// SPDX-License-Identifier: Apache-2.0
/// @file device.h
/// Devices: how to list them, choose one by name, and move bytes to and from it.
///
/// A device executes what is enqueued on it in order. `upload`, `download` with an event and
/// `clef_plan_run` only enqueue; `clef_event_wait`, `clef_device_synchronize` and transfers without
/// an event block, and report errors of work enqueued before. A device and everything made on it
/// belong to one thread at a time.
#ifndef CLEF_DEVICE_H
#define CLEF_DEVICE_H

#include "clef/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct clef_device;
struct clef_buffer;
struct clef_event;
struct clef_plan;

#define CLEF_NAME_LENGTH 128

/// What is known of a device without opening it.
struct clef_device_info {
    char backend[16];                ///< "cpu" or "opencl", the name that selects the backend.
    char selector[32];               ///< Selects this very device, such as "cpu" or "opencl:1".
    bool is_variant;                 ///< Whether it is a device of the list in another way, such as
                                     ///< "cpu:avx2"; it is taken by its selector alone.
    char type[16];                   ///< "cpu", "gpu", "accelerator", or "" if there is no device.
    char name[CLEF_NAME_LENGTH];     ///< The device's own name, such as the processor's model.
    char vendor[CLEF_NAME_LENGTH];   ///< Who made it.
    char driver[CLEF_NAME_LENGTH];   ///< Driver and version; for "cpu" the instruction set that the
                                     ///< kernels use.
    char version[CLEF_NAME_LENGTH];  ///< Of the interface, such as "OpenCL 3.0"; may be "".
    char platform[CLEF_NAME_LENGTH]; ///< Name of the platform that it belongs to; may be "".
    char unusable[256];      ///< Empty if the device can be opened, else one sentence that says why
                             ///< not, and what to install.
    int platform_index;      ///< Number of its platform, -1 without platforms.
    int platform_device;     ///< Its number within the platform, -1 without platforms.
    bool is_gpu;             ///< Whether it is a graphics processor.
    bool shares_host_memory; ///< Whether its memory is the host's.
    bool has_threads;        ///< Whether the option `threads` changes how it computes.
    bool has_fp16, has_fp64; ///< Whether it computes in half and in double precision. Clef needs
                             ///< neither.
    int compute_units;       ///< Cores or compute units; 0 if unknown.
    uint64_t memory_bytes;   ///< Memory that the device can use; 0 if unknown.
    uint64_t max_buffer_bytes; ///< Largest single buffer; 0 if unlimited.
    int filter_panel;          ///< Width of a weights panel, see `clef_weights_layout` in ops.h.
};

/// What a device has to tell while it works, see `clef_device_options`.
enum clef_notice {
    CLEF_NOTICE_PROGRESS, ///< What takes long just now, such as a compilation; "" when it is over.
    CLEF_NOTICE_WARNING,  ///< Something that works less well than it could.
    CLEF_NOTICE_DETAIL    ///< For those who ask how it went.
};

/// Options of `clef_device_open`. Zero-initialise for defaults.
struct clef_device_options {
    int threads; ///< Worker threads of the backend "cpu"; 0 takes all processors the process may
                 ///< use.
    bool sync; ///< Waits for each plan, so that a driver's error names the op it belongs to. Slow.
    bool profile;         ///< Measures the time of each plan, see `clef_device_get_profile`. Slow.
    bool untuned;         ///< Does not load what `clef_device_tune` has found before.
    bool no_kernel_cache; ///< Neither reads nor writes compiled kernels. The environment variable
                          ///< CLEF_KERNEL_CACHE=off does the same.
    /// Called with one line of text on the thread that uses the device; may be NULL.
    void (*notice)(void *user, enum clef_notice kind, const char *message);
    void *notice_user;
};

/// Lists all devices of all backends, the usable and the unusable. The first list or choice among
/// OpenCL devices is tried in a child process, made by fork(), since a driver may crash or hang;
/// one that does is unusable. A program that uses OpenCL itself before is not forked.
/// @param[out] infos an array that the caller releases with `free`; @param[out] count its length,
/// at least 1.
clef_status clef_device_list(struct clef_device_info **infos, int *count);

/// Opens a device.
/// @param selector one of
///     - "auto": the best graphics processor that can be used, else the processor ("cpu");
///     - "cpu" or "opencl": the best device of this backend;
///     - "cpu:baseline", "cpu:avx2", "cpu:avx512": the processor with this set of instructions,
///     CLEF_UNSUPPORTED if it has no such; "cpu" takes the best, or what the environment variable
///     CLEF_CPU names;
///     - "opencl:1": by its number among the devices of the backend, as `clef_device_list` has
///     them;
///     - "opencl:0:1": by the numbers of its platform and of the device in it;
///     - "opencl:radeon": by a part of its name, in upper or lower case. More than one match fails;
///     - NULL or "": what the environment variable CLEF_DEVICE says, else "auto".
///
/// A device asked for by name is never replaced by another: a name that fits no device is
/// CLEF_NOT_FOUND.
/// @param options  may be NULL.
/// @param[out] device released with `clef_device_close`.
clef_status clef_device_open(const char *selector, const struct clef_device_options *options,
                             struct clef_device **device);

/// Waits for the device and releases it. Buffers and plans must have been destroyed before. NULL is
/// accepted.
void clef_device_close(struct clef_device *device);

/// @return the description of an open device, valid as long as the device.
const struct clef_device_info *clef_device_get_info(const struct clef_device *device);

/// @return why this device was taken, one line, if it was opened by "auto"; else "".
const char *clef_device_get_choice(const struct clef_device *device);

/// The time that a device opened with `profile` spent on one op in one layer.
struct clef_profile_row {
    char layer[64];        ///< Of the model, see `clef_plan_set_layer`; "" if there is none.
    const char *op;        ///< Such as "conv2d_forward".
    const char *algorithm; ///< As in `clef_plan_info`.
    uint64_t runs;
    double seconds; ///< Of all runs, from the device's own clock where it has one.
    double flops;   ///< Of all runs.
    double bytes;   ///< Of all runs.
};

/// The measurements so far, in the order in which the ops first ran.
/// @param[out] rows valid until a plan runs; @param[out] count 0 without the option `profile`.
void clef_device_get_profile(const struct clef_device *device, const struct clef_profile_row **rows,
                             int *count);

/// Names of alternatives that plans can be made with besides the device's own choice, for those who
/// check or tune a device: algorithms, or configurations of one.
/// @return a list that ends with NULL, valid as long as the device; often it is empty.
const char *const *clef_device_get_alternatives(const struct clef_device *device);

/// Makes the plans that are made from now on with an alternative, as far as it serves their op and
/// shapes; `clef_plan_info` tells the algorithm.
/// @param alternative from the list; NULL returns to the device's own choice.
clef_status clef_device_prefer(struct clef_device *device, const char *alternative);

/// How long tuning may take, see `clef_device_tune`.
struct clef_tune_options {
    double seconds; ///< The search ends soon after; what must be measured in any case comes on top.
};

/// What tuning has found for one kind of work.
struct clef_tune_row {
    char group[16];        ///< "choice", or a library whose parameters were tuned.
    char problem[256];     ///< The op, its shapes and the order of their rows.
    char choice[32];       ///< An alternative of the device, or "default".
    int count;             ///< How many of the plans do this.
    double flops;          ///< Of one run.
    double before_seconds; ///< Of one run with the device's own choice.
    double after_seconds;  ///< Of one run with `choice`.
};

struct clef_tune_report {
    struct clef_tune_row *rows; ///< Released with `clef_tune_report_free`.
    int row_count;              ///< 0 if the device has nothing to tune.
    int tried, refused, wrong;  ///< Candidates: all, those that do not compile or run, and those
                                ///< that compute something else.
    double seconds;             ///< That it took.
    char file[4096];            ///< Where the result is kept for later runs; "" without a row.
};

/// Looks for the fastest way to do what the plans do: measures the device's own choice, then
/// alternatives, each of which must compute the same, and keeps the best in a file for the device
/// and its driver. Devices that are opened later load it. Sums may then be added in another order.
/// The device should have been opened with `untuned`.
/// @param plans of this device, such as `clef_model_visit_plans` visits.
clef_status clef_device_tune(struct clef_device *device, struct clef_plan *const *plans,
                             int plan_count, const struct clef_tune_options *options,
                             struct clef_tune_report *report);

/// Releases what is in a report. A report that is all zero is accepted.
void clef_tune_report_free(struct clef_tune_report *report);

/// Blocks until all enqueued work is done; reports its errors.
clef_status clef_device_synchronize(struct clef_device *device);

/// What the hardware can do at best, measured now. Takes about half a second.
struct clef_device_peak {
    double flops_per_second; ///< Fused multiply-adds count as two.
    double bytes_per_second; ///< Read plus written, on arrays larger than the caches.
};
clef_status clef_device_measure_peak(struct clef_device *device, struct clef_device_peak *peak);

/// Allocates memory on the device, filled with zero bytes.
/// @param bytes at least 1. @param[out] buffer released with `clef_buffer_destroy`.
clef_status clef_buffer_create(struct clef_device *device, size_t bytes,
                               struct clef_buffer **buffer);

/// Releases a buffer; enqueued work on it is finished first. NULL is accepted.
void clef_buffer_destroy(struct clef_buffer *buffer);

/// @return the size given at creation, in bytes.
size_t clef_buffer_size(const struct clef_buffer *buffer);

/// Copies host memory into a buffer.
/// @param offset in bytes; offset + bytes must not exceed the buffer.
/// @param[out] event NULL blocks until `src` may be reused; otherwise `src` must stay unchanged
/// until
///                   `clef_event_wait` has returned.
clef_status clef_buffer_upload(struct clef_buffer *buffer, size_t offset, const void *src,
                               size_t bytes, struct clef_event **event);

/// Copies a part of a buffer into host memory.
/// @param[out] event NULL blocks until `dst` holds the bytes; otherwise `dst` is valid after
/// `clef_event_wait`.
clef_status clef_buffer_download(struct clef_buffer *buffer, size_t offset, void *dst, size_t bytes,
                                 struct clef_event **event);

/// Blocks until the transfer is done, reports its error and releases the event. NULL is accepted
/// and is success.
clef_status clef_event_wait(struct clef_event *event);

#ifdef __cplusplus
}
#endif
#endif
