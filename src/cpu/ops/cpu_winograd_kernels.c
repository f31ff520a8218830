// SPDX-License-Identifier: Apache-2.0
// A transform takes the columns of a square through memory that stays in the first-level cache, and
// then its rows: the squares have more vectors than there are registers.
#include "cpu/ops/cpu_winograd_kernels.h"
#include "cpu/ops/cpu_winograd_transform.h"

#define SQUARE (CPU_WINOGRAD_POINTS * CPU_WINOGRAD_POINTS)

// Vectors that are taken together, those of a panel. The same part of all pixels of a tile, or of
// all points, may lie a multiple of the cache's sets apart, and there are more than a set holds: so
// what is read or written of one comes at once, a whole cache line, before too many of the others.
#define PART (CPU_PANEL / CPU_LANES)

// ---------------------------------------------------------------- data to points

CPU_TRANSFORM void store_points(const struct cpu_winograd_matrix *m, const cpu_vec *half,
                                float *points, size_t step)
{
    cpu_vec row[CPU_WINOGRAD_POINTS];
    cpu_to_points(m, half, row);
#pragma GCC unroll 6
    for (int k = 0; k < m->points; k++)
        cpu_store(points + (size_t)k * step, row[k]);
}

CPU_TRANSFORM cpu_vec load_pixel(const float *image, size_t pixel, const int lanes)
{
    if (pixel == CPU_WINOGRAD_NONE)
        return (cpu_vec){0};
    return lanes == CPU_LANES ? cpu_load(image + pixel) : cpu_load_part(image + pixel, lanes);
}

// A part of each pixel: `vectors` vectors of channels, of which the last has `lanes`. `sums` is
// NULL, or gets the sums of the pixels.
CPU_TRANSFORM void part_to_points(const struct cpu_winograd_matrix *m, const float *image,
                                  const size_t *pixels, const int vectors, const int lanes,
                                  float *points, size_t step, float *sums)
{
    _Alignas(CPU_ALIGNMENT) cpu_vec half[PART][SQUARE];
    cpu_vec sum[PART] = {{0}};
    // All points are asked for at once, since stores wait for one after the other.
    for (int point = 0; point < m->points * m->points; point++)
        __builtin_prefetch(points + (size_t)point * step, 1);
    for (int x = 0; x < m->width; x++)
#pragma GCC unroll 2
        for (int v = 0; v < vectors; v++) {
            cpu_vec column[CPU_WINOGRAD_POINTS], ends[CPU_WINOGRAD_POINTS];
#pragma GCC unroll 6
            for (int y = 0; y < m->width; y++) {
                column[y] = load_pixel(image + v * CPU_LANES, pixels[y * m->width + x],
                                       v < vectors - 1 ? CPU_LANES : lanes);
                if (sums)
                    sum[v] += column[y];
            }
            cpu_to_points(m, column, ends);
#pragma GCC unroll 6
            for (int j = 0; j < m->points; j++)
                half[v][j * m->width + x] = ends[j];
        }
    for (int j = 0; j < m->points; j++)
        for (int v = 0; v < vectors; v++)
            store_points(m, half[v] + j * m->width,
                         points + v * CPU_LANES + (size_t)(j * m->points) * step, step);
    for (int v = 0; sums && v < vectors; v++)
        cpu_store(sums + v * CPU_LANES, cpu_load(sums + v * CPU_LANES) + sum[v]);
}

CPU_TRANSFORM void tile_to_points(const struct cpu_winograd_matrix *m, const float *image,
                                  const size_t *pixels, int channels, float *points, size_t step,
                                  float *sums)
{
    int c = 0;
    for (; c + CPU_PANEL <= channels; c += CPU_PANEL)
        part_to_points(m, image + c, pixels, PART, CPU_LANES, points + c, step,
                       sums ? sums + c : NULL);
    for (; c < channels; c += CPU_LANES)
        part_to_points(m, image + c, pixels, 1, channels - c < CPU_LANES ? channels - c : CPU_LANES,
                       points + c, step, sums ? sums + c : NULL);
}

