// SPDX-License-Identifier: Apache-2.0
// How weights go to points, into the includer's SPACE: from panels of 16 filters with `in` rows a
// tap, to the place of a row and lane in a panel at the first point, the others `step` floats
// apart. And how their gradient comes back.
#ifndef CLEF_WINOGRAD_WEIGHTS_H
#define CLEF_WINOGRAD_WEIGHTS_H

#include "winograd_tiles.h"

#ifndef PANEL
#define PANEL 16 // Filters side by side in the layout of weights.
#endif
#define TAPS 9

// Makes POINTS^2 values, `step` floats apart, of nine weights.
IN_LINE void transform_weights(const vec *w, SPACE float *values, int step)
{
    vec columns[POINTS][3];
#pragma unroll
    for (int j = 0; j < 3; j++) {
        const vec column[3] = {w[j], w[3 + j], w[6 + j]};
        vec u[POINTS];
        weights_line(column, u);
#pragma unroll
        for (int i = 0; i < POINTS; i++)
            columns[i][j] = u[i];
    }
#pragma unroll
    for (int i = 0; i < POINTS; i++) {
        vec u[POINTS];
        weights_line(columns[i], u);
#pragma unroll
        for (int j = 0; j < POINTS; j++)
            STORE(u[j], values + (ulong)(i * POINTS + j) * step);
    }
}

// WIDTH filters of a row, from `filter` on.
IN_LINE void weights_to_points(global const float *weights, int in, int row, uint filter,
                               SPACE float *values, int step)
{
    weights += ((ulong)(filter / PANEL) * TAPS * in + row) * PANEL + filter % PANEL;
    vec w[TAPS];
#pragma unroll
    for (int tap = 0; tap < TAPS; tap++)
        w[tap] = LOAD(weights + (ulong)tap * in * PANEL);
    transform_weights(w, values, step);
}

// The same for backward_data: the taps in reverse, and panels of the `in` channels, with `out` rows
// a tap. WIDTH lanes of WIDTH rows at a time, so that all that is read is needed: lines of weights
// that are read again for each row would have left the cache, where those of all taps often meet.
// It asks for the next panel of filters, which is too far away for the processor to foresee.
IN_LINE void transposed_weights_to_points(global const float *weights, int in, int out, uint row,
                                          int channel, SPACE float *values, int step)
{
    weights += ((ulong)(row / PANEL) * TAPS * in + channel) * PANEL + row % PANEL;
    vec turned[WIDTH][TAPS];
#pragma unroll
    for (int tap = 0; tap < TAPS; tap++) {
        vec rows[WIDTH];
#pragma unroll
        for (int i = 0; i < WIDTH; i++) {
            rows[i] = 0;
            if (channel + i < in)
                rows[i] = LOAD_AND_ASK(weights + ((ulong)(TAPS - 1 - tap) * in + i) * PANEL,
                                       TAPS * in * PANEL);
        }
        transpose(rows);
#pragma unroll
        for (int k = 0; k < WIDTH; k++)
            turned[k][tap] = rows[k];
    }
    for (int k = 0; k < min(WIDTH, out - (int)row); k++)
        transform_weights(turned[k], values + k * PANEL, step);
}

// The gradients of nine weights, of POINTS^2 values.
IN_LINE void points_to_weights(SPACE const float *values, int step, vec *diff_weights)
{
    vec lines[3][POINTS];
#pragma unroll
    for (int j = 0; j < POINTS; j++) {
        vec u[POINTS], w[3];
#pragma unroll
        for (int i = 0; i < POINTS; i++)
            u[i] = LOAD(values + (ulong)(i * POINTS + j) * step);
        weights_gradient_line(u, w);
#pragma unroll
        for (int i = 0; i < 3; i++)
            lines[i][j] = w[i];
    }
#pragma unroll
    for (int i = 0; i < 3; i++) {
        vec w[3];
        weights_gradient_line(lines[i], w);
#pragma unroll
        for (int j = 0; j < 3; j++)
            diff_weights[3 * i + j] = w[j];
    }
}

#endif
