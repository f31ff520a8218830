// SPDX-License-Identifier: Apache-2.0
// Which rows of weights the taps of a convolution reach, as its gradient's tasks need to know.
#ifndef CLEF_CPU_CONV2D_GROUPS_H
#define CLEF_CPU_CONV2D_GROUPS_H

#include "cpu/cpu_conv2d_runs.h"

// Some consecutive rows of a panel of weights.
struct cpu_conv2d_span {
    int first, end;
};

// The segments of one group: taps that are summed together.
struct cpu_conv2d_group {
    struct cpu_conv2d_span span; // What any block reaches; first == end if nothing.
    int first_block;             // That reaches it.
    bool whole;                  // Every block that reaches it reaches all of it.
};

// Lists the groups of all blocks; the caller releases the array with free().
clef_status cpu_conv2d_find_groups(const struct cpu_conv2d_runs *runs,
                                   const struct cpu_conv2d_block *blocks, int block_count,
                                   struct cpu_conv2d_group **groups);

#endif
