// SPDX-License-Identifier: Apache-2.0
// What a plan of Winograd's forward and backward_data is, and how it runs.
#ifndef CLEF_CPU_WINOGRAD_RUN_H
#define CLEF_CPU_WINOGRAD_RUN_H

#include "cpu/cpu_winograd_tiles.h"
#include "cpu/ops/cpu_isa.h"
#include "cpu/ops/cpu_winograd_kernels.h"

struct cpu_winograd_plan {
    struct cpu_plan base;
    const struct cpu_winograd_kernels *kernels;
    struct cpu_winograd_tiles tiles;
    struct cpu_winograd_image source, target;
    struct clef_weights_layout layout;
    bool backward;
    const float *weights, *bias, *addend;
    bool relu;
    int panels; // Of the target's channels.
    // What all tasks read is in scratch, the points of all weights or of all rows of the source,
    // and behind it for each thread what its tasks make of the other, and the products.
    bool by_panels;
    float *shared;
    size_t shared_floats, thread_floats;
    // A panel's weights are at the points for so many channels of the source at a time, whole
    // chains: by blocks for all.
    int slab_channels;
    size_t slab_floats;
    int block_rows; // Of a block, at most.
    // A task has a block and so many panels; by panels a panel and so many blocks.
    int panels_per_task, panel_sets;
    int blocks_per_task, block_sets;
};

static inline int cpu_winograd_block_count(const struct cpu_winograd_plan *plan)
{
    return cpu_task_count((size_t)plan->tiles.rows, (size_t)plan->block_rows);
}

static inline bool cpu_winograd_in_slabs(const struct cpu_winograd_plan *plan)
{
    return plan->slab_channels < plan->source.view.c;
}

// Blocks whose products a task by panels keeps from slab to slab; of a single slab those of one
// block are done with before those of the next.
static inline int cpu_winograd_kept_blocks(const struct cpu_winograd_plan *plan)
{
    return cpu_winograd_in_slabs(plan) ? plan->blocks_per_task : 1;
}

clef_status CPU_NAME(winograd_run)(struct clef_plan *base, const struct clef_run_values *values);

#endif
