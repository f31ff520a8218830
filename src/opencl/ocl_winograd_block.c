// SPDX-License-Identifier: Apache-2.0
#include "opencl/ocl_winograd_block.h"

#include "opencl/ocl_rows.h"

#include <stdio.h>

// What is left for those weights where blocks are as large as half of that cache.
#define PANEL_FLOATS ((size_t)16 << 10)

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

// How much a block may take. Local memory is as large as the second-level cache with PoCL, and half
// of it is for blocks where all weights have no room beside them: each block reads such weights
// again from behind that cache.
static size_t block_room(const struct ocl_context *ocl, size_t weights)
{
    size_t all = ocl->caps.local_memory / sizeof(float);
    bool large = weights > all / 2 && all / 2 > OCL_WINOGRAD_GROUP_FLOATS + PANEL_FLOATS;
    return large ? all / 2 - PANEL_FLOATS : smaller(OCL_WINOGRAD_GROUP_FLOATS, all);
}

// Lays out blocks of so many rows.
static struct ocl_winograd_blocks lay_out(const struct ocl_conv2d_config *config,
                                          const struct ocl_winograd_tiles *tiles, int channels,
                                          size_t rows)
{
    // The last tile of a block is computed whole.
    size_t sums = ocl_groups(rows, (size_t)config->tile) * (size_t)config->tile;
    struct ocl_winograd_blocks blocks = {
        .rows = rows,
        .count = ocl_groups(tiles->rows, rows),
        .panel_sets = 1,
        .source_row = ocl_winograd_spread((size_t)channels, 8),
        .sums_step = ocl_winograd_spread(sums * (size_t)config->panels * OCL_PANEL, 1),
    };
    blocks.source_step = ocl_winograd_spread(rows * blocks.source_row, 1);
    blocks.floats = ocl_winograd_points(tiles->winograd) * (blocks.source_step + blocks.sums_step);
    return blocks;
}

struct ocl_winograd_blocks ocl_winograd_cut(const struct ocl_context *ocl,
                                            const struct ocl_conv2d_config *config,
                                            const struct ocl_winograd_tiles *tiles, int channels,
                                            int filters)
{
    size_t tile = (size_t)config->tile, units = (size_t)ocl->caps.compute_units;
    size_t points = ocl_winograd_points(tiles->winograd);
    size_t room = block_room(ocl, points * (size_t)channels * (size_t)filters);
    struct ocl_winograd_blocks blocks = lay_out(config, tiles, channels, tile);
    if (config->local || blocks.floats == 0 || blocks.floats > room)
        return (struct ocl_winograd_blocks){0};
    size_t rows = room / blocks.floats * tile;
    // Equally many for each compute unit.
    size_t count = ocl_groups(ocl_groups(tiles->rows, rows), units) * units;
    count = smaller(count, ocl_groups(tiles->rows, tile));
    blocks = lay_out(config, tiles, channels, ocl_groups(tiles->rows, count));
    if (blocks.count < units)
        blocks.panel_sets =
            smaller(ocl_groups(units, blocks.count),
                    ocl_groups((size_t)filters, (size_t)config->panels * OCL_PANEL));
    return blocks;
}

void ocl_winograd_launch_blocks(struct ocl_plan *build, const struct ocl_context *ocl,
                                const struct ocl_conv2d_config *config,
                                const struct ocl_winograd_tiles *tiles,
                                const struct ocl_winograd_blocks *blocks,
                                const struct ocl_conv2d_product *product)
{
    const struct ocl_conv2d_product *p = product;
    char options[64];
    snprintf(options, sizeof options, "-D ALGORITHM=%d -D TILE=%d -D PANELS=%d -D WIDTH=%d",
             tiles->winograd->number, config->tile, config->panels,
             ocl_winograd_common_width(ocl, p->source, p->target));
    ocl_plan_launch(
        build, &(struct ocl_launch){
                   .source = "winograd_block",
                   .kernel = "winograd_block",
                   .options = options,
                   .global = {blocks->count, blocks->panel_sets},
                   .local = {1, 1, 1},
                   .args = {OCL_TENSOR(p->source), OCL_TENSOR(p->weights), OCL_TENSOR(p->bias),
                            OCL_TENSOR(p->addend), OCL_TENSOR(p->target), OCL_SHAPE(p->source),
                            OCL_STRIDES(p->source), OCL_SHAPE(p->target), OCL_STRIDES(p->target),
                            OCL_INT4(tiles->rows, blocks->rows, tiles->columns, blocks->source_row),
                            OCL_INT(blocks->source_step), OCL_INT(blocks->sums_step),
                            OCL_INT(tiles->origin_y), OCL_INT(tiles->origin_x),
                            OCL_INT(ocl_winograd_flags(p->bias, p->addend, p->relu)),
                            OCL_LOCAL(blocks->floats * sizeof(float))},
               });
}
