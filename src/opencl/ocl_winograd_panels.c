// SPDX-License-Identifier: Apache-2.0
#include "opencl/ocl_winograd_panels.h"

#include <stdio.h>

// By panels where there are so many times more filters than rows; and at most so much memory, a
// part of the second-level cache.
#define LEAST_FILTERS 4
#define MOST_FLOATS ((size_t)48 << 10)

#define LINE_FLOATS 16 // Of a cache line.

// An odd number of cache lines, so that the same element of all points does not fall on few sets of
// a cache.
static size_t spread(size_t floats)
{
    return (ocl_groups(floats, LINE_FLOATS) | 1) * LINE_FLOATS;
}

struct ocl_winograd_panels ocl_winograd_panels(const struct ocl_context *ocl,
                                               const struct ocl_conv2d_config *config,
                                               const struct ocl_winograd_tiles *tiles, int filters)
{
    if (config->local || (size_t)filters < LEAST_FILTERS * tiles->rows)
        return (struct ocl_winograd_panels){0};
    // The last tile of rows is computed whole.
    size_t rows = ocl_groups(tiles->rows, (size_t)config->tile) * (size_t)config->tile;
    size_t lanes = (size_t)config->panels * OCL_PANEL;
    struct ocl_winograd_panels panels = {.weights_step = spread(OCL_CHAIN * lanes),
                                         .sums_step = spread(rows * lanes)};
    size_t floats = ocl_winograd_points(tiles->winograd) * (panels.weights_step + panels.sums_step);
    if (floats <= MOST_FLOATS && floats * sizeof(float) <= ocl->caps.local_memory)
        panels.floats = floats;
    return panels;
}

void ocl_winograd_launch_panels(struct ocl_plan *build, const struct ocl_context *ocl,
                                const struct ocl_conv2d_config *config,
                                const struct ocl_winograd_tiles *tiles,
                                const struct ocl_winograd_panels *panels,
                                const struct ocl_conv2d_product *product)
{
    const struct ocl_conv2d_product *p = product;
    int flags = (p->bias ? OCL_WINOGRAD_BIAS : 0) | (p->addend ? OCL_WINOGRAD_ADDEND : 0) |
                (p->relu ? OCL_WINOGRAD_RELU : 0);
    int width = ocl_winograd_width(ocl, p->target->c);
    if (p->transposed && width > OCL_WINOGRAD_TRANSPOSED_WIDTH)
        width = OCL_WINOGRAD_TRANSPOSED_WIDTH;
    char options[96];
    snprintf(options, sizeof options, "-D ALGORITHM=%d -D TILE=%d -D PANELS=%d -D WIDTH=%d%s",
             tiles->winograd->number, config->tile, config->panels, width,
             p->transposed ? " -D TRANSPOSED=1" : "");
    ocl_plan_launch(
        build, &(struct ocl_launch){
                   .source = "winograd_panel",
                   .kernel = "winograd_panel",
                   .options = options,
                   .global = {ocl_groups(ocl_conv2d_panels(p->target), (size_t)config->panels)},
                   .local = {1, 1, 1},
                   .args = {OCL_TENSOR(p->source), OCL_INT(p->source->stride_h),
                            OCL_INT(p->source->c), OCL_TENSOR(p->weights), OCL_TENSOR(p->bias),
                            OCL_TENSOR(p->addend), OCL_TENSOR(p->target), OCL_SHAPE(p->target),
                            OCL_STRIDES(p->target), OCL_INT(tiles->rows), OCL_INT(tiles->columns),
                            OCL_INT(panels->weights_step), OCL_INT(panels->sums_step),
                            OCL_INT(flags), OCL_LOCAL(panels->floats * sizeof(float))},
               });
}
