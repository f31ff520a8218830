// SPDX-License-Identifier: Apache-2.0
#include "opencl/ocl_conv2d_work.h"

#include <stdlib.h>

// The steps of a kind.
struct span {
    int first, count;
};

// ---------------------------------------------------------------- steps

// With local memory a step is one product, or `length` of them.
static struct span add_products(const struct ocl_conv2d_geometry *g,
                                const struct ocl_conv2d_kind *kind, int length, cl_int2 *steps,
                                int first)
{
    cl_int2 *next = steps + first;
    for (int i = 0; i < kind->taps; i++) {
        int tap = g->taps[kind->first_tap + i];
        for (int c = 0; c < g->channels; c += length)
            *next++ = (cl_int2){{g->tap_offsets[tap] + c * g->channel_step, tap * g->tap_rows + c}};
    }
    return (struct span){first, (int)(next - steps) - first};
}

// A segment is a step of products whose elements and weights follow each other: (offset, row of
// weights, length, steps of the chain that begins here).
struct cutter {
    cl_int4 *steps;
    int count;
    int chain; // First step of the current chain.
    int used;  // Products of the current chain.
};

static void add_segment(struct cutter *cut, int offset, int weight, int length, int step)
{
    cl_int4 *last = &cut->steps[cut->count - 1];
    bool begins = cut->used == OCL_CHAIN;
    if (!begins && last->s[1] + last->s[2] == weight && last->s[0] + last->s[2] * step == offset) {
        last->s[2] += length;
        cut->used += length;
        return;
    }
    if (begins) {
        cut->chain = cut->count;
        cut->used = 0;
    }
    cut->steps[cut->count++] = (cl_int4){{offset, weight, length, 0}};
    cut->steps[cut->chain].s[3]++;
    cut->used += length;
}

// Without, a chain is as few steps as possible.
static struct span add_chains(const struct ocl_conv2d_geometry *g,
                              const struct ocl_conv2d_kind *kind, cl_int4 *steps, int first)
{
    struct cutter cut = {.steps = steps, .count = first, .used = OCL_CHAIN};
    for (int i = 0; i < kind->taps; i++) {
        int tap = g->taps[kind->first_tap + i];
        for (int c = 0, length; c < g->channels; c += length) {
            int room = cut.used == OCL_CHAIN ? OCL_CHAIN : OCL_CHAIN - cut.used;
            length = g->channels - c < room ? g->channels - c : room;
            add_segment(&cut, g->tap_offsets[tap] + c * g->channel_step, tap * g->tap_rows + c,
                        length, g->channel_step);
        }
    }
    return (struct span){first, cut.count - first};
}

// An upper bound of the number of steps of all kinds.
static size_t step_room(const struct ocl_conv2d_geometry *g, bool local)
{
    size_t per_tap = (size_t)g->channels;
    return 1 + (size_t)g->tap_count * (local ? per_tap : per_tap / OCL_CHAIN + 2);
}

// ---------------------------------------------------------------- blocks and parts

static size_t count_blocks(const struct ocl_conv2d_geometry *g, int rows)
{
    size_t count = 0;
    for (int i = 0; i < g->kind_count; i++)
        count += ocl_groups((size_t)g->kinds[i].positions * (size_t)g->images, (size_t)rows);
    return count;
}

static void add_blocks(struct ocl_conv2d_work *work, const struct ocl_conv2d_geometry *g,
                       const struct ocl_conv2d_kind *kind, int rows, struct span steps)
{
    int all = kind->positions * g->images;
    for (int row = 0; row < all; row += rows)
        work->blocks[work->block_count++] = (cl_int8){
            {kind->first_position, kind->positions, row, all - row < rows ? all - row : rows,
             steps.first, steps.count, kind->taps * g->channels}};
}

// Rows and products of a block, with some more for each row's way to the target.
static double cost_of(const cl_int8 *block)
{
    return (double)block->s[3] * (block->s[6] + 8);
}

