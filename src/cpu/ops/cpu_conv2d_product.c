// SPDX-License-Identifier: Apache-2.0
#include "cpu/ops/cpu_conv2d_product.h"
#include "cpu/ops/cpu_tile.h"
#include "cpu/ops/cpu_tile_finish.h"

#include <stdlib.h>

// Target rows of a block: enough to use a chain's weights many times, few enough for their sums to
// stay in the first-level cache.
#define BLOCK_TILES (CPU_TILE_ROWS > 6 ? 6 : 11)
#define BLOCK_ROWS (BLOCK_TILES * CPU_TILE_ROWS)

// Below this many tasks for each thread, blocks are made smaller and tasks have fewer of them.
#define TASKS_PER_THREAD 8

// What a set's part of the source takes at most: a part of the second-level cache.
#define SET_FLOATS (128 << 10)

// Weights that meet no more rows are asked for ahead.
#define FEW_ROWS (4 * BLOCK_ROWS)

// What a task multiplies its blocks with.
struct panel {
    int index;
    const float *weights;
    struct cpu_transposed_panel *transposed; // The owner of `weights`, or NULL.
};

static void need_weights(const struct panel *panel, const struct cpu_conv2d_segment *segments,
                         int count)
{
    for (int s = 0; s < count; s++)
        cpu_transposed_panel_need(panel->transposed, segments[s].weight, segments[s].length);
}

// Weights that meet few rows come from the last cache or memory, and the processor does not foresee
// enough of them.
static bool asks_ahead(const struct cpu_conv2d_product *product, const struct panel *panel)
{
    return !panel->transposed && product->runs.element_stride == 1 &&
           product->runs.multiply_adds <= (double)FEW_ROWS * product->runs.weight_rows;
}

// The weights of the chain that follows another; after the last those of the next panel's first.
static const float *weights_after(const struct cpu_conv2d_product *product,
                                  const struct panel *panel, const struct cpu_conv2d_run *run,
                                  int chain)
{
    bool last = chain + 1 == run->chains;
    int next = run->first_chain + (last ? 0 : chain + 1);
    int row = product->runs.segments[product->runs.chains[next].first_segment].weight;
    const float *weights = panel->weights + (size_t)row * CPU_PANEL;
    return last && panel->index + 1 < product->panels ? weights + product->panel_floats : weights;
}

// So many cache lines of the next chain's weights at a time that the tiles of a block ask for all.
static int lines_ahead(int rows)
{
    size_t lines = CPU_CHAIN_LENGTH * CPU_PANEL / CPU_LINE_FLOATS;
    size_t tiles = (size_t)cpu_task_count((size_t)rows, CPU_TILE_ROWS);
    return cpu_task_count(lines, tiles * (CPU_CHAIN_LENGTH / CPU_AHEAD_STEPS));
}

static void multiply_block(const struct cpu_conv2d_product *product, const struct panel *panel,
                           const struct cpu_conv2d_block *block, float *sums)
{
    const struct cpu_conv2d_run *run = &product->runs.runs[block->run];
    const struct cpu_conv2d_chain *chains = product->runs.chains + run->first_chain;
    bool ahead = asks_ahead(product, panel);
    struct cpu_tile_input in = {
        .src_row = run->src_row,
        .element_stride = product->runs.element_stride,
        .weights = panel->weights,
        .ahead_lines = lines_ahead(block->rows),
    };
    const float *src = product->source.data + (size_t)block->repeat * run->src_repeat +
                       (size_t)block->first_row * run->src_row;
    for (int c = 0; c < run->chains; c++) {
        in.segments = product->runs.segments + chains[c].first_segment;
        in.segment_count = chains[c].segments;
        if (panel->transposed)
            need_weights(panel, in.segments, in.segment_count);
        in.ahead = ahead ? weights_after(product, panel, run, c) : NULL;
        CPU_FOR_EACH_TILE(row, rows, block->rows)
        {
            in.src = src + (size_t)row * run->src_row;
            CPU_NAME(tile_multiply)(rows, &in, c == 0, sums + (size_t)row * CPU_PANEL);
            if (ahead)
                in.ahead += in.ahead_lines * (CPU_CHAIN_LENGTH / CPU_AHEAD_STEPS) * CPU_LINE_FLOATS;
        }
    }
    if (run->chains == 0)
        memset(sums, 0, (size_t)block->rows * CPU_PANEL * sizeof *sums);
}

