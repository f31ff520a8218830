// SPDX-License-Identifier: Apache-2.0
// The product of a convolution: rows of the source times panels of weights, as lists of runs say.
// The direct algorithm forward and in backward_data.
//
// A task has some blocks of target rows and a panel. For each block it walks the reduction
// chain by chain: a chain's weights, 64 rows of a panel, stay in the first-level cache for all
// tiles of the block.
#ifndef CLEF_CPU_CONV2D_PRODUCT_H
#define CLEF_CPU_CONV2D_PRODUCT_H

#include "cpu/cpu_conv2d_runs.h"
#include "cpu/ops/cpu_transposed_panel.h"

// Part of a plan. What stands above `blocks` is filled in before conv2d_product_prepare.
struct cpu_conv2d_product {
    struct cpu_context *cpu;
    struct cpu_conv2d_runs runs;
    struct cpu_view target, source;
    size_t panel_floats; // Of one panel of weights.
    const float *weights, *bias, *addend;
    bool relu;
    // Per thread; NULL if weights are used as they are.
    struct cpu_transposed_panel *transposed;
    bool *ready; // What the panels share out among themselves.
    struct cpu_conv2d_block *blocks;
    int block_count;
    // A task is a panel of the target's channels and a group of blocks. Groups are in sets: one, or
    // where there are more activations than weights some for each thread, which then finds what a
    // set reads in its own cache for all panels.
    int sets, panels, groups;
};

// Cuts the runs into chains and blocks. Releases nothing if it fails.
clef_status CPU_NAME(conv2d_product_prepare)(struct cpu_conv2d_product *product);

void CPU_NAME(conv2d_product_run)(const struct cpu_conv2d_product *product);

// Releases the lists; `product` itself belongs to a plan.
void CPU_NAME(conv2d_product_free)(struct cpu_conv2d_product *product);

#endif
