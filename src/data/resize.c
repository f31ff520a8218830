// SPDX-License-Identifier: Apache-2.0
#include "data/resize.h"

#include "core/error.h"

#include <math.h>
#include <stdlib.h>

#define CHANNELS 3
#define ONE_BITS 22 // Weights are integers of this unit, so that 255 times their sum fits.
#define ONE (1 << ONE_BITS)

// What each new position of one axis is made of.
struct axis {
    int taps;         // At most, of each position.
    int *first;       // [positions]: the first old position.
    int *count;       // [positions]
    int32_t *weights; // [positions][taps]
};

static void free_axis(struct axis *axis)
{
    free(axis->first);
    free(axis->count);
    free(axis->weights);
}

// The triangle around `center`, whose sides are `reach` wide, in units of ONE.
static void weigh(double center, double reach, int first, int count, int32_t *weights)
{
    double sum = 0;
    for (int i = 0; i < count; i++)
        sum += fmax(0, 1 - fabs(first + i + 0.5 - center) / reach);
    for (int i = 0; i < count; i++) {
        double weight = fmax(0, 1 - fabs(first + i + 0.5 - center) / reach);
        weights[i] = (int32_t)lround(weight / sum * ONE);
    }
}

// @param ratio old positions for a new one
static clef_status make_axis(int old, int positions, double ratio, struct axis *axis)
{
    double reach = fmax(1, ratio), begin = (old - positions * ratio) / 2;
    axis->taps = 2 * (int)ceil(reach) + 1;
    axis->first = calloc((size_t)positions, sizeof *axis->first);
    axis->count = calloc((size_t)positions, sizeof *axis->count);
    axis->weights = calloc((size_t)positions * (size_t)axis->taps, sizeof *axis->weights);
    if (axis->first == NULL || axis->count == NULL || axis->weights == NULL)
        return clef_fail(CLEF_OUT_OF_MEMORY, "out of memory to resize a picture");
    for (int i = 0; i < positions; i++) {
        double center = begin + (i + 0.5) * ratio;
        int first = (int)fmax(0, floor(center - reach)), end = (int)fmin(old, ceil(center + reach));
        axis->first[i] = first;
        axis->count[i] = end - first;
        weigh(center, reach, first, end - first, axis->weights + (size_t)i * (size_t)axis->taps);
    }
    return CLEF_OK;
}

// One new position from old ones that lie `step` bytes apart.
static void mix(const uint8_t *src, size_t step, int count, const int32_t *weights, uint8_t *dst)
{
    for (int c = 0; c < CHANNELS; c++) {
        int32_t sum = ONE / 2;
        for (int i = 0; i < count; i++)
            sum += weights[i] * src[(size_t)i * step + (size_t)c];
        sum >>= ONE_BITS;
        dst[c] = (uint8_t)(sum > 255 ? 255 : sum);
    }
}

// Each line, from `begin` on, becomes shorter or longer.
static void resize_lines(const struct clef_picture *picture, int begin, int count,
                         const struct axis *axis, int width, uint8_t *lines)
{
    for (int y = 0; y < count; y++) {
        const uint8_t *src =
            picture->pixels + CHANNELS * (size_t)(begin + y) * (size_t)picture->width;
        uint8_t *dst = lines + CHANNELS * (size_t)y * (size_t)width;
        for (int x = 0; x < width; x++)
            mix(src + CHANNELS * (size_t)axis->first[x], CHANNELS, axis->count[x],
                axis->weights + (size_t)x * (size_t)axis->taps, dst + CHANNELS * (size_t)x);
    }
}

static void resize_columns(const uint8_t *lines, int begin, const struct axis *axis, int height,
                           int width, uint8_t *dst)
{
    size_t line = CHANNELS * (size_t)width;
    for (int y = 0; y < height; y++) {
        const uint8_t *src = lines + line * (size_t)(axis->first[y] - begin);
        for (int x = 0; x < width; x++)
            mix(src + CHANNELS * (size_t)x, line, axis->count[y],
                axis->weights + (size_t)y * (size_t)axis->taps,
                dst + line * (size_t)y + CHANNELS * (size_t)x);
    }
}

// Only the lines that are made something of.
static clef_status resize_along(const struct clef_picture *picture, const struct axis *across,
                                const struct axis *down, int height, int width, uint8_t *dst)
{
    int begin = down->first[0];
    int count = down->first[height - 1] + down->count[height - 1] - begin;
    uint8_t *lines = malloc(CHANNELS * (size_t)count * (size_t)width);
    if (lines == NULL)
        return clef_fail(CLEF_OUT_OF_MEMORY, "out of memory to resize a picture");
    resize_lines(picture, begin, count, across, width, lines);
    resize_columns(lines, begin, down, height, width, dst);
    free(lines);
    return CLEF_OK;
}

clef_status clef_resize(const struct clef_picture *picture, int height, int width, uint8_t *dst)
{
    double ratio = fmin((double)picture->height / height, (double)picture->width / width);
    struct axis down = {0}, across = {0};
    clef_status status = make_axis(picture->width, width, ratio, &across);
    if (status == CLEF_OK)
        status = make_axis(picture->height, height, ratio, &down);
    if (status == CLEF_OK)
        status = resize_along(picture, &across, &down, height, width, dst);
    free_axis(&across);
    free_axis(&down);
    return status;
}
