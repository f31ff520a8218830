// SPDX-License-Identifier: Apache-2.0
// The products of cl/conv2d.cl as a step of a plan, for any geometry: a convolution itself, or the
// matrix products inside of a Winograd algorithm.
#ifndef CLEF_OCL_CONV2D_PRODUCT_H
#define CLEF_OCL_CONV2D_PRODUCT_H

#include "opencl/ocl_conv2d_work.h"
#include "opencl/ocl_plan.h"

struct ocl_conv2d_product {
    const struct clef_tensor *source, *weights, *target;
    const struct clef_tensor *bias, *addend; // NULL for none.
    bool relu;
    // Without local memory: the weights are those of forward, whose channels are the target's, and
    // each group transposes what it needs of them. tap_rows of the geometry are then the filters.
    bool transposed;
};

// The number of panels that a tensor's channels take.
size_t ocl_conv2d_panels(const struct clef_tensor *tensor);

// The tables of a product; to be released with ocl_conv2d_work_free.
clef_status ocl_conv2d_product_work(const struct ocl_context *ocl,
                                    const struct ocl_conv2d_config *config,
                                    const struct ocl_conv2d_product *product,
                                    const struct ocl_conv2d_geometry *geometry,
                                    struct ocl_conv2d_work *work);

void ocl_conv2d_product_launch(struct ocl_plan *build, const struct ocl_conv2d_product *product,
                               const struct ocl_conv2d_geometry *geometry,
                               const struct ocl_conv2d_work *work);

#endif
