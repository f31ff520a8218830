// SPDX-License-Identifier: Apache-2.0
#include "cpu/cpu_winograd_tiles.h"

// What a task of a transform writes stays in the second-level cache.
#define TASK_FLOATS (48 << 10)

// So many tasks keep several threads busy to the end.
#define WANTED_TASKS 48

static int divide_up(int a, int b)
{
    return (a + b - 1) / b;
}

struct cpu_winograd_tiles cpu_winograd_tiles(int points, int outputs,
                                             const struct clef_tensor *result, int channels)
{
    struct cpu_winograd_tiles tiles = {
        .outputs = outputs,
        .columns = divide_up(result->w, outputs),
        .images = result->n,
        .products = points * points,
    };
    tiles.rows = divide_up(result->h, outputs) * tiles.columns * tiles.images;
    int most = TASK_FLOATS / (tiles.products * channels);
    tiles.rows_per_task = divide_up(tiles.rows, WANTED_TASKS);
    if (tiles.rows_per_task > most)
        tiles.rows_per_task = most > 0 ? most : 1;
    return tiles;
}

void cpu_winograd_find_pixels(const struct cpu_winograd_tiles *tiles,
                              const struct cpu_winograd_image *image, int row, size_t *pixels)
{
    const struct cpu_view *view = &image->view;
    int tile = row / tiles->images;
    int first_y = tile / tiles->columns * tiles->outputs + image->first_y;
    int first_x = tile % tiles->columns * tiles->outputs + image->first_x;
    for (int y = first_y; y < first_y + image->width; y++)
        for (int x = first_x; x < first_x + image->width; x++) {
            bool inside = y >= 0 && y < view->h && x >= 0 && x < view->w;
            *pixels++ = inside ? (size_t)y * view->stride_h + (size_t)x * view->stride_w
                               : CPU_WINOGRAD_NONE;
        }
}

// An odd number of cache lines from some length on, so that a part of each row, or of the same row
// at all points, does not fall on few sets of a cache.
static size_t spread(size_t floats, size_t from)
{
    size_t lines = (floats + CPU_LINE_FLOATS - 1) / CPU_LINE_FLOATS;
    return (lines >= from ? lines | 1 : lines) * CPU_LINE_FLOATS;
}

struct cpu_winograd_matrices cpu_winograd_matrices(int products, int rows, int channels)
{
    struct cpu_winograd_matrices matrices = {.row = spread((size_t)channels, 8)};
    matrices.point = spread((size_t)rows * matrices.row, 1);
    matrices.floats = (size_t)products * matrices.point;
    return matrices;
}