CPU_TRANSFORM void weights_to_points(const struct cpu_winograd_matrix *m, const float *taps,
                                     ptrdiff_t tap_step, int count, float *points, size_t step)
{
    for (int i = 0; i < count; i += CPU_PANEL) {
        _Alignas(CPU_ALIGNMENT) cpu_vec half[PART][SQUARE];
#pragma GCC unroll 3
        for (int x = 0; x < CPU_WINOGRAD_TAPS; x++)
#pragma GCC unroll 2
            for (int v = 0; v < PART; v++) {
                cpu_vec column[CPU_WINOGRAD_TAPS], ends[CPU_WINOGRAD_POINTS];
#pragma GCC unroll 3
                for (int y = 0; y < CPU_WINOGRAD_TAPS; y++)
                    column[y] =
                        cpu_load(taps + i + v * CPU_LANES + (y * CPU_WINOGRAD_TAPS + x) * tap_step);
                cpu_to_points(m, column, ends);
#pragma GCC unroll 6
                for (int j = 0; j < m->points; j++)
                    half[v][j * CPU_WINOGRAD_TAPS + x] = ends[j];
            }
        for (int j = 0; j < m->points; j++)
#pragma GCC unroll 2
            for (int v = 0; v < PART; v++)
                store_points(m, half[v] + j * CPU_WINOGRAD_TAPS,
                             points + i + v * CPU_LANES + (size_t)(j * m->points) * step, step);
    }
}

// ---------------------------------------------------------------- points to data

// Takes the columns of a panel from points; half has m->width rows.
CPU_TRANSFORM void load_points(const struct cpu_winograd_matrix *m, const float *points,
                               size_t step, cpu_vec half[PART][SQUARE])
{
    for (int k = 0; k < m->points; k++)
#pragma GCC unroll 2
        for (int v = 0; v < PART; v++) {
            cpu_vec column[CPU_WINOGRAD_POINTS], ends[CPU_WINOGRAD_POINTS];
#pragma GCC unroll 6
            for (int j = 0; j < m->points; j++)
                column[j] = cpu_load(points + v * CPU_LANES + (size_t)(j * m->points + k) * step);
            cpu_from_points(m, column, ends);
#pragma GCC unroll 6
            for (int i = 0; i < m->width; i++)
                half[v][i * m->points + k] = ends[i];
        }
}

// A panel, of which whole cache lines are written; `lanes` are out->lanes, known beforehand where
// all exist.
CPU_TRANSFORM void panel_to_tile(const struct cpu_winograd_matrix *m, const float *points,
                                 size_t step, const size_t *pixels, const int lanes,
                                 const struct cpu_tile_output *out)
{
    _Alignas(CPU_ALIGNMENT) cpu_vec half[PART][SQUARE];
    load_points(m, points, step, half);
    for (int i = 0; i < m->width; i++) {
        cpu_vec row[PART][CPU_WINOGRAD_POINTS];
#pragma GCC unroll 2
        for (int v = 0; v < PART; v++)
            cpu_from_points(m, half[v] + i * m->points, row[v]);
#pragma GCC unroll 6
        for (int o = 0; o < m->width; o++) {
            size_t pixel = pixels[i * m->width + o];
            if (pixel == CPU_WINOGRAD_NONE)
                continue;
#pragma GCC unroll 2
            for (int v = 0; v < PART; v++)
                if (v * CPU_LANES < lanes)
                    cpu_finish_vector(row[v][o], v * CPU_LANES, lanes - v * CPU_LANES, pixel, out);
        }
    }
}

CPU_TRANSFORM void points_to_tile(const struct cpu_winograd_matrix *m, const float *points,
                                  size_t step, const size_t *pixels,
                                  const struct cpu_tile_output *output)
{
    const struct cpu_tile_output out = *output; // Which nothing that is written aliases.
    if (out.lanes == CPU_PANEL)
        panel_to_tile(m, points, step, pixels, CPU_PANEL, &out);
    else
        panel_to_tile(m, points, step, pixels, out.lanes, &out);
}

