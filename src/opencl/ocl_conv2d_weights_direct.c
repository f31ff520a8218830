// SPDX-License-Identifier: Apache-2.0
// backward_weights by cl/conv2d_weights.cl, which explains its tables, and cl/conv2d_bias.cl.
#include "opencl/ocl_conv2d_config.h"
#include "opencl/ocl_conv2d_direct.h"
#include "opencl/ocl_conv2d_geometry.h"

#include <stdlib.h>

// Tiles of a range without local memory: enough to be worth the rows of diff_dst that each range
// fetches anew, few enough for their sums to stay in the first-level cache.
#define LEAST_RANGE_TILES 8
#define MOST_RANGE_TILES 48

// A split has at least so many chains, as splits cost memory and time to join.
#define SPLIT_CHAINS 4

// Rows of a part of the bias's sum, at least.
#define BIAS_ROWS 512

// How the work is cut: into ranges of tiles, panels, and splits of the rows.
struct cut {
    const struct ocl_conv2d_config *config;
    char options[OCL_CONV2D_OPTIONS_LENGTH];
    size_t tiles, chains, panels;
    size_t ranges, panel_groups, splits;
    size_t split_floats; // Of a split's place in scratch.
    size_t bias_parts;   // Of the rows, each summed by a group for each panel; 0 without bias.
};

