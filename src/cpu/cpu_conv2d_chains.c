// SPDX-License-Identifier: Apache-2.0
#include "cpu/cpu_conv2d_runs.h"

#include <stdlib.h>

struct cutter {
    const struct cpu_conv2d_runs *runs;
    int chain_length;
    struct cpu_conv2d_segment *segments;
    struct cpu_conv2d_chain *chains;
    int segment_count, chain_count;
};

// Without arrays only counts.
static void cut_run(struct cutter *c, struct cpu_conv2d_run *run)
{
    int used = c->chain_length;
    run->first_chain = c->chain_count;
    for (int s = 0; s < run->segments; s++) {
        struct cpu_conv2d_segment rest = c->runs->segments[run->first_segment + s];
        while (rest.length > 0) {
            if (used == c->chain_length) {
                if (c->chains)
                    c->chains[c->chain_count] = (struct cpu_conv2d_chain){c->segment_count, 0};
                c->chain_count++;
                used = 0;
            }
            struct cpu_conv2d_segment piece = rest;
            if (piece.length > c->chain_length - used)
                piece.length = c->chain_length - used;
            if (c->chains) {
                c->segments[c->segment_count] = piece;
                c->chains[c->chain_count - 1].segments++;
            }
            c->segment_count++;
            used += piece.length;
            rest.length -= piece.length;
            rest.weight += piece.length;
            rest.src += (size_t)piece.length * c->runs->element_stride;
        }
    }
    run->chains = c->chain_count - run->first_chain;
}

clef_status cpu_conv2d_runs_chain(struct cpu_conv2d_runs *runs, int length)
{
    struct cutter c = {.runs = runs, .chain_length = length};
    for (int i = 0; i < runs->run_count; i++)
        cut_run(&c, &runs->runs[i]);
    // One more, so that no count is zero.
    c.segments = malloc((size_t)(c.segment_count + 1) * sizeof *c.segments);
    c.chains = malloc((size_t)(c.chain_count + 1) * sizeof *c.chains);
    if (!c.segments || !c.chains) {
        free(c.segments);
        free(c.chains);
        return clef_fail(CLEF_OUT_OF_MEMORY, "conv2d: no host memory for %d chains of products",
                         c.chain_count);
    }
    c.segment_count = c.chain_count = 0;
    for (int i = 0; i < runs->run_count; i++) {
        int first_segment = c.segment_count;
        cut_run(&c, &runs->runs[i]);
        runs->runs[i].first_segment = first_segment;
        runs->runs[i].segments = c.segment_count - first_segment;
    }
    free(runs->segments);
    runs->segments = c.segments;
    runs->segment_count = c.segment_count;
    runs->chains = c.chains;
    return CLEF_OK;
}
