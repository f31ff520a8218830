// SPDX-License-Identifier: Apache-2.0
// The matrices of the Winograd algorithms, as functions of one line of a tile; see winograd.cl.
//
//     input_line      B^T: POINTS values of INPUTS elements of the source
//     weights_line    G:   POINTS values of three weights
//     output_line     A^T: OUTPUTS elements of the result of POINTS values
//     gradient_line   A:   POINTS values of OUTPUTS elements of the result's gradient
//     weights_gradient_line  G^T: the gradients of three weights of POINTS values
//
// Those of ALGORITHM 44 and 22, F(4,3) and F(2,3), are made by Cook and Toom's construction: with
// the points p, row j of A^T has the powers of the points, row j of G is (1, p, p^2) / prod (p - q)
// over the other points q, and row j of B^T has the coefficients of prod (x - q); the last row, for
// the point at infinity, those of the product over all points. F(2,3) has the points 0, 1, -1.
// F(4,3) has 0, 3/4, -3/4, 3/2, -3/2, whose rounding errors are half of those of the more usual 0,
// 1, -1, 2, -2; all numbers of A and B are exact in float. No row is scaled: the sums of their
// magnitudes differ by less than a factor of two, and to scale by a power of two changes no error.
//
// ALGORITHM 33 is for images of 2x2 with a line of padding on each side, where the matrix of a line
// is of Toeplitz's form: (w1 w2, w0 w1) times (x0, x1) takes three products instead of four.
#ifndef CLEF_WINOGRAD_LINES_H
#define CLEF_WINOGRAD_LINES_H

#ifndef ALGORITHM
#define ALGORITHM 44 // 44, 22 or 33.
#endif

#if ALGORITHM == 44

#define INPUTS 6
#define POINTS 6
#define OUTPUTS 4

// The two positive points, and their powers.
#define P 0.75f
#define Q 1.5f
#define P2 (P * P)
#define Q2 (Q * Q)
#define P3 (P2 * P)
#define Q3 (Q2 * Q)
// One over the products of the differences of the points.
#define AT_0 (64.0f / 81.0f)
#define AT_P (-128.0f / 243.0f)
#define AT_Q (32.0f / 243.0f)

// Rows of opposite points share the sums of their even and of their odd coefficients.
void input_line(const vec *x, vec *v)
{
    const vec even_p = x[4] - Q2 * x[2], odd_p = P * (x[3] - Q2 * x[1]);
    const vec even_q = x[4] - P2 * x[2], odd_q = Q * (x[3] - P2 * x[1]);
    v[0] = x[4] - (P2 + Q2) * x[2] + P2 * Q2 * x[0];
    v[1] = even_p + odd_p;
    v[2] = even_p - odd_p;
    v[3] = even_q + odd_q;
    v[4] = even_q - odd_q;
    v[5] = x[5] - (P2 + Q2) * x[3] + P2 * Q2 * x[1];
}

void weights_line(const vec *w, vec *u)
{
    const vec even_p = AT_P * (w[0] + P2 * w[2]), odd_p = AT_P * P * w[1];
    const vec even_q = AT_Q * (w[0] + Q2 * w[2]), odd_q = AT_Q * Q * w[1];
    u[0] = AT_0 * w[0];
    u[1] = even_p + odd_p;
    u[2] = even_p - odd_p;
    u[3] = even_q + odd_q;
    u[4] = even_q - odd_q;
    u[5] = w[2];
}

void output_line(const vec *m, vec *y)
{
    const vec sum_p = m[1] + m[2], difference_p = m[1] - m[2];
    const vec sum_q = m[3] + m[4], difference_q = m[3] - m[4];
    y[0] = m[0] + sum_p + sum_q;
    y[1] = P * difference_p + Q * difference_q;
    y[2] = P2 * sum_p + Q2 * sum_q;
    y[3] = P3 * difference_p + Q3 * difference_q + m[5];
}

void gradient_line(const vec *y, vec *m)
{
    const vec even_p = y[0] + P2 * y[2], odd_p = P * y[1] + P3 * y[3];
    const vec even_q = y[0] + Q2 * y[2], odd_q = Q * y[1] + Q3 * y[3];
    m[0] = y[0];
    m[1] = even_p + odd_p;
    m[2] = even_p - odd_p;
    m[3] = even_q + odd_q;
    m[4] = even_q - odd_q;
    m[5] = y[3];
}

void weights_gradient_line(const vec *u, vec *w)
{
    const vec sum_p = AT_P * (u[1] + u[2]), difference_p = AT_P * P * (u[1] - u[2]);
    const vec sum_q = AT_Q * (u[3] + u[4]), difference_q = AT_Q * Q * (u[3] - u[4]);
    w[0] = AT_0 * u[0] + sum_p + sum_q;
    w[1] = difference_p + difference_q;
    w[2] = P2 * sum_p + Q2 * sum_q + u[5];
}

#elif ALGORITHM == 22

#define INPUTS 4
#define POINTS 4
#define OUTPUTS 2

// Of the point 0, B and G have the signs changed.
void input_line(const vec *x, vec *v)
{
    v[0] = x[0] - x[2];
    v[1] = x[2] + x[1];
    v[2] = x[2] - x[1];
    v[3] = x[3] - x[1];
}

void weights_line(const vec *w, vec *u)
{
    const vec even = 0.5f * (w[0] + w[2]), odd = 0.5f * w[1];
    u[0] = w[0];
    u[1] = even + odd;
    u[2] = even - odd;
    u[3] = w[2];
}

void output_line(const vec *m, vec *y)
{
    y[0] = m[0] + m[1] + m[2];
    y[1] = m[1] - m[2] + m[3];
}

void gradient_line(const vec *y, vec *m)
{
    m[0] = y[0];
    m[1] = y[0] + y[1];
    m[2] = y[0] - y[1];
    m[3] = y[1];
}

void weights_gradient_line(const vec *u, vec *w)
{
    const vec sum = 0.5f * (u[1] + u[2]);
    w[0] = u[0] + sum;
    w[1] = 0.5f * (u[1] - u[2]);
    w[2] = sum + u[3];
}

#else

#define INPUTS 2
#define POINTS 3
#define OUTPUTS 2

// y0 = (x0 + x1) w1 + x1 (w2 - w1), y1 = (x0 + x1) w1 + x0 (w0 - w1).
void input_line(const vec *x, vec *v)
{
    v[0] = x[0] + x[1];
    v[1] = x[1];
    v[2] = x[0];
}

void weights_line(const vec *w, vec *u)
{
    u[0] = w[1];
    u[1] = w[2] - w[1];
    u[2] = w[0] - w[1];
}

void output_line(const vec *m, vec *y)
{
    y[0] = m[0] + m[1];
    y[1] = m[0] + m[2];
}

void gradient_line(const vec *y, vec *m)
{
    m[0] = y[0] + y[1];
    m[1] = y[0];
    m[2] = y[1];
}

void weights_gradient_line(const vec *u, vec *w)
{
    w[0] = u[2];
    w[1] = u[0] - u[1] - u[2];
    w[2] = u[1];
}

#endif
#endif
