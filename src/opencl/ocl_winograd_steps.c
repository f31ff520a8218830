// SPDX-License-Identifier: Apache-2.0
#include "opencl/ocl_winograd_steps.h"

#include "opencl/ocl_rows.h"

#include <stdio.h>

// Parts of scratch begin at multiples of so many floats, that copies of four may be aligned.
#define ALIGNMENT 16

// Floats between the values of two points. Without them all values of a tile often lie a power of
// two apart, where caches have few places for them.
#define GAP 16

#define LINE_FLOATS 16 // Of a cache line.

// Work-items of a group: on a processor few, since each has much to do and the groups are shared
// among the threads.
static size_t group_of(const struct ocl_context *ocl)
{
    return ocl_is_cpu(ocl) ? 16 : 64;
}

// ---------------------------------------------------------------- tiles and scratch

struct ocl_winograd_tiles ocl_winograd_tile(const struct ocl_winograd *winograd,
                                            const struct clef_tensor *target, int pad_top,
                                            int pad_left)
{
    size_t outputs = (size_t)winograd->outputs;
    size_t lines = ocl_groups((size_t)target->h, outputs);
    size_t columns = ocl_groups((size_t)target->w, outputs);
    return (struct ocl_winograd_tiles){
        .winograd = winograd,
        .lines = (int)lines,
        .columns = (int)columns,
        .rows = lines * columns * (size_t)target->n,
        .origin_y = winograd->skipped - pad_top,
        .origin_x = winograd->skipped - pad_left,
    };
}

size_t ocl_winograd_points(const struct ocl_winograd *winograd)
{
    return (size_t)winograd->points * (size_t)winograd->points;
}

