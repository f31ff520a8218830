// SPDX-License-Identifier: Apache-2.0
#include "cpu/cpu_conv2d_runs.h"

#include <stdlib.h>

int cpu_conv2d_count_blocks(const struct cpu_conv2d_runs *runs, int rows)
{
    int count = 0;
    for (int i = 0; i < runs->run_count; i++)
        count += cpu_task_count((size_t)runs->runs[i].rows, (size_t)rows) * runs->runs[i].repeats;
    return count;
}

clef_status cpu_conv2d_make_blocks(const struct cpu_conv2d_runs *runs, int rows,
                                   struct cpu_conv2d_block **blocks)
{
    struct cpu_conv2d_block *next =
        malloc((size_t)cpu_conv2d_count_blocks(runs, rows) * sizeof *next);
    if (!next)
        return clef_fail(CLEF_OUT_OF_MEMORY, "conv2d: no host memory for the list of blocks");
    *blocks = next;
    for (int i = 0; i < runs->run_count; i++)
        for (int repeat = 0; repeat < runs->runs[i].repeats; repeat++)
            for (int row = 0; row < runs->runs[i].rows; row += rows) {
                int left = runs->runs[i].rows - row;
                *next++ = (struct cpu_conv2d_block){i, repeat, row, left < rows ? left : rows};
            }
    return CLEF_OK;
}
