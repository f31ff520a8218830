// SPDX-License-Identifier: Apache-2.0
// A transform takes the columns of a square through memory that stays in the first-level cache, and
// then its rows: the squares have more vectors than there are registers.
#include "cpu/ops/cpu_winograd_kernels.h"
#include "cpu/ops/cpu_winograd_transform.h"

#define SQUARE (CPU_WINOGRAD_POINTS * CPU_WINOGRAD_POINTS)

// ---------------------------------------------------------------- data to points

CPU_TRANSFORM void store_points(const struct cpu_winograd_matrix *m, const cpu_vec *half,
                                float *points, size_t step)
{
    for (int j = 0; j < m->points; j++) {
        cpu_vec row[CPU_WINOGRAD_POINTS];
        cpu_to_points(m, half + j * m->width, row);
#pragma GCC unroll 6
        for (int k = 0; k < m->points; k++)
            cpu_store(points + (size_t)(j * m->points + k) * step, row[k]);
    }
}

CPU_TRANSFORM cpu_vec load_pixel(const float *image, size_t pixel, const int lanes)
{
    if (pixel == CPU_WINOGRAD_NONE)
        return (cpu_vec){0};
    return lanes == CPU_LANES ? cpu_load(image + pixel) : cpu_load_part(image + pixel, lanes);
}

// One vector of channels; `sums` is NULL, or gets the sum of the pixels.
CPU_TRANSFORM void tile_vector(const struct cpu_winograd_matrix *m, const float *image,
                               const size_t *pixels, const int lanes, float *points, size_t step,
                               float *sums)
{
    _Alignas(CPU_ALIGNMENT) cpu_vec half[SQUARE];
    cpu_vec sum = {0};
    for (int x = 0; x < m->width; x++) {
        cpu_vec column[CPU_WINOGRAD_POINTS], ends[CPU_WINOGRAD_POINTS];
#pragma GCC unroll 6
        for (int y = 0; y < m->width; y++) {
            column[y] = load_pixel(image, pixels[y * m->width + x], lanes);
            if (sums)
                sum += column[y];
        }
        cpu_to_points(m, column, ends);
#pragma GCC unroll 6
        for (int j = 0; j < m->points; j++)
            half[j * m->width + x] = ends[j];
    }
    store_points(m, half, points, step);
    if (sums)
        cpu_store(sums, cpu_load(sums) + sum);
}

CPU_TRANSFORM void tile_to_points(const struct cpu_winograd_matrix *m, const float *image,
                                  const size_t *pixels, int channels, float *points, size_t step,
                                  float *sums)
{
    int c = 0;
    for (; c + CPU_LANES <= channels; c += CPU_LANES)
        tile_vector(m, image + c, pixels, CPU_LANES, points + c, step, sums ? sums + c : NULL);
    if (c < channels)
        tile_vector(m, image + c, pixels, channels - c, points + c, step, sums ? sums + c : NULL);
}

CPU_TRANSFORM void weights_to_points(const struct cpu_winograd_matrix *m, const float *taps,
                                     ptrdiff_t tap_step, int count, float *points, size_t step)
{
    for (int i = 0; i < count; i += CPU_LANES) {
        _Alignas(CPU_ALIGNMENT) cpu_vec half[SQUARE];
#pragma GCC unroll 3
        for (int x = 0; x < CPU_WINOGRAD_TAPS; x++) {
            cpu_vec column[CPU_WINOGRAD_TAPS], ends[CPU_WINOGRAD_POINTS];
#pragma GCC unroll 3
            for (int y = 0; y < CPU_WINOGRAD_TAPS; y++)
                column[y] = cpu_load(taps + i + (y * CPU_WINOGRAD_TAPS + x) * tap_step);
            cpu_to_points(m, column, ends);
#pragma GCC unroll 6
            for (int j = 0; j < m->points; j++)
                half[j * CPU_WINOGRAD_TAPS + x] = ends[j];
        }
        store_points(m, half, points + i, step);
    }
}

// ---------------------------------------------------------------- points to data

// Takes the columns from points; half has m->width rows.
CPU_TRANSFORM void load_points(const struct cpu_winograd_matrix *m, const float *points,
                               size_t step, cpu_vec *half)
{
    for (int k = 0; k < m->points; k++) {
        cpu_vec column[CPU_WINOGRAD_POINTS], ends[CPU_WINOGRAD_POINTS];
#pragma GCC unroll 6
        for (int j = 0; j < m->points; j++)
            column[j] = cpu_load(points + (size_t)(j * m->points + k) * step);
        cpu_from_points(m, column, ends);
#pragma GCC unroll 6
        for (int i = 0; i < m->width; i++)
            half[i * m->points + k] = ends[i];
    }
}

// A panel, of which whole cache lines are written.
CPU_TRANSFORM void points_to_tile(const struct cpu_winograd_matrix *m, const float *points,
                                  size_t step, const size_t *pixels,
                                  const struct cpu_tile_output *out)
{
    _Alignas(CPU_ALIGNMENT) cpu_vec half[CPU_PANEL / CPU_LANES][SQUARE];
    for (int c = 0; c < out->lanes; c += CPU_LANES)
        load_points(m, points + c, step, half[c / CPU_LANES]);
    for (int i = 0; i < m->width; i++)
        for (int c = 0; c < out->lanes; c += CPU_LANES) {
            cpu_vec row[CPU_WINOGRAD_POINTS];
            cpu_from_points(m, half[c / CPU_LANES] + i * m->points, row);
#pragma GCC unroll 6
            for (int o = 0; o < m->width; o++) {
                size_t pixel = pixels[i * m->width + o];
                if (pixel != CPU_WINOGRAD_NONE)
                    cpu_finish_vector(row[o], c, out->lanes - c, pixel, out);
            }
        }
}

CPU_TRANSFORM void points_to_weights(const struct cpu_winograd_matrix *m, const float *points,
                                     size_t step, int count, float *taps, size_t tap_step)
{
    for (int i = 0; i < count; i += CPU_LANES) {
        _Alignas(CPU_ALIGNMENT) cpu_vec half[SQUARE];
        load_points(m, points + i, step, half);
#pragma GCC unroll 3
        for (int y = 0; y < CPU_WINOGRAD_TAPS; y++) {
            cpu_vec row[CPU_WINOGRAD_POINTS];
            cpu_from_points(m, half + y * m->points, row);
#pragma GCC unroll 3
            for (int x = 0; x < CPU_WINOGRAD_TAPS; x++)
                cpu_store(taps + i + (size_t)(y * CPU_WINOGRAD_TAPS + x) * tap_step, row[x]);
        }
    }
}

// ---------------------------------------------------------------- the algorithms

#define DEFINE_KERNELS(name, points, outputs, inputs, inset)                                       \
    static void name##_src(const float *image, const size_t *pixels, int channels, float *at,      \
                           size_t step, float *sums)                                               \
    {                                                                                              \
        tile_to_points(&cpu_##name##_src, image, pixels, channels, at, step, sums);                \
    }                                                                                              \
    static void name##_diff_dst(const float *image, const size_t *pixels, int channels, float *at, \
                                size_t step, float *sums)                                          \
    {                                                                                              \
        tile_to_points(&cpu_##name##_dst, image, pixels, channels, at, step, sums);                \
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