static size_t aligned(size_t floats)
{
    return (floats + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static size_t take_part(size_t floats, size_t *used)
{
    size_t at = *used;
    *used += aligned(floats);
    return at;
}

struct clef_tensor ocl_winograd_values(const struct ocl_winograd_tiles *tiles, int channels,
                                       const struct clef_tensor *scratch, size_t *used)
{
    size_t points = ocl_winograd_points(tiles->winograd);
    size_t step = aligned(tiles->rows * (size_t)channels) + GAP;
    size_t at = take_part(points * step, used);
    struct clef_tensor values =
        clef_tensor_hwnc(scratch ? scratch->buffer : NULL, (scratch ? scratch->offset : 0) + at,
                         (int)tiles->rows, (int)points, 1, channels);
    values.stride_h = step;
    return values;
}

int ocl_winograd_weight_rows(int channels)
{
    return channels | 1;
}

struct clef_tensor ocl_winograd_weights(const struct ocl_winograd *winograd, int in, int out,
                                        const struct clef_tensor *scratch, size_t *used)
{
    size_t floats = ocl_winograd_points(winograd) * (size_t)ocl_winograd_weight_rows(in) *
                    ocl_groups((size_t)out, OCL_PANEL) * OCL_PANEL;
    size_t at = take_part(floats, used);
    return clef_tensor_vector(scratch ? scratch->buffer : NULL,
                              (scratch ? scratch->offset : 0) + at, floats);
}

size_t ocl_winograd_spread(size_t floats, size_t from)
{
    size_t lines = ocl_groups(floats, LINE_FLOATS);
    return (lines >= from ? lines | 1 : lines) * LINE_FLOATS;
}

// ---------------------------------------------------------------- launches

#define OPTIONS_LENGTH 64

int ocl_winograd_flags(const struct clef_tensor *bias, const struct clef_tensor *addend, bool relu)
{
    enum { BIAS = 1, ADDEND = 2, RELU = 4 };
    return (bias ? BIAS : 0) | (addend ? ADDEND : 0) | (relu ? RELU : 0);
}

static void print_options(const struct ocl_context *ocl, const struct ocl_winograd *winograd,
                          int width, char options[OPTIONS_LENGTH])
{
    snprintf(options, OPTIONS_LENGTH, "-D ALGORITHM=%d -D WIDTH=%d -D GROUP=%zu", winograd->number,
             width, group_of(ocl));
}

int ocl_winograd_width(const struct ocl_context *ocl, int channels)
{
    int width = ocl_channel_width(ocl, channels);
    return width == 16 && ocl->caps.vector_width < 16 ? 8 : width;
}

int ocl_winograd_common_width(const struct ocl_context *ocl, const struct clef_tensor *source,
                              const struct clef_tensor *target)
{
    int a = ocl_winograd_width(ocl, source->c), b = ocl_winograd_width(ocl, target->c);
    return a < b ? a : b;
}

// Launches a kernel with an item for each vector of channels of each tile of an image.
static void launch_tiles(struct ocl_plan *build, const struct ocl_context *ocl,
                         const struct ocl_winograd_tiles *tiles, int channels, int width,
                         struct ocl_launch launch)
{
    char options[OPTIONS_LENGTH];
    print_options(ocl, tiles->winograd, width, options);
    launch.source = "winograd";
    launch.options = options;
    launch.global[0] = tiles->rows * (size_t)(channels / width);
    launch.local[0] = group_of(ocl);
    ocl_plan_launch(build, &launch);
}

void ocl_winograd_launch_input(struct ocl_plan *build, const struct ocl_context *ocl,
                               const struct ocl_winograd_tiles *tiles,
                               const struct clef_tensor *source, const struct clef_tensor *values)
{
    launch_tiles(
        build, ocl, tiles, source->c, ocl_winograd_width(ocl, source->c),
        (struct ocl_launch){
            .kernel = "winograd_input",
            .args = {OCL_TENSOR(source), OCL_TENSOR(values), OCL_SHAPE(source), OCL_STRIDES(source),
                     OCL_INT(tiles->rows), OCL_INT(values->stride_h), OCL_INT(tiles->columns),
                     OCL_INT(tiles->origin_y), OCL_INT(tiles->origin_x)},
        });
}

void ocl_winograd_launch_factors(struct ocl_plan *build, const struct ocl_context *ocl,
                                 const struct ocl_winograd_tiles *tiles,
                                 const struct clef_tensor *src, const struct clef_tensor *values,
                                 const struct clef_tensor *diff_dst,
                                 const struct clef_tensor *gradients)
{
    launch_tiles(
        build, ocl, tiles, src->c > diff_dst->c ? src->c : diff_dst->c,
        ocl_winograd_common_width(ocl, src, diff_dst),
        (struct ocl_launch){
            .kernel = "winograd_factors",
            .global = {0, 2},
            .args = {OCL_TENSOR(src), OCL_TENSOR(values), OCL_SHAPE(src), OCL_STRIDES(src),
                     OCL_INT(values->stride_h), OCL_TENSOR(diff_dst), OCL_TENSOR(gradients),
                     OCL_SHAPE(diff_dst), OCL_STRIDES(diff_dst), OCL_INT(gradients->stride_h),
                     OCL_INT(tiles->rows), OCL_INT(tiles->columns), OCL_INT(tiles->origin_y),
                     OCL_INT(tiles->origin_x)},
        });
}

void ocl_winograd_launch_output(struct ocl_plan *build, const struct ocl_context *ocl,
                                const struct ocl_winograd_tiles *tiles,
                                const struct clef_tensor *values, const struct clef_tensor *bias,
                                const struct clef_tensor *addend, bool relu,
                                const struct clef_tensor *target)
{
    launch_tiles(
        build, ocl, tiles, target->c, ocl_winograd_width(ocl, target->c),
        (struct ocl_launch){
            .kernel = "winograd_output",
            .args = {OCL_TENSOR(values), OCL_TENSOR(bias), OCL_TENSOR(addend), OCL_TENSOR(target),
                     OCL_SHAPE(target), OCL_STRIDES(target), OCL_INT(tiles->rows),
                     OCL_INT(values->stride_h), OCL_INT(tiles->columns),
                     OCL_INT(ocl_winograd_flags(bias, addend, relu))},
        });
}

// Launches a kernel with an item for each vector of lanes of each row and panel of weights, or of
// each block of as many rows as a vector has lanes.
static void launch_panels(struct ocl_plan *build, const struct ocl_context *ocl,
                          const struct ocl_winograd *winograd, int rows, int filters, bool blocks,
                          struct ocl_launch launch)
{
    int width = ocl_winograd_width(ocl, OCL_PANEL);
    if (blocks && width > OCL_WINOGRAD_TRANSPOSED_WIDTH)
        width = OCL_WINOGRAD_TRANSPOSED_WIDTH;
    char options[OPTIONS_LENGTH];
    print_options(ocl, winograd, width, options);
    launch.source = "winograd";
    launch.options = options;
    launch.global[0] =
        ocl_groups((size_t)rows, blocks ? (size_t)width : 1) * (size_t)(OCL_PANEL / width);
    launch.global[1] = ocl_groups((size_t)filters, OCL_PANEL);
    launch.local[0] = group_of(ocl);
    ocl_plan_launch(build, &launch);
}

void ocl_winograd_launch_weights(struct ocl_plan *build, const struct ocl_context *ocl,
                                 const struct ocl_winograd *winograd,
                                 const struct clef_tensor *weights, int in, int out,
                                 const struct clef_tensor *values)
{
    launch_panels(build, ocl, winograd, in, out, false,
                  (struct ocl_launch){
                      .kernel = "winograd_weights",
                      .args = {OCL_TENSOR(weights), OCL_TENSOR(values), OCL_INT(in)},
                  });
}

void ocl_winograd_launch_weights_transposed(struct ocl_plan *build, const struct ocl_context *ocl,
                                            const struct ocl_winograd *winograd,
                                            const struct clef_tensor *weights, int in, int out,
                                            const struct clef_tensor *values)
{
    launch_panels(build, ocl, winograd, out, in, true,
                  (struct ocl_launch){
                      .kernel = "winograd_weights_transposed",
                      .args = {OCL_TENSOR(weights), OCL_TENSOR(values), OCL_INT(in), OCL_INT(out)},
                  });
}

void ocl_winograd_launch_weights_gradient(struct ocl_plan *build, const struct ocl_context *ocl,
                                          const struct ocl_winograd *winograd,
                                          const struct clef_tensor *values, int in, int out,
                                          const struct clef_tensor *diff_weights)
{
    launch_panels(build, ocl, winograd, in, out, false,
                  (struct ocl_launch){
                      .kernel = "winograd_weights_gradient",
                      .args = {OCL_TENSOR(values), OCL_TENSOR(diff_weights), OCL_INT(in)},
                  });
}
