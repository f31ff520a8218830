// SPDX-License-Identifier: Apache-2.0
// The register tile of all matrix work: CPU_TILE_ROWS rows by one panel of filters.
//
// cpu_tile_multiply: sums (+)= source rows times rows of weights           (forward, backward_data)
// cpu_tile_outer:    sums (+)= source elements times rows of the gradient  (backward_weights)
//
// Per step of the reduction a tile loads two vectors and broadcasts one scalar a row, for two
// multiply-adds a row: with six rows of AVX2 or twelve of AVX-512, arithmetic is the limit and not
// the loads. One call is one chain of products in registers; the sums over chains are in memory,
// for some dozens of rows in the first-level cache, so that each part of the weights is read once
// for all of them.
#ifndef CLEF_CPU_TILE_H
#define CLEF_CPU_TILE_H

#include "cpu/cpu_conv2d_runs.h"
#include "cpu/ops/cpu_isa.h"

// Products summed in one chain. Each rounding error is relative to the sum so far, so that for n
// products in chains of c the variance of the error grows as n * (c + n / c) / 2: chains of 64 make
// the error of the network's longest reductions, n = 1152 to 4608, several times smaller.
#define CPU_CHAIN_LENGTH 64

#define CPU_AHEAD_STEPS 16

struct cpu_tile_input {
    const float *src;      // Segment offsets count from here.
    size_t src_row;        // Stride between rows.
    size_t element_stride; // Between the elements of a segment.
    const float *weights;  // Row 0 of the panel.
    const struct cpu_conv2d_segment *segments;
    int segment_count;
    // NULL, or where what is read next lies, with an element stride of 1 alone: of it the tile asks
    // for `ahead_lines` cache lines every CPU_AHEAD_STEPS steps.
    const float *ahead;
    int ahead_lines;
    // 0, or how many floats behind what the tile reads of src it asks for as much: where a segment
    // is a cache line of each row, and the next chain's too far away to be foreseen.
    size_t src_ahead;
};

// Sums `rows` in 1 .. CPU_TILE_ROWS rows of one panel, CPU_PANEL floats each: sums are overwritten
// if this is their first chain, else added to.
void CPU_NAME(tile_multiply)(int rows, const struct cpu_tile_input *in, bool first, float *sums);

struct cpu_tile_outer_input {
    const float *src;      // Element of row 0 at the first position.
    size_t src_row;        // Stride between rows of the tile: elements of a segment.
    size_t src_step;       // Stride between positions.
    const float *diff_dst; // The panel at the first position; all CPU_PANEL lanes must be readable.
    size_t diff_step;      // Stride between positions.
    int steps;             // Positions, at most CPU_CHAIN_LENGTH.
};

// As cpu_tile_multiply.
void CPU_NAME(tile_outer)(int rows, const struct cpu_tile_outer_input *in, bool first, float *sums);

// Calls body(first_row, rows) so that `total` rows are split as evenly as tiles allow: no tile is
// much smaller than the others.
#define CPU_FOR_EACH_TILE(first, rows, total)                                       \
    for (int first = 0, tiles_left = ((total) + CPU_TILE_ROWS - 1) / CPU_TILE_ROWS, \
             rows = tiles_left ? ((total) + tiles_left - 1) / tiles_left : 0;       \
         first < (total); first += rows, tiles_left--,                              \
             rows = tiles_left ? ((total)-first + tiles_left - 1) / tiles_left : 0)

#endif