static size_t at_least_one(size_t x)
{
    return x > 0 ? x : 1;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

// Where the parts of the bias lie in scratch: behind the splits.
static size_t bias_place(const struct cut *cut)
{
    return cut->splits > 1 ? cut->splits * cut->split_floats : 0;
}

static size_t scratch_floats(const struct cut *cut)
{
    return bias_place(cut) + cut->bias_parts * cut->panels * OCL_PANEL;
}

static clef_status choose_cut(struct ocl_context *ocl, const struct ocl_conv2d_geometry *g,
                              const struct clef_conv2d_backward_weights_args *args, struct cut *cut)
{
    size_t rows = (size_t)g->reached_count * (size_t)g->channels;
    *cut = (struct cut){.panels = ocl_groups((size_t)args->diff_dst->c, OCL_PANEL)};
    for (int i = 0; i < g->kind_count; i++)
        cut->chains += ocl_groups((size_t)g->kinds[i].positions * (size_t)g->images, OCL_CHAIN);
    size_t most_splits = at_least_one(cut->chains / SPLIT_CHAINS);
    CLEF_TRY(ocl_conv2d_choose_config(ocl, OCL_CONV2D_WEIGHTS, rows * most_splits, cut->panels,
                                      &cut->config));
    const struct ocl_conv2d_config *config = cut->config;
    size_t wanted = ocl_conv2d_wanted_groups(ocl, config);
    cut->tiles = ocl_groups(rows, (size_t)config->tile);
    cut->panel_groups = ocl_groups(cut->panels, (size_t)config->panels);
    if (config->local) {
        cut->ranges = ocl_groups(rows, (size_t)config->rows);
    } else {
        cut->ranges = ocl_groups(wanted, cut->panels);
        if (cut->ranges > cut->tiles / LEAST_RANGE_TILES)
            cut->ranges = at_least_one(cut->tiles / LEAST_RANGE_TILES);
        if (cut->ranges < ocl_groups(cut->tiles, MOST_RANGE_TILES))
            cut->ranges = ocl_groups(cut->tiles, MOST_RANGE_TILES);
    }
    cut->splits =
        at_least_one(smaller(wanted / at_least_one(cut->ranges * cut->panel_groups), most_splits));
    cut->split_floats =
        cut->panels * (size_t)g->kernel_taps * (size_t)g->channels * (size_t)OCL_PANEL;
    if (args->diff_bias)
        cut->bias_parts = at_least_one(
            smaller(clef_tensor_rows(args->diff_dst) / BIAS_ROWS, ocl_groups(wanted, cut->panels)));
    return CLEF_OK;
}

struct tables {
    cl_int4 *kinds;
    cl_int2 *rows;  // Of reached rows of weights; padded to whole tiles.
    cl_uint *masks; // Of each kind, of each tile.
};

static void tables_free(struct tables *t)
{
    free(t->kinds);
    free(t->rows);
    free(t->masks);
}

static clef_status tables_create(const struct ocl_conv2d_geometry *g, const struct cut *cut,
                                 struct tables *t)
{
    size_t tile = (size_t)cut->config->tile, channels = (size_t)g->channels;
    size_t kinds = (size_t)g->kind_count;
    *t = (struct tables){
        .kinds = malloc(kinds * sizeof *t->kinds),
        .rows = malloc(cut->tiles * tile * sizeof *t->rows),
        .masks = calloc(kinds * cut->tiles, sizeof *t->masks),
    };
    size_t *order = malloc((size_t)g->kernel_taps * sizeof *order); // Of each reached tap.
    if (!t->kinds || !t->rows || !t->masks || !order) {
        tables_free(t);
        free(order);
        return clef_fail(CLEF_OUT_OF_MEMORY, "conv2d: no host memory for %zu tiles of weights",
                         cut->tiles);
    }
    size_t count = 0;
    for (int i = 0; i < g->reached_count; i++) {
        int tap = g->reached[i];
        order[tap] = (size_t)i;
        for (int c = 0; c < g->channels; c++)
            t->rows[count++] =
                (cl_int2){{g->tap_offsets[tap] + c * g->channel_step, tap * g->channels + c}};
    }
    while (count < cut->tiles * tile)
        t->rows[count++] = (cl_int2){{0, -1}};
    for (size_t i = 0; i < kinds; i++) {
        const struct ocl_conv2d_kind *kind = &g->kinds[i];
        t->kinds[i] =
            (cl_int4){{kind->first_position, kind->positions, kind->positions * g->images, 0}};
        for (int j = 0; j < kind->taps; j++) {
            size_t first = order[g->taps[kind->first_tap + j]] * channels;
            for (size_t row = first; row < first + channels; row++)
                t->masks[i * cut->tiles + row / tile] |= 1U << row % tile;
        }
    }
    free(order);
    return CLEF_OK;
}

static void launch_weights(struct ocl_plan *build,
                           const struct clef_conv2d_backward_weights_args *args,
                           const struct clef_tensor *scratch, const struct ocl_conv2d_geometry *g,
                           const struct cut *cut, const struct tables *t)
{
    size_t tile = (size_t)cut->config->tile, group = (size_t)cut->config->group;
    size_t kinds = (size_t)g->kind_count;
    cl_mem kind_table = ocl_plan_table(build, t->kinds, kinds * sizeof *t->kinds);
    cl_mem positions =
        ocl_plan_table(build, g->positions, (size_t)g->position_count * sizeof *g->positions);
    cl_mem rows = ocl_plan_table(build, t->rows, cut->tiles * tile * sizeof *t->rows);
    cl_mem masks = ocl_plan_table(build, t->masks, kinds * cut->tiles * sizeof *t->masks);
    const struct clef_tensor *out = cut->splits > 1 ? scratch : args->diff_weights;
    int panel_rows = g->kernel_taps * g->channels, filters = args->diff_dst->c;
    ocl_plan_launch(
        build, &(struct ocl_launch){
                   .source = "conv2d_weights",
                   .kernel = "conv2d_weights",
                   .options = cut->options,
                   .global = {cut->ranges * group, cut->panel_groups, cut->splits},
                   .local = {group, 1, 1},
                   .args = {OCL_TENSOR(args->src), OCL_TENSOR(args->diff_dst), OCL_TENSOR(out),
                            OCL_ULONG(cut->split_floats), OCL_MEMORY(kind_table),
                            OCL_MEMORY(positions), OCL_MEMORY(rows), OCL_MEMORY(masks),
                            OCL_INT4(g->rows.s[0], g->rows.s[1], g->rows.s[2], g->rows.s[3]),
                            OCL_INT4(kinds, cut->tiles, cut->chains, filters), OCL_INT(panel_rows)},
               });
    if (cut->splits == 1)
        return;
    int row_count = g->reached_count * g->channels;
    ocl_plan_launch(build, &(struct ocl_launch){
                               .source = "conv2d_weights",
                               .kernel = "conv2d_weights_join",
                               .options = cut->options,
                               .global = {(size_t)row_count * OCL_PANEL, cut->panels},
                               .args = {OCL_TENSOR(scratch), OCL_ULONG(cut->split_floats),
                                        OCL_INT(cut->splits), OCL_TENSOR(args->diff_weights),
                                        OCL_MEMORY(rows), OCL_INT(row_count), OCL_INT(panel_rows)},
                           });
}

// Sums parts of the rows into scratch, and then the parts.
static void launch_bias(struct ocl_plan *build, const struct cut *cut,
                        const struct clef_tensor *diff_dst, const struct clef_tensor *diff_bias,
                        const struct clef_tensor *scratch)
{
    size_t filters = (size_t)diff_dst->c, skip = bias_place(cut);
    ocl_plan_launch(build,
                    &(struct ocl_launch){
                        .source = "conv2d_bias",
                        .kernel = "conv2d_bias",
                        .options = cut->options,
                        .global = {cut->panels * (size_t)cut->config->group, cut->bias_parts},
                        .local = {(size_t)cut->config->group, 1, 1},
                        .args = {OCL_TENSOR(diff_dst), OCL_PART(scratch, skip), OCL_SHAPE(diff_dst),
                                 OCL_STRIDES(diff_dst)},
                    });
    ocl_plan_launch(build, &(struct ocl_launch){
                               .source = "conv2d_bias",
                               .kernel = "conv2d_bias_join",
                               .options = cut->options,
                               .global = {filters},
                               .args = {OCL_PART(scratch, skip), OCL_INT(cut->bias_parts),
                                        OCL_TENSOR(diff_bias), OCL_INT(filters)},
                           });
}

static clef_status make_plan(void *context, const struct clef_conv2d_backward_weights_args *args,
                             const struct clef_tensor *scratch, const struct ocl_conv2d_geometry *g,
                             struct cut *cut, struct clef_plan **plan)
{
    bool aligned = ocl_conv2d_is_aligned(args->src) && ocl_conv2d_is_aligned(args->diff_dst);
    ocl_conv2d_options(context, cut->config, aligned, cut->options);
    struct tables tables;
    CLEF_TRY(tables_create(g, cut, &tables));
    struct ocl_plan *build = ocl_plan_begin(context);
    if (cut->tiles > 0)
        launch_weights(build, args, scratch, g, cut, &tables);
    if (args->diff_bias)
        launch_bias(build, cut, args->diff_dst, args->diff_bias, scratch);
    tables_free(&tables);
    return ocl_plan_end(build, plan);
}

clef_status ocl_conv2d_direct_backward_weights(void *context,
                                               const struct clef_conv2d_backward_weights_args *args,
                                               const struct clef_tensor *scratch,
                                               struct clef_plan_info *info, struct clef_plan **plan)
{
    const struct clef_tensor *src = args->src, *diff_dst = args->diff_dst;
    struct ocl_conv2d_geometry geometry;
    CLEF_TRY(
        ocl_conv2d_geometry_create(OCL_CONV2D_FORWARD, diff_dst, src, &args->window, &geometry));
    struct cut cut;
    clef_status status = choose_cut(context, &geometry, args, &cut);
    if (status == CLEF_OK)
        *info = (struct clef_plan_info){
            .scratch_floats = scratch_floats(&cut),
            .flops = 2 * geometry.pairs * src->c * diff_dst->c,
            .bytes = 4.0 * (double)(clef_tensor_count(src) + clef_tensor_count(diff_dst) +
                                    clef_tensor_count(args->diff_weights)),
            .algorithm = cut.config->algorithm,
        };
    if (status == CLEF_OK && plan)
        status = make_plan(context, args, scratch, &geometry, &cut, plan);
    ocl_conv2d_geometry_free(&geometry);
    return status;
}
