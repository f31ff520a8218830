// SPDX-License-Identifier: Apache-2.0
// The outer product of a convolution's backward_weights: source elements times rows of diff_dst,
// summed over the rows of all positions that see a tap: the direct algorithm.
//
// The sums of one block of positions are made in registers and added to the gradient, which stays
// in cache; two levels of summation also keep the rounding error small. Each task has a part of the
// gradient to itself. Where there are more positions than weights, tasks also share the positions,
// each with a copy of the gradient, and the copies are added up in a fixed order.
//
// Adam's step follows at once, by the task that has a part of the gradient; where the gradient
// itself is not asked for, the part is in memory of the thread's own.
#ifndef CLEF_CPU_CONV2D_OUTER_H
#define CLEF_CPU_CONV2D_OUTER_H

#include "cpu/cpu_conv2d_groups.h"
#include "cpu/ops/cpu_adam.h"

// Part of a plan. What stands above `block_count` is filled in before conv2d_outer_share, the
// gradients' addresses before a run.
struct cpu_conv2d_outer {
    struct cpu_context *cpu;
    struct cpu_conv2d_runs runs;
    struct cpu_view src, diff_dst; // Their data may be missing until a run.
    size_t panel_floats;           // Of one panel of the gradient.
    int parts;           // Among how many copies of the gradient positions are shared out, or 1.
    int panels_per_task; // How many meet a block before the next block's turn.
    float *diff_weights, *diff_bias; // diff_bias may be NULL.
    bool keeps_gradient;             // Else diff_weights is not there.
    struct cpu_adam adam;
    int block_count;       // Blocks have at most CPU_CHAIN_LENGTH rows.
    size_t scratch_floats; // That a run needs.
    int panels, splits;    // What tasks divide among themselves beside the parts,
    int groups_per_task;   // and how much of it each has.
    struct cpu_conv2d_block *blocks;
    struct cpu_conv2d_group *groups;
    float *packed;                   // Per thread: CPU_CHAIN_LENGTH x panel.
    float *part_weights, *part_bias; // Of each part, if there are several.
    float *task_weights;             // Per thread, if there is one part and no gradient is kept.
};

// Decides how tasks share the work, and what scratch that takes.
void CPU_NAME(conv2d_outer_share)(struct cpu_conv2d_outer *outer);

// Lists the blocks and groups, and shares out the scratch. Releases nothing if it fails.
clef_status CPU_NAME(conv2d_outer_prepare)(struct cpu_conv2d_outer *outer, float *scratch);

void CPU_NAME(conv2d_outer_run)(const struct cpu_conv2d_outer *outer);

// Releases the lists; `outer` itself belongs to a plan.
void CPU_NAME(conv2d_outer_free)(struct cpu_conv2d_outer *outer);

#endif
