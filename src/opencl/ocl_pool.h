// SPDX-License-Identifier: Apache-2.0
// What maximum and average pooling share, see cl/pool.h.
#ifndef CLEF_OCL_POOL_H
#define CLEF_OCL_POOL_H

#include "opencl/ocl_rows.h"

struct ocl_pool {
    const struct clef_tensor *image, *outs; // Under the windows; one element for each window.
    const struct clef_window *window;
    bool forward; // The result is `outs`, else `image`.
};

// As GEOMETRY_PARAMETERS.
#define OCL_POOL_GEOMETRY(ocl, pool)                                                           \
    OCL_SHAPE((pool)->image), OCL_SHAPE((pool)->outs),                                         \
        OCL_INT4((pool)->window->kernel_h, (pool)->window->kernel_w, (pool)->window->stride_h, \
                 (pool)->window->stride_w),                                                    \
        OCL_INT4((pool)->window->pad_top, (pool)->window->pad_left, 0, 0),                     \
        OCL_INT(ocl_pool_rows(pool)), OCL_INT(ocl_pool_is_position_major(pool)),               \
        OCL_INT(ocl_pool_item_rows(ocl, pool))

// Rows of the result.
size_t ocl_pool_rows(const struct ocl_pool *pool);

bool ocl_pool_is_position_major(const struct ocl_pool *pool);

// Rows of the result that a work-item computes.
size_t ocl_pool_item_rows(const struct ocl_context *ocl, const struct ocl_pool *pool);

// Appends a launch with the sizes and options that suit the result.
void ocl_pool_launch(struct ocl_plan *plan, const struct ocl_context *ocl,
                     const struct ocl_pool *pool, struct ocl_launch launch);

#endif
