// SPDX-License-Identifier: Apache-2.0
#include "cpu/cpu_conv2d_groups.h"

#include <stdlib.h>

static void add_to_group(struct cpu_conv2d_group *group, const struct cpu_conv2d_segment *segment,
                         int block)
{
    struct cpu_conv2d_span reached = {segment->weight, segment->weight + segment->length};
    struct cpu_conv2d_span *span = &group->span;
    if (span->first == span->end) {
        *group = (struct cpu_conv2d_group){reached, block, true};
        return;
    }
    if (span->first != reached.first || span->end != reached.end)
        group->whole = false;
    span->first = reached.first < span->first ? reached.first : span->first;
    span->end = reached.end > span->end ? reached.end : span->end;
}

clef_status cpu_conv2d_find_groups(const struct cpu_conv2d_runs *runs,
                                   const struct cpu_conv2d_block *blocks, int block_count,
                                   struct cpu_conv2d_group **groups)
{
    *groups = calloc((size_t)runs->group_count, sizeof **groups);
    if (!*groups)
        return clef_fail(CLEF_OUT_OF_MEMORY, "conv2d: no host memory for %d groups of taps",
                         runs->group_count);
    for (int b = 0; b < block_count; b++) {
        const struct cpu_conv2d_run *run = &runs->runs[blocks[b].run];
        for (int s = 0; s < run->segments; s++) {
            const struct cpu_conv2d_segment *segment = &runs->segments[run->first_segment + s];
            add_to_group(&(*groups)[segment->group], segment, b);
        }
    }
    return CLEF_OK;
}
