// SPDX-License-Identifier: Apache-2.0
#include "cpu/cpu_conv2d_runs.h"

#include <stdlib.h>

clef_status cpu_conv2d_runs_create_diagonal(const struct cpu_conv2d_diagonal *diagonal,
                                            struct cpu_conv2d_runs *runs)
{
    size_t positions = (size_t)diagonal->positions;
    *runs = (struct cpu_conv2d_runs){
        .runs = malloc(positions * sizeof *runs->runs),
        .segments = malloc(positions * sizeof *runs->segments),
        .run_count = diagonal->positions,
        .segment_count = diagonal->positions,
        .group_count = diagonal->positions,
        .element_stride = 1,
        .multiply_adds = (double)positions * diagonal->rows * diagonal->channels,
        .weight_rows = diagonal->positions * diagonal->channels,
    };
    if (!runs->runs || !runs->segments) {
        cpu_conv2d_runs_free(runs);
        return clef_fail(CLEF_OUT_OF_MEMORY, "conv2d: no host memory for %d products",
                         diagonal->positions);
    }
    for (int i = 0; i < diagonal->positions; i++) {
        runs->runs[i] = (struct cpu_conv2d_run){
            .dst = (size_t)i * diagonal->dst_position,
            .src_row = diagonal->src_row,
            .dst_row = diagonal->dst_row,
            .rows = diagonal->rows,
            .repeats = 1,
            .first_segment = i,
            .segments = 1,
        };
        runs->segments[i] = (struct cpu_conv2d_segment){
            .src = (size_t)i * diagonal->src_position,
            .weight = i * diagonal->weight_rows,
            .length = diagonal->channels,
            .group = i,
        };
    }
    return CLEF_OK;
}
