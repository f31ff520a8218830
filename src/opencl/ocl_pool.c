// SPDX-License-Identifier: Apache-2.0
#include "opencl/ocl_pool.h"

#include <stdio.h>

// Elements that a work-item of a processor reads: some ten microseconds of work.
#define CPU_ITEM_ELEMENTS 65536
// Work-items of a graphics processor's group, and how many of them lie along the channels at most.
#define GPU_GROUP 256
#define GPU_LANES 64

static const struct clef_tensor *result_of(const struct ocl_pool *pool)
{
    return pool->forward ? pool->outs : pool->image;
}

size_t ocl_pool_rows(const struct ocl_pool *pool)
{
    return clef_tensor_rows(result_of(pool));
}

bool ocl_pool_is_position_major(const struct ocl_pool *pool)
{
    return pool->image->stride_n < pool->image->stride_w;
}

size_t ocl_pool_item_rows(const struct ocl_context *ocl, const struct ocl_pool *pool)
{
    if (!ocl_is_cpu(ocl))
        return 1;
    const struct clef_window *window = pool->window;
    size_t reads = (size_t)window->kernel_h * (size_t)window->kernel_w;
    if (!pool->forward)
        reads = ocl_groups(reads, (size_t)window->stride_h * (size_t)window->stride_w);
    reads *= (size_t)pool->image->c;
    return reads < CPU_ITEM_ELEMENTS ? CPU_ITEM_ELEMENTS / reads : 1;
}

void ocl_pool_launch(struct ocl_plan *plan, const struct ocl_context *ocl,
                     const struct ocl_pool *pool, struct ocl_launch launch)
{
    const struct clef_tensor *result = result_of(pool);
    int width = ocl_channel_width(ocl, result->c);
    char options[32];
    snprintf(options, sizeof options, "-D WIDTH=%d", width);
    launch.options = options;
    launch.global[1] = ocl_groups(ocl_pool_rows(pool), ocl_pool_item_rows(ocl, pool));
    if (ocl_is_cpu(ocl)) {
        launch.global[0] = launch.local[0] = launch.local[1] = 1;
    } else {
        size_t group = ocl_group_size(ocl, GPU_GROUP), lanes = 1;
        while (lanes < (size_t)result->c && lanes < GPU_LANES && lanes < group)
            lanes *= 2;
        launch.local[0] = lanes;
        launch.local[1] = group / lanes;
        launch.local_is_wish = true;
        launch.global[0] = (size_t)result->c;
    }
    ocl_plan_launch(plan, &launch);
}
