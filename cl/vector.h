// SPDX-License-Identifier: Apache-2.0
// The vector that a work-item computes with. A graphics processor takes a WIDTH of 1, so that
// neighbouring work-items read neighbouring elements.
#ifndef CLEF_VECTOR_H
#define CLEF_VECTOR_H

// Floats: 1, 2, 4, 8 or 16.
#ifndef WIDTH
#define WIDTH 1
#endif

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#if WIDTH == 1
typedef float vec;
typedef int ivec;
#define LOAD(at) (*(at))
#define STORE(value, at) (*(at) = (value))
#else
typedef JOIN(float, WIDTH) vec;
typedef JOIN(int, WIDTH) ivec;
// Elements need no more alignment than a float.
#if WIDTH < 8
#define LOAD(at) JOIN(vload, WIDTH)(0, at)
#define STORE(value, at) JOIN(vstore, WIDTH)(value, 0, at)
#else
#include "access.h"
#define LOAD(at) JOIN(load_vector, WIDTH)(at)
#define STORE(value, at) store_vector(value, at)
#endif
#endif

// Exchanges the rows and columns of WIDTH vectors. A round puts the even elements of all pairs of
// rows before the odd ones, which turns the bits of an element's place, (row, column), by one.
#if WIDTH == 1
#define transpose(rows)
#else
__attribute__((always_inline)) void transpose(vec *rows)
{
#pragma unroll
    for (int round = 1; round < WIDTH; round *= 2) {
        vec turned[WIDTH];
#pragma unroll
        for (int i = 0; i < WIDTH / 2; i++) {
            turned[i] = (vec)(rows[2 * i].even, rows[2 * i + 1].even);
            turned[i + WIDTH / 2] = (vec)(rows[2 * i].odd, rows[2 * i + 1].odd);
        }
#pragma unroll
        for (int i = 0; i < WIDTH; i++)
            rows[i] = turned[i];
    }
}
#endif

// max(0, x) with NaN kept, and x where mask > 0, else 0. `type` is vec or float.
#define RELU(type, x) select(x, (type)0, (x) < (type)0)
#define WHERE_POSITIVE(type, mask, x) select((type)0, x, (mask) > (type)0)

#endif
