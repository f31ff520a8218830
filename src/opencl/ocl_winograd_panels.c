// SPDX-License-Identifier: Apache-2.0
#include "opencl/ocl_winograd_panels.h"

#include <stdio.h>

// Filters for each row, at least. With two, as in stage 2 of the default network, blocks of rows
// take less time.
#define LEAST_FILTERS 4

struct ocl_winograd_panels ocl_winograd_cut_panels(const struct ocl_context *ocl,
                                                   const struct ocl_conv2d_config *config,
                                                   const struct ocl_winograd_tiles *tiles,
                                                   int filters)
{
    if (config->local || (size_t)filters < LEAST_FILTERS * tiles->rows)
        return (struct ocl_winograd_panels){0};
    // The last tile of rows is computed whole.
    size_t rows = ocl_groups(tiles->rows, (size_t)config->tile) * (size_t)config->tile;
    size_t lanes = (size_t)config->panels * OCL_PANEL;
    struct ocl_winograd_panels panels = {.weights_step = ocl_winograd_spread(OCL_CHAIN * lanes, 1),
                                         .sums_step = ocl_winograd_spread(rows * lanes, 1)};
    size_t floats = ocl_winograd_points(tiles->winograd) * (panels.weights_step + panels.sums_step);
    if (floats <= OCL_WINOGRAD_GROUP_FLOATS && floats * sizeof(float) <= ocl->caps.local_memory)
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
                            OCL_INT(ocl_winograd_flags(p->bias, p->addend, p->relu)),
                            OCL_LOCAL(panels->floats * sizeof(float))},
               });
}
