// SPDX-License-Identifier: Apache-2.0
// The geometry of Winograd's algorithms: tiles of images, and the matrices of their points.
#ifndef CLEF_CPU_WINOGRAD_TILES_H
#define CLEF_CPU_WINOGRAD_TILES_H

#include "cpu/cpu_conv2d_runs.h"

// How the results of a pass are cut into tiles.
struct cpu_winograd_tiles {
    int outputs;       // Of a tile, in each dimension.
    int columns;       // Of tiles.
    int images;        // Of the batch.
    int rows;          // Of the matrices: tiles x images, the images innermost.
    int products;      // Matrices, one for each point in two dimensions.
    int rows_per_task; // Of a task that takes them to points.
};

// `channels`: the larger of the numbers at both ends.
struct cpu_winograd_tiles cpu_winograd_tiles(int points, int outputs,
                                             const struct clef_tensor *result, int channels);

static inline int cpu_winograd_row_tasks(const struct cpu_winograd_tiles *tiles)
{
    return cpu_task_count((size_t)tiles->rows, (size_t)tiles->rows_per_task);
}

// The row after the last of a task.
static inline int cpu_winograd_task_end(const struct cpu_winograd_tiles *tiles, int task)
{
    int end = (task + 1) * tiles->rows_per_task;
    return end < tiles->rows ? end : tiles->rows;
}

// Matrices of rows x channels in scratch, whole vectors of channels each.
struct cpu_winograd_matrices {
    float *data;       // NULL while only facts are asked for.
    size_t row, point; // Strides.
    size_t floats;     // Of all.
};

// An image in tiles of `width` x `width` pixels, of which the first begins at (first_y, first_x),
// and the matrices that these tiles are at the points. Tiles may overlap, and reach beyond the
// image.
struct cpu_winograd_image {
    struct cpu_view view;
    int width, first_y, first_x;
    struct cpu_winograd_matrices points;
};

#define CPU_WINOGRAD_PIXELS 36     // Of the largest tile.
#define CPU_WINOGRAD_NONE SIZE_MAX // In place of a pixel beyond the image.

// Lists the offsets, from the first pixel of an image, of the tile that a row belongs to.
void cpu_winograd_find_pixels(const struct cpu_winograd_tiles *tiles,
                              const struct cpu_winograd_image *image, int row, size_t *pixels);

struct cpu_winograd_matrices cpu_winograd_matrices(int products, int rows, int channels);

// The distance between the rows of weights of two points. It is odd, so that the same element of
// all points does not fall on one set of a cache.
static inline int cpu_winograd_weight_rows(int channels)
{
    return channels | 1;
}

#endif