CPU_TRANSFORM void points_to_weights(const struct cpu_winograd_matrix *m, const float *points,
                                     size_t step, int count, float *taps, size_t tap_step)
{
    for (int i = 0; i < count; i += CPU_PANEL) {
        _Alignas(CPU_ALIGNMENT) cpu_vec half[PART][SQUARE];
        load_points(m, points + i, step, half);
#pragma GCC unroll 3
        for (int y = 0; y < CPU_WINOGRAD_TAPS; y++)
#pragma GCC unroll 2
            for (int v = 0; v < PART; v++) {
                cpu_vec row[CPU_WINOGRAD_POINTS];
                cpu_from_points(m, half[v] + y * m->points, row);
#pragma GCC unroll 3
                for (int x = 0; x < CPU_WINOGRAD_TAPS; x++)
                    cpu_store(taps + i + v * CPU_LANES +
                                  (size_t)(y * CPU_WINOGRAD_TAPS + x) * tap_step,
                              row[x]);
            }
    }
}

// ---------------------------------------------------------------- the algorithms

#define DEFINE_KERNELS(name, points, outputs, inputs, inset)                                       \
    static void name##_src(const float *image, const size_t *pixels, int channels, float *at,      \
                           size_t step, float *sums)                                               \
    {                                                                                              \
        (void)sums;                                                                                \
        tile_to_points(&cpu_##name##_src, image, pixels, channels, at, step, NULL);                \
    }                                                                                              \
    static void name##_diff_dst(const float *image, const size_t *pixels, int channels, float *at, \
                                size_t step, float *sums)                                          \
    {                                                                                              \
        if (sums)                                                                                  \
            tile_to_points(&cpu_##name##_dst, image, pixels, channels, at, step, sums);            \
        else                                                                                       \
            tile_to_points(&cpu_##name##_dst, image, pixels, channels, at, step, NULL);            \
    }                                                                                              \
    static void name##_dst(const float *at, size_t step, const size_t *pixels,                     \
                           const struct cpu_tile_output *out)                                      \
    {                                                                                              \
        points_to_tile(&cpu_##name##_dst, at, step, pixels, out);                                  \
    }                                                                                              \
    static void name##_weights(const float *taps, ptrdiff_t tap_step, int count, float *at,        \
                               size_t step)                                                        \
    {                                                                                              \
        weights_to_points(&cpu_##name##_weights, taps, tap_step, count, at, step);                 \
    }                                                                                              \
    static void name##_diff_weights(const float *at, size_t step, int count, float *taps,          \
                                    size_t tap_step)                                               \
    {                                                                                              \
        points_to_weights(&cpu_##name##_weights, at, step, count, taps, tap_step);                 \
    }                                                                                              \
    static const struct cpu_winograd_kernels name##_kernels = {                                    \
        points,     outputs,        inputs,                                                        \
        inset,      name##_src,     name##_diff_dst,                                               \
        name##_dst, name##_weights, name##_diff_weights};

DEFINE_KERNELS(winograd_4x4, 6, 4, 6, 0)
DEFINE_KERNELS(winograd_2x2, 4, 2, 4, 0)
DEFINE_KERNELS(toeplitz_2x2, 3, 2, 2, 1)

const struct cpu_winograd_kernels *CPU_NAME(winograd_kernels)(enum clef_conv2d_algorithm algorithm)
{
    switch (algorithm) {
    case CLEF_CONV2D_WINOGRAD_4X4:
        return &winograd_4x4_kernels;
    case CLEF_CONV2D_WINOGRAD_2X2:
        return &winograd_2x2_kernels;
    case CLEF_CONV2D_TOEPLITZ_2X2:
        return &toeplitz_2x2_kernels;
    default:
        return NULL;
    }
}

void CPU_NAME(winograd_to_points)(cpu_winograd_tile_kernel *kernel,
                                  const struct cpu_winograd_tiles *tiles,
                                  const struct cpu_winograd_image *image, int first, int rows,
                                  float *points, float *sums)
{
    const struct cpu_view *view = &image->view;
    const struct cpu_winograd_matrices *to = &image->points;
    size_t pixels[CPU_WINOGRAD_PIXELS];
    for (int i = 0; i < rows; i++) {
        int n = (first + i) % tiles->images;
        if (i == 0 || n == 0)
            cpu_winograd_find_pixels(tiles, image, first + i, pixels);
        kernel(view->data + (size_t)n * view->stride_n, pixels, view->c,
               points + (size_t)i * to->row, to->point, sums);
    }
}
