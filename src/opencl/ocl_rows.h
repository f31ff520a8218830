// SPDX-License-Identifier: Apache-2.0
// How the ops that are as fast as memory are laid over work-items. A processor gets few items, each
// with wide vectors and a long loop; a graphics processor gets many, of which neighbours take
// neighbouring channels. No split depends on the number of compute units, so that no result does.
#ifndef CLEF_OCL_ROWS_H
#define CLEF_OCL_ROWS_H

#include "opencl/ocl_plan.h"

#include <limits.h>

// Vectors of a group of a flat op, 16 KiB of each tensor on a processor.
#define OCL_FLAT_GROUP 256

static inline bool ocl_is_cpu(const struct ocl_context *ocl)
{
    return ocl->caps.kind == OCL_CPU;
}

// Floats of a vector of a flat op, and the options that say so.
static inline size_t ocl_flat_width(const struct ocl_context *ocl)
{
    return ocl_is_cpu(ocl) ? 16 : 1;
}

static inline const char *ocl_flat_options(const struct ocl_context *ocl)
{
    return ocl_is_cpu(ocl) ? "-D WIDTH=16" : "-D WIDTH=1";
}

// Kernels count rows in an int.
static inline clef_status ocl_check_rows(const char *op, size_t rows)
{
    if (rows > INT_MAX / 2) // Half, since the last of several rows may be beyond the end.
        return clef_fail(CLEF_UNSUPPORTED,
                         "%s: %zu rows are too many for a kernel; use a smaller "
                         "batch",
                         op, rows);
    return CLEF_OK;
}

// The widest vector for a processor that `channels` are a whole number of.
static inline int ocl_channel_width(const struct ocl_context *ocl, int channels)
{
    int width = ocl_is_cpu(ocl) ? 16 : 1;
    while (channels % width != 0)
        width /= 2;
    return width;
}

#endif