// Parts of about the same cost, in the order of the blocks.
static void deal_out(struct ocl_conv2d_work *work)
{
    double all = 0, before = 0;
    for (size_t i = 0; i < work->block_count; i++)
        all += cost_of(&work->blocks[i]);
    size_t part = 0;
    for (size_t i = 0; i < work->block_count; i++) {
        while (part < work->part_count && before >= all * (double)part / (double)work->part_count)
            work->parts[part++] = (cl_int)i;
        before += cost_of(&work->blocks[i]);
    }
    while (part <= work->part_count)
        work->parts[part++] = (cl_int)work->block_count;
}

// Rows of a block: fewer than the configuration's where there would be too few blocks.
static int block_rows(const struct ocl_conv2d_config *config, const struct ocl_conv2d_geometry *g,
                      size_t panels, size_t wanted)
{
    int tiles = config->rows / config->tile;
    if (!config->local)
        while (tiles > 1 && count_blocks(g, tiles * config->tile) * panels < wanted)
            tiles = (tiles + 1) / 2;
    return tiles * config->tile;
}

bool ocl_conv2d_work_is_apart(const struct ocl_context *ocl, const struct ocl_conv2d_config *config,
                              const struct ocl_conv2d_geometry *geometry, size_t panels)
{
    const struct ocl_conv2d_geometry *g = geometry;
    int rows = block_rows(config, g, panels, ocl_conv2d_wanted_groups(ocl, config));
    bool apart = !config->local && g->tap_count == g->reached_count;
    for (int i = 0; i < g->kind_count; i++)
        if (g->kinds[i].taps > 0 && g->kinds[i].positions * g->images > rows)
            apart = false;
    return apart;
}

clef_status ocl_conv2d_work_create(const struct ocl_context *ocl,
                                   const struct ocl_conv2d_config *config,
                                   const struct ocl_conv2d_geometry *geometry, size_t panels,
                                   bool aligned, bool transposed, struct ocl_conv2d_work *work)
{
    const struct ocl_conv2d_geometry *g = geometry;
    size_t wanted = ocl_conv2d_wanted_groups(ocl, config);
    int rows = block_rows(config, g, panels, wanted);
    size_t blocks = count_blocks(g, rows);
    // With local memory a group is large, and one block is enough for it.
    size_t parts =
        config->local ? blocks : ocl_groups(wanted, ocl_groups(panels, (size_t)config->panels));
    size_t step_size = config->local ? sizeof(cl_int2) : sizeof(cl_int4);
    *work = (struct ocl_conv2d_work){
        .config = config,
        .blocks = aligned_alloc(sizeof *work->blocks, blocks * sizeof *work->blocks),
        .parts = malloc((blocks + 1) * sizeof *work->parts),
        .steps = malloc(step_room(g, config->local) * step_size),
        .part_count = parts < blocks ? parts : blocks,
    };
    if (!work->blocks || !work->parts || !work->steps) {
        ocl_conv2d_work_free(work);
        return clef_fail(CLEF_OUT_OF_MEMORY, "conv2d: no host memory for %zu blocks of %d rows",
                         blocks, rows);
    }
    ocl_conv2d_options(ocl, config, aligned, transposed, work->options);
    int steps = 0;
    for (int i = 0; i < g->kind_count; i++) {
        struct span span = config->local
                               ? add_products(g, &g->kinds[i], aligned ? 4 : 1, work->steps, steps)
                               : add_chains(g, &g->kinds[i], work->steps, steps);
        add_blocks(work, g, &g->kinds[i], rows, span);
        steps += span.count;
    }
    work->step_bytes = (size_t)(steps ? steps : 1) * step_size;
    if (config->local)
        for (size_t i = 0; i <= blocks; i++)
            work->parts[i] = (cl_int)i;
    else
        deal_out(work);
    return CLEF_OK;
}

void ocl_conv2d_work_free(struct ocl_conv2d_work *work)
{
    free(work->blocks);
    free(work->parts);
    free(work->steps);
    *work = (struct ocl_conv2d_work){0};
}