static void finish_block(const struct cpu_conv2d_product *product, int panel,
                         const struct cpu_conv2d_block *block, const float *sums)
{
    const struct cpu_conv2d_run *run = &product->runs.runs[block->run];
    int channel = panel * CPU_PANEL;
    size_t offset = run->dst + (size_t)block->repeat * run->dst_repeat +
                    (size_t)block->first_row * run->dst_row + (size_t)channel;
    struct cpu_tile_output out = {
        .dst = product->target.data + offset,
        .dst_row = run->dst_row,
        .bias = product->bias ? product->bias + channel : NULL,
        .addend = product->addend ? product->addend + offset : NULL,
        .lanes = product->target.c - channel < CPU_PANEL ? product->target.c - channel : CPU_PANEL,
        .relu = product->relu,
    };
    cpu_tile_finish(block->rows, sums, &out);
}

static struct panel take_panel(const struct cpu_conv2d_product *product, int index, int thread)
{
    struct panel panel = {.index = index};
    if (product->transposed) {
        panel.transposed = &product->transposed[thread];
        cpu_transposed_panel_reset(panel.transposed, index);
        panel.weights = panel.transposed->rows;
    } else {
        panel.weights = product->weights + (size_t)index * product->panel_floats;
    }
    return panel;
}

static void run_task(void *argument, int task, int thread)
{
    const struct cpu_conv2d_product *product = argument;
    int tasks_of_set = product->panels * product->groups;
    int set = task / tasks_of_set, panel_index = task % tasks_of_set / product->groups;
    int group = set * product->groups + task % product->groups;
    int groups = product->sets * product->groups;
    int first = (int)((long)product->block_count * group / groups);
    int end = (int)((long)product->block_count * (group + 1) / groups);
    struct panel panel = take_panel(product, panel_index, thread);
    _Alignas(CPU_ALIGNMENT) float sums[BLOCK_ROWS * CPU_PANEL];
    for (int b = first; b < end; b++) {
        multiply_block(product, &panel, &product->blocks[b], sums);
        finish_block(product, panel.index, &product->blocks[b], sums);
    }
}

void CPU_NAME(conv2d_product_run)(const struct cpu_conv2d_product *product)
{
    cpu_parallel_for(product->cpu, product->sets * product->panels * product->groups, run_task,
                     (void *)product);
}

void CPU_NAME(conv2d_product_free)(struct cpu_conv2d_product *product)
{
    cpu_conv2d_runs_free(&product->runs);
    free(product->blocks);
    product->blocks = NULL;
}

// As many sets for each thread as make what one reads of the source stay in the second-level cache.
static int set_count(const struct cpu_conv2d_product *product)
{
    const struct cpu_view *source = &product->source;
    double floats = (double)source->n * source->h * source->w * source->c;
    int threads = product->cpu->threads;
    if (floats <= (double)product->runs.weight_rows * product->target.c ||
        product->block_count < threads)
        return 1;
    int sets = cpu_task_count((size_t)floats, (size_t)threads * SET_FLOATS) * threads;
    return cpu_minimum(sets, product->block_count / threads * threads);
}

static bool too_few_tasks(const struct cpu_conv2d_product *product, int tiles, int wanted)
{
    int blocks = cpu_conv2d_count_blocks(&product->runs, tiles * CPU_TILE_ROWS);
    return blocks * product->panels < wanted;
}

clef_status CPU_NAME(conv2d_product_prepare)(struct cpu_conv2d_product *product)
{
    CLEF_TRY(cpu_conv2d_runs_chain(&product->runs, CPU_CHAIN_LENGTH));
    int wanted = TASKS_PER_THREAD * product->cpu->threads;
    int tiles = BLOCK_TILES;
    product->panels = (product->target.c + CPU_PANEL - 1) / CPU_PANEL;
    while (tiles > 1 && too_few_tasks(product, tiles, wanted))
        tiles = (tiles + 1) / 2;
    product->block_count = cpu_conv2d_count_blocks(&product->runs, tiles * CPU_TILE_ROWS);
    product->sets = set_count(product);
    product->groups =
        cpu_task_count((size_t)wanted, (size_t)product->panels * (size_t)product->sets);
    product->groups = cpu_minimum(product->groups, product->block_count / product->sets);
    return cpu_conv2d_make_blocks(&product->runs, tiles * CPU_TILE_ROWS, &product->blocks);
}
