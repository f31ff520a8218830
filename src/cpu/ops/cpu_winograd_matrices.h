// SPDX-License-Identifier: Apache-2.0
// The matrices of Winograd's algorithms for 3x3 kernels.
//
// In one dimension, a tile of `outputs` results of three taps w sees `inputs` elements d:
//
//     y = A^T [(G w) . (B d)]
//
// with one product for each of the points at which polynomials are evaluated (Cook and Toom). With
// the points p(k), row j of B has the coefficients of prod over k != j of (x - p(k)), row j of G is
// [1, p, p^2] divided by that polynomial at p(j), row j of A is [1, p, p^2, ...], and the last row
// of each is for the point infinity. In two dimensions the matrices are applied to columns, then to
// rows. The gradients are the adjoints: what takes data to points, such as B, has a transpose that
// takes points to data.
#ifndef CLEF_CPU_WINOGRAD_MATRICES_H
#define CLEF_CPU_WINOGRAD_MATRICES_H

#define CPU_WINOGRAD_POINTS 6 // Of the largest.
#define CPU_WINOGRAD_TAPS 3

// From `width` elements to `points` points. Points 1 and 2, 3 and 4, ... up to `pairs` pairs are p
// and -p: their rows agree in the columns 0, 2, ..., and differ in the sign of the others.
struct cpu_winograd_matrix {
    int points, pairs, width;
    float at[CPU_WINOGRAD_POINTS][CPU_WINOGRAD_POINTS];
};

// F(4x4, 3x3) with the points 0, +-3/4, +-3/2 and infinity. Rounding errors are half as large as
// with the usual 0, +-1, +-2, since powers of the points and their inverses stay closer to one.
// Factors that are powers of two could be moved between the matrices, but would change no rounding.
static const struct cpu_winograd_matrix cpu_winograd_4x4_src = {
    6,
    2,
    6,
    {{81.0f / 64, 0, -45.0f / 16, 0, 1, 0},
     {0, -27.0f / 16, -9.0f / 4, 3.0f / 4, 1, 0},
     {0, 27.0f / 16, -9.0f / 4, -3.0f / 4, 1, 0},
     {0, -27.0f / 32, -9.0f / 16, 3.0f / 2, 1, 0},
     {0, 27.0f / 32, -9.0f / 16, -3.0f / 2, 1, 0},
     {0, 81.0f / 64, 0, -45.0f / 16, 0, 1}},
};
static const struct cpu_winograd_matrix cpu_winograd_4x4_weights = {
    6,
    2,
    3,
    {{64.0f / 81, 0, 0},
     {-128.0f / 243, -32.0f / 81, -8.0f / 27},
     {-128.0f / 243, 32.0f / 81, -8.0f / 27},
     {32.0f / 243, 16.0f / 81, 8.0f / 27},
     {32.0f / 243, -16.0f / 81, 8.0f / 27},
     {0, 0, 1}},
};
static const struct cpu_winograd_matrix cpu_winograd_4x4_dst = {
    6,
    2,
    4,
    {{1, 0, 0, 0},
     {1, 3.0f / 4, 9.0f / 16, 27.0f / 64},
     {1, -3.0f / 4, 9.0f / 16, -27.0f / 64},
     {1, 3.0f / 2, 9.0f / 4, 27.0f / 8},
     {1, -3.0f / 2, 9.0f / 4, -27.0f / 8},
     {0, 0, 0, 1}},
};

// F(2x2, 3x3) with the points 0, +-1 and infinity.
static const struct cpu_winograd_matrix cpu_winograd_2x2_src = {
    4,
    1,
    4,
    {{-1, 0, 1, 0}, {0, 1, 1, 0}, {0, -1, 1, 0}, {0, -1, 0, 1}},
};
static const struct cpu_winograd_matrix cpu_winograd_2x2_weights = {
    4,
    1,
    3,
    {{-1, 0, 0}, {0.5f, 0.5f, 0.5f}, {0.5f, -0.5f, 0.5f}, {0, 0, 1}},
};
static const struct cpu_winograd_matrix cpu_winograd_2x2_dst = {
    4,
    1,
    2,
    {{1, 0}, {1, 1}, {1, -1}, {0, 1}},
};

// An image of two elements a, b with a zero on each side is the product of a 2x2 Toeplitz matrix,
// which takes three products instead of four: y0 = (a+b) w1 + b (w2-w1), y1 = (a+b) w1 + a (w0-w1).
// Sums and differences are all that it adds, so that rounding stays as it is.
static const struct cpu_winograd_matrix cpu_toeplitz_2x2_src = {
    3,
    0,
    2,
    {{1, 1}, {0, 1}, {1, 0}},
};
static const struct cpu_winograd_matrix cpu_toeplitz_2x2_weights = {
    3,
    0,
    3,
    {{0, 1, 0}, {0, -1, 1}, {1, -1, 0}},
};
static const struct cpu_winograd_matrix cpu_toeplitz_2x2_dst = {
    3,
    0,
    2,
    {{1, 1}, {1, 0}, {0, 1}},
};

#endif
