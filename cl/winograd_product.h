// SPDX-License-Identifier: Apache-2.0
// The products of a Winograd convolution at one point, of rows in the includer's SOURCE_SPACE and
// weights in its WEIGHTS_SPACE:
//
//     sums[row][filter of PANELS panels], in SPACE
//
// Elements of source are `pitch` floats apart from row to row, and `step` from product to product.
#ifndef CLEF_WINOGRAD_PRODUCT_H
#define CLEF_WINOGRAD_PRODUCT_H

#include "conv2d_tile.h"

// Adds one chain to the sums of `rows` rows, or begins them. Rows from `end` on are computed as
// copies of the last.
#define MULTIPLY(name, rows)                                                                  \
    void name(SPACE float *sums, SOURCE_SPACE const float *restrict source, int row, int end, \
              int pitch, int step, WEIGHTS_SPACE const float *restrict weights,               \
              size_t panel_pitch, int count, bool first)                                      \
    {                                                                                         \
        sums_of_row sum[rows];                                                                \
        SOURCE_SPACE const float *x[rows];                                                    \
        CLEAR(sum, rows)                                                                      \
        EACH_ROW(i, rows)                                                                     \
        {                                                                                     \
            x[i] = source + min(row + i, end - 1) * pitch;                                    \
        }                                                                                     \
        ADD_PRODUCTS(sum, rows, x, step, weights, panel_pitch, count)                         \
        sums += row * PANELS * PANEL;                                                         \
        if (!first)                                                                           \
            ADD_EARLIER(sum, rows, load_vector16(sums + (i * PANELS + p) * PANEL))            \
        EACH_ROW(i, rows)                                                                     \
        {                                                                                     \
            EACH_PANEL(p)                                                                     \
            {                                                                                 \
                store_vector(sum[i][p], sums + (i * PANELS + p) * PANEL);                     \
            }                                                                                 \
        }                                                                                     \
    }
MULTIPLY(multiply_tile, TILE)
MULTIPLY(multiply_tail, TAIL)

// One chain of `count` products of `rows` rows.
void add_chain(SPACE float *sums, SOURCE_SPACE const float *source, int rows, int pitch, int step,
               WEIGHTS_SPACE const float *weights, size_t panel_pitch, int count, bool first)
{
    int row = 0;
    for (; rows - row > TAIL; row += TILE)
        multiply_tile(sums, source, row, rows, pitch, step, weights, panel_pitch, count, first);
    if (row < rows)
        multiply_tail(sums, source, row, rows, pitch, step, weights, panel_pitch, count, first);
}

#endif
