// SPDX-License-Identifier: Apache-2.0
#include "opencl/ocl_winograd_outer.h"

#include "opencl/ocl_adam.h"
#include "opencl/ocl_rows.h"

#include <stdio.h>

// What a group's part of scratch takes at most: somewhat more than half of a second-level cache of
// 2 MiB. Where that cache is smaller, no more goes through the one behind it than with three
// kernels.
#define MOST_FLOATS ((size_t)296 << 10)

// To take an element to points and what belongs to it, in products of an element, as measured:
// where it stays in the cache, and with three kernels, whose values go through memory.
#define SET_TRANSFORM 20
#define WHOLE_TRANSFORM 45

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

// The work of so many channels and filters, in products of an element.
static size_t work_of(size_t channels, size_t filters, size_t transform)
{
    return channels * filters + transform * (channels + filters);
}

// Lays out sets of so many channels and panels.
static struct ocl_winograd_sets lay_out(const struct ocl_conv2d_config *config,
                                        const struct ocl_winograd_tiles *tiles, size_t channels,
                                        size_t panels)
{
    size_t lanes = (size_t)config->panels * OCL_PANEL, tile = (size_t)config->tile;
    size_t panel_tiles = tiles->rows > OCL_CHAIN ? ocl_groups(panels, (size_t)config->panels) : 1;
    struct ocl_winograd_sets sets = {
        .channels = channels,
        .panels = panels,
        .source_row = ocl_winograd_spread(channels, 8),
        .gradient_step = ocl_winograd_spread(OCL_CHAIN * lanes, 1),
        // The last tile of channels is computed whole.
        .sums_step = ocl_winograd_spread(ocl_groups(channels, tile) * tile * lanes, 1),
    };
    sets.source_step = ocl_winograd_spread(OCL_CHAIN * sets.source_row, 1);
    sets.floats = ocl_winograd_points(tiles->winograd) *
                  (sets.source_step + sets.gradient_step + panel_tiles * sets.sums_step);
    return sets;
}

// The sets that take the least time, and of several the least memory. The smaller they are, the
// more often src and diff_dst are taken to points; so three kernels take less time where only small
// sets have room or make all compute units busy.
struct ocl_winograd_sets ocl_winograd_cut_sets(const struct ocl_context *ocl,
                                               const struct ocl_conv2d_config *config,
                                               const struct ocl_winograd_tiles *tiles, int channels,
                                               int filters)
{
    size_t in = (size_t)channels, out = (size_t)filters, units = (size_t)ocl->caps.compute_units;
    size_t panels = ocl_groups(out, OCL_PANEL), step = (size_t)config->panels;
    size_t least = work_of(in, out, WHOLE_TRANSFORM) / units;
    struct ocl_winograd_sets best = {0};
    if (config->local)
        return best;
    for (size_t c = OCL_PANEL; c < in + OCL_PANEL; c += OCL_PANEL)
        for (size_t p = step; p < panels + step; p += step) {
            struct ocl_winograd_sets sets =
                lay_out(config, tiles, smaller(c, in), smaller(p, panels));
            size_t count = ocl_groups(in, c) * ocl_groups(panels, p);
            size_t work = work_of(sets.channels, smaller(p * OCL_PANEL, out), SET_TRANSFORM);
            size_t time = ocl_groups(count, units) * work;
            if (sets.floats > MOST_FLOATS || time > least ||
                (time == least && best.groups > 0 && sets.floats >= best.floats))
                continue;
            least = time;
            best = sets;
            best.groups = smaller(units, count);
        }
    return best;
}

void ocl_winograd_launch_sets(struct ocl_plan *build, const struct ocl_context *ocl,
                              const struct ocl_conv2d_config *config,
                              const struct ocl_winograd_tiles *tiles,
                              const struct ocl_winograd_sets *sets,
                              const struct clef_conv2d_backward_weights_args *args,
                              const struct clef_tensor *scratch)
{
    const struct clef_tensor *src = args->src, *diff_dst = args->diff_dst;
    char options[80];
    snprintf(options, sizeof options, "-D ALGORITHM=%d -D TILE=%d -D PANELS=%d -D WIDTH=%d%s",
             tiles->winograd->number, config->tile, config->panels,
             ocl_winograd_common_width(ocl, src, diff_dst), args->update ? " -D ADAM=1" : "");
    ocl_adam_add_launch(
        build,
        &(struct ocl_launch){
            .source = "winograd_outer",
            .kernel = "winograd_outer",
            .options = options,
            .global = {sets->groups},
            .local = {1, 1, 1},
            .args = {OCL_TENSOR(src), OCL_TENSOR(diff_dst), OCL_TENSOR(args->diff_weights),
                     OCL_TENSOR(scratch), OCL_ULONG(sets->floats), OCL_SHAPE(src), OCL_STRIDES(src),
                     OCL_SHAPE(diff_dst), OCL_STRIDES(diff_dst),
                     OCL_INT4(tiles->rows, tiles->columns, sets->channels, sets->panels),
                     OCL_INT4(sets->source_row, sets->source_step, sets->gradient_step,
                              sets->sums_step),
                     OCL_INT(tiles->origin_y), OCL_INT(tiles->origin_x),
                     OCL_INT(args->diff_weights != NULL)},
        },
        args->update);
}
