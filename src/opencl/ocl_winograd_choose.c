// SPDX-License-Identifier: Apache-2.0
#include "opencl/ocl_winograd.h"

#include "opencl/ocl_winograd_steps.h"

// The transformed tensors take at most so many floats, that is 256 MiB: they are larger than the
// tensors themselves, and images that large have enough work for the direct algorithm.
#define MOST_VALUES ((double)(1 << 26))

const struct ocl_winograd *ocl_winograd_find(enum clef_conv2d_algorithm algorithm)
{
    static const struct ocl_winograd algorithms[CLEF_CONV2D_ALGORITHM_COUNT] = {
        [CLEF_CONV2D_WINOGRAD_4X4] = {"winograd-4x4", 44, 6, 4, 0},
        [CLEF_CONV2D_WINOGRAD_2X2] = {"winograd-2x2", 22, 4, 2, 0},
        [CLEF_CONV2D_TOEPLITZ_2X2] = {"toeplitz-2x2", 33, 3, 2, 1},
    };
    return algorithms[algorithm].algorithm ? &algorithms[algorithm] : NULL;
}

bool ocl_winograd_fits(const struct ocl_context *ocl, const struct ocl_winograd *winograd,
                       const struct ocl_conv2d_problem *p)
{
    const struct clef_tensor *target =
        p->op == CLEF_OP_conv2d_backward_data ? &p->image : &p->result;
    struct ocl_winograd_tiles tiles = ocl_winograd_tile(winograd, target, 0, 0);
    double values = (double)ocl_winograd_points(winograd) * (double)tiles.rows *
                    ((double)p->image.c + p->result.c);
    return values <= MOST_VALUES && values * sizeof(float) <= (double)ocl->caps.max_buffer / 2;
}
