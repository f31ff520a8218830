// SPDX-License-Identifier: Apache-2.0
// The geometry of a convolution as lists that the kernels walk without a branch.
//
// Every element of the target (dst forward, diff_src backward) is a sum over the taps whose source
// position lies inside of the image. Targets that share their taps form a run: `rows` target rows
// at a constant stride, whose source rows have a constant stride too. Where the rows of a run lie
// is a choice: along the images of a batch (position-major tensors), along the columns of an image
// (image-major tensors), or both at once where the strides allow it. Taps that fall on padding are
// in no list.
#ifndef CLEF_CPU_CONV2D_RUNS_H
#define CLEF_CPU_CONV2D_RUNS_H

#include "cpu/cpu.h"

// A part of the reduction: `length` source elements at a constant stride, and as many rows of
// weights.
struct cpu_conv2d_segment {
    size_t src; // Offset of the first source element, for row 0 of the run.
    int weight; // Row of the weights panel that meets the first element: tap * channels + channel.
    int length;
    int group; // Segments of different groups meet different rows of weights.
};

// Consecutive segments whose products are summed in one go, before the sum joins those of the other
// chains.
struct cpu_conv2d_chain {
    int first_segment, segments;
};

struct cpu_conv2d_run {
    size_t dst;                    // Offset of row 0 in the target.
    size_t src_row, dst_row;       // Strides between rows.
    size_t src_repeat, dst_repeat; // Strides between repetitions of the whole run.
    int rows, repeats;
    int first_segment, segments;
    int first_chain, chains; // After cpu_conv2d_runs_chain.
};

struct cpu_conv2d_runs {
    struct cpu_conv2d_run *runs;
    struct cpu_conv2d_segment *segments;
    struct cpu_conv2d_chain *chains; // NULL before cpu_conv2d_runs_chain.
    int run_count, segment_count;
    int group_count;       // Groups are numbered 0 .. group_count-1.
    size_t element_stride; // Between the source elements of a segment.
    double multiply_adds;  // Of all runs, for one filter.
    int weight_rows;       // Different rows of weights that the runs meet.
};

// Some rows of one repetition of a run.
struct cpu_conv2d_block {
    int run, repeat, first_row, rows;
};

enum cpu_conv2d_pass {
    CPU_CONV2D_FORWARD,      // target = dst, source = src
    CPU_CONV2D_BACKWARD_DATA // target = diff_src, source = diff_dst
};

// Lists the runs for the given pass; `tile_rows` is the height of the kernels' tile. Release with
// cpu_conv2d_runs_free.
clef_status cpu_conv2d_runs_create(enum cpu_conv2d_pass pass, const struct clef_tensor *target,
                                   const struct clef_tensor *source,
                                   const struct clef_window *window, int tile_rows,
                                   struct cpu_conv2d_runs *runs);

// Cuts the segments so that each run is a list of chains of `length` products, the last one
// shorter.
clef_status cpu_conv2d_runs_chain(struct cpu_conv2d_runs *runs, int length);

// The number of blocks of at most `rows` rows that all runs make.
int cpu_conv2d_count_blocks(const struct cpu_conv2d_runs *runs, int rows);

// Lists these blocks; the caller releases the array with free().
clef_status cpu_conv2d_make_blocks(const struct cpu_conv2d_runs *runs, int rows,
                                   struct cpu_conv2d_block **blocks);

void cpu_conv2d_runs_free(struct cpu_conv2d_runs *runs);

#endif
