// SPDX-License-Identifier: Apache-2.0
// Pinned host memory, through which a graphics processor's transfers run beside its kernels: a
// driver must copy from ordinary memory before it can go on.
#ifndef CLEF_OCL_STAGING_H
#define CLEF_OCL_STAGING_H

#include "opencl/ocl_context.h"

// Memory for one transfer.
struct ocl_staging {
    cl_mem memory;
    void *data; // Mapped as long as the device is open.
    size_t bytes;
    bool in_use;
};

// A piece of at least `bytes` that nothing else uses; NULL if there is none, and then the transfer
// must do without. The caller clears `in_use` once the transfer is done.
struct ocl_staging *ocl_staging_take(struct ocl_context *ocl, size_t bytes);

void ocl_staging_release(struct ocl_context *ocl);

#endif
