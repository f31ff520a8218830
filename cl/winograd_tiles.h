// SPDX-License-Identifier: Apache-2.0
// What Winograd's kernels do with a tile of an image: take it to points, and bring it back.
//
// Where the values of points are is the includer's choice of SPACE, an address space.
#ifndef CLEF_WINOGRAD_TILES_H
#define CLEF_WINOGRAD_TILES_H

#include "vector.h"
#include "winograd_lines.h"

// Bits of `flags`.
#define BIAS 1
#define ADDEND 2
#define RELU_FLAG 4

// The distance between the rows of weights of two points. It is odd, so that the same element of
// all points does not fall on one set of a cache.
#define WEIGHT_ROWS(channels) ((channels) | 1)

// Where WIDTH channels of a tile begin in the result, as (n, h, w, c): the row of an image in one
// of its tiles, of which there are `tiles_x` in each line.
int4 find_place(int row, int channel, int images, int tiles_x)
{
    const int tile = row / images, line = tile / tiles_x;
    return (int4)(row - tile * images, line * OUTPUTS, (tile - line * tiles_x) * OUTPUTS, channel);
}

ulong find_element(int4 place, int y, int x, int4 strides)
{
    return (ulong)place.x * strides.x + (ulong)(place.y + y) * strides.y +
           (ulong)(place.z + x) * strides.z + place.w;
}

// In line before anything else, since otherwise compilers for graphics processors leave an array in
// memory. Pointers are not restrict, of which Oclgrind does not understand what becomes in line.
#define IN_LINE __attribute__((always_inline))

// A processor asks for what lies `ahead` floats behind what it loads; 0 asks for nothing.
#if WIDTH > 1
#include "ask.h"
#define LOAD_AND_ASK(at, ahead) ((ahead) ? ASK_FOR((at) + (ahead)) : (void)0, LOAD(at))
#else
#define LOAD_AND_ASK(at, ahead) LOAD(at)
#endif

// Makes values, `step` floats apart, of the source's positions from a place on, which may lie
// outside of it.
IN_LINE void source_to_points(global const float *src, int4 place, int4 shape, int4 strides,
                              const int ahead, SPACE float *values, int step)
{
    vec columns[POINTS][INPUTS];
#pragma unroll
    for (int j = 0; j < INPUTS; j++) {
        vec d[INPUTS], v[POINTS];
        const int x = place.z + j;
#pragma unroll
        for (int i = 0; i < INPUTS; i++) {
            const int y = place.y + i;
            d[i] = 0;
            if (y >= 0 && y < shape.y && x >= 0 && x < shape.z)
                d[i] = LOAD_AND_ASK(src + find_element(place, i, j, strides), ahead);
        }
        input_line(d, v);
#pragma unroll
        for (int i = 0; i < POINTS; i++)
            columns[i][j] = v[i];
    }
#pragma unroll
    for (int i = 0; i < POINTS; i++) {
        vec v[POINTS];
        input_line(columns[i], v);
#pragma unroll
        for (int j = 0; j < POINTS; j++)
            STORE(v[j], values + (ulong)(i * POINTS + j) * step);
    }
}

// Makes values, `step` floats apart, of the result's gradient from a place on.
IN_LINE void gradient_to_points(global const float *diff_dst, int4 place, int4 shape, int4 strides,
                                const int ahead, SPACE float *values, int step)
{
    vec columns[POINTS][OUTPUTS];
#pragma unroll
    for (int j = 0; j < OUTPUTS; j++) {
        vec y[OUTPUTS], m[POINTS];
#pragma unroll
        for (int i = 0; i < OUTPUTS; i++) {
            y[i] = 0;
            if (place.y + i < shape.y && place.z + j < shape.z)
                y[i] = LOAD_AND_ASK(diff_dst + find_element(place, i, j, strides), ahead);
        }
        gradient_line(y, m);
#pragma unroll
        for (int i = 0; i < POINTS; i++)
            columns[i][j] = m[i];
    }
#pragma unroll
    for (int i = 0; i < POINTS; i++) {
        vec m[POINTS];
        gradient_line(columns[i], m);
#pragma unroll
        for (int j = 0; j < POINTS; j++)
            STORE(m[j], values + (ulong)(i * POINTS + j) * step);
    }
}

// The way back from the products, to what of the tile lies inside of the image. The addend may be
// dst itself.
IN_LINE void points_to_target(SPACE const float *values, int step, int4 place,
                              global const float *bias, global const float *addend,
                              global float *dst, int4 shape, int4 strides, int flags)
{
    vec lines[OUTPUTS][POINTS];
#pragma unroll
    for (int j = 0; j < POINTS; j++) {
        vec m[POINTS], y[OUTPUTS];
#pragma unroll
        for (int i = 0; i < POINTS; i++)
            m[i] = LOAD(values + (ulong)(i * POINTS + j) * step);
        output_line(m, y);
#pragma unroll
        for (int i = 0; i < OUTPUTS; i++)
            lines[i][j] = y[i];
    }
    vec offset = 0;
    if (flags & BIAS)
        offset = LOAD(bias + place.w);
#pragma unroll
    for (int i = 0; i < OUTPUTS; i++) {
        vec y[OUTPUTS];
        output_line(lines[i], y);
#pragma unroll
        for (int j = 0; j < OUTPUTS; j++) {
            if (place.y + i >= shape.y || place.z + j >= shape.z)
                continue;
            const ulong at = find_element(place, i, j, strides);
            vec sum = y[j] + offset;
            if (flags & ADDEND)
                sum += LOAD(addend + at);
            if (flags & RELU_FLAG)
                sum = RELU(vec, sum);
            STORE(sum, dst + at);
        }
    }
}

#endif
