// SPDX-License-Identifier: Apache-2.0
#include "opencl/ocl_conv2d_product.h"

// As in cl/conv2d.cl.
enum { BIAS = 1, ADDEND = 2, RELU = 4, AHEAD = 8, PANELS_FIRST = 16 };

// Weights that meet no more rows are asked for ahead.
#define FEW_ROWS 256

static bool asks_ahead(const struct ocl_conv2d_geometry *g, const struct ocl_conv2d_work *work)
{
    return !work->config->local && g->pairs <= (double)FEW_ROWS * g->reached_count;
}

// A driver gives a thread groups that follow each other: where activations outnumber weights it
// shall have all panels of its rows.
static bool puts_panels_first(const struct ocl_conv2d_product *p,
                              const struct ocl_conv2d_geometry *g,
                              const struct ocl_conv2d_work *work)
{
    size_t weights = (size_t)(g->reached_count * g->channels) * (size_t)p->target->c;
    return !work->config->local && clef_tensor_count(p->source) > weights;
}

static int flags_of(const struct ocl_conv2d_product *p, const struct ocl_conv2d_geometry *g,
                    const struct ocl_conv2d_work *work, bool panels_first)
{
    return (p->bias ? BIAS : 0) | (p->addend ? ADDEND : 0) | (p->relu ? RELU : 0) |
           (asks_ahead(g, work) ? AHEAD : 0) | (panels_first ? PANELS_FIRST : 0);
}

size_t ocl_conv2d_panels(const struct clef_tensor *t)
{
    return ocl_groups((size_t)t->c, OCL_PANEL);
}

clef_status ocl_conv2d_product_work(const struct ocl_context *ocl,
                                    const struct ocl_conv2d_config *config,
                                    const struct ocl_conv2d_product *p,
                                    const struct ocl_conv2d_geometry *g,
                                    struct ocl_conv2d_work *work)
{
    bool aligned = ocl_conv2d_is_aligned(p->source) && p->weights->offset % 4 == 0;
    return ocl_conv2d_work_create(ocl, config, g, ocl_conv2d_panels(p->target), aligned,
                                  p->transposed, work);
}

void ocl_conv2d_product_launch(struct ocl_plan *build, const struct ocl_conv2d_product *p,
                               const struct ocl_conv2d_geometry *g,
                               const struct ocl_conv2d_work *work)
{
    cl_mem blocks = ocl_plan_table(build, work->blocks, work->block_count * sizeof *work->blocks);
    cl_mem parts = ocl_plan_table(build, work->parts, (work->part_count + 1) * sizeof *work->parts);
    cl_mem steps = ocl_plan_table(build, work->steps, work->step_bytes);
    cl_mem positions =
        ocl_plan_table(build, g->positions, (size_t)g->position_count * sizeof *g->positions);
    size_t group = (size_t)work->config->group;
    // The kernel with local memory does without.
    struct ocl_arg tap_rows = {.kind = OCL_ARG_NONE};
    if (!work->config->local)
        tap_rows = (struct ocl_arg)OCL_INT(g->tap_rows);
    size_t panels = ocl_groups(ocl_conv2d_panels(p->target), (size_t)work->config->panels);
    bool panels_first = puts_panels_first(p, g, work);
    ocl_plan_launch(
        build,
        &(struct ocl_launch){
            .source = "conv2d",
            .kernel = "conv2d",
            .options = work->options,
            .global = {(panels_first ? panels : work->part_count) * group,
                       panels_first ? work->part_count : panels},
            .local = {group, 1, 1},
            .args = {OCL_TENSOR(p->source), OCL_TENSOR(p->weights), OCL_TENSOR(p->bias),
                     OCL_TENSOR(p->addend), OCL_TENSOR(p->target), OCL_MEMORY(blocks),
                     OCL_MEMORY(parts), OCL_MEMORY(positions), OCL_MEMORY(steps),
                     OCL_INT4(g->rows.s[0], g->rows.s[1], g->rows.s[2], g->rows.s[3]),
                     OCL_INT(g->kernel_taps * g->tap_rows), OCL_INT(g->channel_step),
                     OCL_INT(p->target->c), OCL_INT(flags_of(p, g, work, panels_first)), tap_rows},
        });
}
