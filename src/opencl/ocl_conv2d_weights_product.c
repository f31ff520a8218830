// SPDX-License-Identifier: Apache-2.0
#include "opencl/ocl_conv2d_weights_product.h"

#include "opencl/ocl_adam.h"

#include <stdio.h>
#include <stdlib.h>

// A split has at least so many chains, as splits cost memory and time to join.
#define SPLIT_CHAINS 4

static size_t at_least_one(size_t x)
{
    return x > 0 ? x : 1;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

// Rows that a tap takes of the table: whole tiles, so that no tile computes for two taps what the
// one does not see; but a few channels would leave most of a tile idle.
static size_t rows_of_tap(const struct ocl_conv2d_geometry *g, const struct ocl_conv2d_cut *cut)
{
    size_t channels = (size_t)g->channels, tile = (size_t)cut->config->tile;
    return channels < tile ? channels : ocl_groups(channels, tile) * tile;
}

// Whether each tile is of one tap.
static bool has_tiles_of_taps(const struct ocl_conv2d_geometry *g,
                              const struct ocl_conv2d_config *config)
{
    return g->channels >= config->tile;
}

// Ranges without local memory end where taps do: a kind that sees some of the taps alone, as each
// point of a Winograd algorithm does, has its rows of diff_dst fetched for no other.
static size_t count_ranges(const struct ocl_conv2d_geometry *g, const struct ocl_conv2d_cut *cut)
{
    size_t taps = has_tiles_of_taps(g, cut->config) ? (size_t)g->reached_count : 1;
    return at_least_one(taps * ocl_groups(cut->tiles, at_least_one(taps) * OCL_RANGE_TILES));
}

size_t ocl_conv2d_cut_floats(const struct ocl_conv2d_cut *cut)
{
    return cut->splits > 1 ? cut->splits * cut->split_floats : 0;
}

bool ocl_conv2d_cut_sums_bias(const struct ocl_conv2d_cut *cut)
{
    return !cut->config->local && cut->tiles > 0;
}

bool ocl_conv2d_cut_needs_gradient(const struct ocl_conv2d_cut *cut)
{
    return cut->splits == 1;
}

clef_status ocl_conv2d_choose_cut(struct ocl_context *ocl,
                                  const struct ocl_conv2d_geometry *geometry, int filters,
                                  struct ocl_conv2d_cut *cut)
{
    const struct ocl_conv2d_geometry *g = geometry;
    size_t rows = (size_t)g->reached_count * (size_t)g->channels;
    *cut = (struct ocl_conv2d_cut){.panels = ocl_groups((size_t)filters, OCL_PANEL)};
    for (int i = 0; i < g->kind_count; i++)
        cut->chains += ocl_groups((size_t)g->kinds[i].positions * (size_t)g->images, OCL_CHAIN);
    // Where each kind has taps of its own, a split would be of whole kinds, which are in different
    // ranges anyway.
    bool apart = g->kind_count > 1 && g->tap_count == g->reached_count;
    size_t most_splits = apart ? 1 : at_least_one(cut->chains / SPLIT_CHAINS);
    CLEF_TRY(ocl_conv2d_choose_config(ocl, OCL_CONV2D_WEIGHTS, rows * most_splits, cut->panels,
                                      &cut->config));
    const struct ocl_conv2d_config *config = cut->config;
    size_t wanted = ocl_conv2d_wanted_groups(ocl, config);
    rows = (size_t)g->reached_count * rows_of_tap(g, cut);
    cut->tiles = ocl_groups(rows, (size_t)config->tile);
    cut->panel_groups = ocl_groups(cut->panels, (size_t)config->panels);
    if (config->local) {
        cut->ranges = ocl_groups(rows, (size_t)config->rows);
    } else {
        cut->ranges = count_ranges(g, cut);
        wanted = ocl_groups(wanted, (size_t)config->panels); // Tiles are as much larger.
        cut->panel_groups = smaller(ocl_groups(wanted, cut->ranges), cut->panel_groups);
    }
    cut->splits =
        at_least_one(smaller(wanted / at_least_one(cut->ranges * cut->panel_groups), most_splits));
    cut->split_floats =
        cut->panels * (size_t)g->kernel_taps * (size_t)g->tap_rows * (size_t)OCL_PANEL;
    return CLEF_OK;
}

void ocl_conv2d_weights_free(struct ocl_conv2d_weights_tables *t)
{
    free(t->kinds);
    free(t->rows);
    free(t->masks);
}

clef_status ocl_conv2d_weights_work(const struct ocl_context *ocl,
                                    const struct ocl_conv2d_weights_product *product,
                                    const struct ocl_conv2d_geometry *geometry,
                                    struct ocl_conv2d_cut *cut,
                                    struct ocl_conv2d_weights_tables *tables)
{
    const struct ocl_conv2d_geometry *g = geometry;
    struct ocl_conv2d_weights_tables *t = tables;
    bool aligned = ocl_conv2d_is_aligned(product->src) && ocl_conv2d_is_aligned(product->diff_dst);
    ocl_conv2d_options(ocl, cut->config, aligned, false, cut->options);
    size_t tile = (size_t)cut->config->tile, tap_rows = rows_of_tap(g, cut);
    size_t kinds = (size_t)g->kind_count;
    *t = (struct ocl_conv2d_weights_tables){
        .kinds = malloc(kinds * sizeof *t->kinds),
        .rows = malloc(cut->tiles * tile * sizeof *t->rows),
        .masks = calloc(kinds * cut->tiles, sizeof *t->masks),
    };
    size_t *order = malloc((size_t)g->kernel_taps * sizeof *order); // Of each reached tap.
    if (!t->kinds || !t->rows || !t->masks || !order) {
        ocl_conv2d_weights_free(t);
        free(order);
        return clef_fail(CLEF_OUT_OF_MEMORY, "conv2d: no host memory for %zu tiles of weights",
                         cut->tiles);
    }
    for (size_t i = 0; i < cut->tiles * tile; i++)
        t->rows[i] = (cl_int2){{0, -1}};
    for (int i = 0; i < g->reached_count; i++) {
        int tap = g->reached[i];
        order[tap] = (size_t)i;
        for (int c = 0; c < g->channels; c++)
            t->rows[(size_t)i * tap_rows + (size_t)c] =
                (cl_int2){{g->tap_offsets[tap] + c * g->channel_step, tap * g->tap_rows + c}};
    }
    for (size_t i = 0; i < kinds; i++) {
        const struct ocl_conv2d_kind *kind = &g->kinds[i];
        t->kinds[i] =
            (cl_int4){{kind->first_position, kind->positions, kind->positions * g->images, 0}};
        for (int j = 0; j < kind->taps; j++) {
            size_t first = order[g->taps[kind->first_tap + j]] * tap_rows;
            for (size_t row = first; row < first + (size_t)g->channels; row++)
                t->masks[i * cut->tiles + row / tile] |= 1U << row % tile;
        }
    }
    free(order);
    bool marked = !cut->config->local && has_tiles_of_taps(g, cut->config);
    for (size_t i = 0; marked && i < kinds * cut->tiles; i++)
        if (t->masks[i] == (1U << tile) - 1)
            t->masks[i] |= 1U << tile;
    return CLEF_OK;
}

void ocl_conv2d_weights_launch(struct ocl_plan *build,
                               const struct ocl_conv2d_weights_product *product,
                               const struct clef_tensor *scratch,
                               const struct ocl_conv2d_geometry *geometry,
                               const struct ocl_conv2d_cut *cut,
                               const struct ocl_conv2d_weights_tables *tables)
{
    const struct ocl_conv2d_weights_product *p = product;
    const struct ocl_conv2d_geometry *g = geometry;
    const struct ocl_conv2d_weights_tables *t = tables;
    if (cut->tiles == 0)
        return;
    size_t tile = (size_t)cut->config->tile, group = (size_t)cut->config->group;
    size_t kinds = (size_t)g->kind_count;
    cl_mem kind_table = ocl_plan_table(build, t->kinds, kinds * sizeof *t->kinds);
    cl_mem positions =
        ocl_plan_table(build, g->positions, (size_t)g->position_count * sizeof *g->positions);
    cl_mem rows = ocl_plan_table(build, t->rows, cut->tiles * tile * sizeof *t->rows);
    cl_mem masks = ocl_plan_table(build, t->masks, kinds * cut->tiles * sizeof *t->masks);
    bool joins = cut->splits > 1;
    const struct clef_tensor *out = joins ? scratch : p->diff_weights;
    char options[OCL_CONV2D_OPTIONS_LENGTH + 16]; // Of who completes the gradient.
    snprintf(options, sizeof options, "%s%s", cut->options, p->update ? " -D ADAM=1" : "");
    int panel_rows = g->kernel_taps * g->tap_rows, filters = p->diff_dst->c;
    // The kernel with local memory does without.
    struct ocl_arg none = {.kind = OCL_ARG_NONE}, bias = none, has_bias = none;
    if (!cut->config->local) {
        has_bias = (struct ocl_arg)OCL_INT(p->bias.kind != OCL_ARG_NONE);
        bias = has_bias.i ? p->bias : (struct ocl_arg)OCL_TENSOR(NULL);
    }
    ocl_adam_add_launch(
        build,
        &(struct ocl_launch){
            .source = "conv2d_weights",
            .kernel = "conv2d_weights",
            .options = joins ? cut->options : options,
            .global = {cut->ranges * group, cut->panel_groups, cut->splits},
            .local = {group, 1, 1},
            .args = {OCL_TENSOR(p->src), OCL_TENSOR(p->diff_dst), OCL_TENSOR(out),
                     OCL_ULONG(cut->split_floats), OCL_MEMORY(kind_table), OCL_MEMORY(positions),
                     OCL_MEMORY(rows), OCL_MEMORY(masks),
                     OCL_INT4(g->rows.s[0], g->rows.s[1], g->rows.s[2], g->rows.s[3]),
                     OCL_INT4(kinds, cut->tiles, cut->chains, filters), OCL_INT(panel_rows), bias,
                     has_bias},
        },
        joins ? NULL : p->update);
    if (!joins)
        return;
    size_t row_count = cut->tiles * tile;
    struct ocl_arg keeps = p->update ? (struct ocl_arg)OCL_INT(p->diff_weights != NULL) : none;
    ocl_adam_add_launch(
        build,
        &(struct ocl_launch){
            .source = "conv2d_weights",
            .kernel = "conv2d_weights_join",
            .options = options,
            .global = {row_count * OCL_PANEL, cut->panels},
            .args = {OCL_TENSOR(scratch), OCL_ULONG(cut->split_floats), OCL_INT(cut->splits),
                     OCL_TENSOR(p->diff_weights), OCL_MEMORY(rows), OCL_INT(row_count),
                     OCL_INT(panel_rows), keeps},
        },
        p->update);
}
