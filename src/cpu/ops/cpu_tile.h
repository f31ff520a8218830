// SPDX-License-Identifier: Apache-2.0
// The two register tiles of all matrix work: CPU_TILE_ROWS rows by one panel of filters.
//
// cpu_tile_multiply: rows x panel  = sum over segments of source rows times rows of weights
// (forward, backward_data) cpu_tile_outer:    rows x panel += sum over positions of source elements
// times diff_dst rows  (backward_weights)
//
// Per step of the reduction a tile loads two vectors and broadcasts one scalar a row, for two
// multiply-adds a row: with six rows of AVX2 or twelve of AVX-512, arithmetic is the limit and not
// the loads.
#ifndef CLEF_CPU_TILE_H
#define CLEF_CPU_TILE_H

#include "cpu/cpu_conv2d_runs.h"
#include "cpu/ops/cpu_isa.h"

// Where the rows of a product go, and what is done to them on the way.
struct cpu_tile_output {
    float *dst;          // First element of the panel in row 0.
    size_t dst_row;      // Stride between rows.
    const float *bias;   // Of the panel; NULL for none.
    const float *addend; // As dst, with the same stride; NULL for none.
    int lanes;           // Filters of the panel that exist, 1 .. CPU_PANEL.
    bool relu;
};

struct cpu_tile_input {
    const float *src;      // Segment offsets count from here.
    size_t src_row;        // Stride between rows.
    size_t element_stride; // Between the elements of a segment.
    const float *weights;  // The panel's first row.
    const struct cpu_conv2d_segment *segments;
    int segment_count;
};

// Computes `rows` in 1 .. CPU_TILE_ROWS rows of one panel.
void CPU_NAME(tile_multiply)(int rows, const struct cpu_tile_input *in,
                             const struct cpu_tile_output *out);

struct cpu_tile_outer_input {
    const float *src;      // Element of row 0 at the first position.
    size_t src_row;        // Stride between rows of the tile: elements of the segment.
    size_t src_step;       // Stride between positions.
    const float *diff_dst; // The panel at the first position; all CPU_PANEL lanes must be readable.
    size_t diff_step;      // Stride between positions.
    int steps;             // Positions.
};

// Adds to `rows` in 1 .. CPU_TILE_ROWS consecutive rows of a panel of gradients.
void CPU_NAME(tile_outer)(int rows, const struct cpu_tile_outer_input *in, float *diff_weights);

// Calls body(first_row, rows) so that `total` rows are split as evenly as tiles allow: no tile is
// much smaller than the others.
#define CPU_FOR_EACH_TILE(first, rows, total)                                       \
    for (int first = 0, tiles_left = ((total) + CPU_TILE_ROWS - 1) / CPU_TILE_ROWS, \
             rows = tiles_left ? ((total) + tiles_left - 1) / tiles_left : 0;       \
         first < (total); first += rows, tiles_left--,                              \
             rows = tiles_left ? ((total)-first + tiles_left - 1) / tiles_left : 0)

#endif
