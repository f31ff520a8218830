// SPDX-License-Identifier: Apache-2.0
// Convolution backward_weights by Winograd's algorithms, as the adjoint of the forward pass in the
// weights: tiles of src go to points as they do forward, tiles of diff_dst by the transpose of what
// makes results of points, and the outer products at each point go to the taps by the transpose of
// the weights' transform. For the outer products it is a convolution of the direct algorithm, see
// cpu_winograd_runs.
#include "cpu/cpu_winograd_tiles.h"
#include "cpu/ops/cpu_conv2d_outer.h"
#include "cpu/ops/cpu_winograd.h"
#include "cpu/ops/cpu_winograd_kernels.h"

#include <stdlib.h>
#include <string.h>

#define TAPS 9

// Channels whose gradients a task transforms.
#define CHANNELS_PER_TASK 32

// So many tasks of outer products keep several threads busy; where there are more points, a task
// has all panels, which then share what they read.
#define OUTER_TASKS 36

struct weights_plan {
    struct cpu_plan base;
    const struct cpu_winograd_kernels *kernels;
    struct cpu_winograd_tiles tiles;
    struct cpu_winograd_image src, diff_dst;
    float *diff_weights, *diff_bias;
    float *weights_points; // In scratch: panels of the gradient at all points,
    float *bias_sums;      // and the sums of diff_dst over the rows of each task.
    struct cpu_conv2d_outer outer;
};

static size_t bias_row(const struct weights_plan *plan)
{
    return (size_t)plan->outer.panels * CPU_PANEL;
}

// ---------------------------------------------------------------- to points

static void src_to_points(const struct weights_plan *plan, int first, int rows)
{
    const struct cpu_winograd_image *src = &plan->src;
    CPU_NAME(winograd_to_points)
    (plan->kernels->src, &plan->tiles, src, first, rows,
     src->points.data + (size_t)first * src->points.row, NULL);
}

// In panels, as the outer products read them.
static void diff_dst_to_points(const struct weights_plan *plan, int first, int rows, float *sums)
{
    struct cpu_winograd_image panel = plan->diff_dst;
    float *points = panel.points.data + (size_t)first * panel.points.row;
    for (int channel = 0; channel < plan->diff_dst.view.c; channel += CPU_PANEL) {
        int left = plan->diff_dst.view.c - channel;
        panel.view.data = plan->diff_dst.view.data + channel;
        panel.view.c = left < CPU_PANEL ? left : CPU_PANEL;
        CPU_NAME(winograd_to_points)
        (plan->kernels->diff_dst, &plan->tiles, &panel, first, rows, points,
         sums ? sums + channel : NULL);
        points += plan->outer.panel_step;
    }
}

static void to_points_task(void *argument, int task, int thread)
{
    (void)thread;
    const struct weights_plan *plan = argument;
    int row_tasks = cpu_winograd_row_tasks(&plan->tiles), part = task % row_tasks;
    int first = part * plan->tiles.rows_per_task;
    int rows = cpu_winograd_task_end(&plan->tiles, part) - first;
    if (task < row_tasks) {
        src_to_points(plan, first, rows);
        return;
    }
    float *sums = NULL;
    if (plan->diff_bias) {
        sums = plan->bias_sums + (size_t)part * bias_row(plan);
        memset(sums, 0, bias_row(plan) * sizeof *sums);
    }
    diff_dst_to_points(plan, first, rows, sums);
}

// ---------------------------------------------------------------- from points

static void join_bias(const struct weights_plan *plan)
{
    for (int c = 0; c < plan->diff_dst.view.c; c++) {
        float sum = 0;
        for (int task = 0; task < cpu_winograd_row_tasks(&plan->tiles); task++)
            sum += plan->bias_sums[(size_t)task * bias_row(plan) + (size_t)c];
        plan->diff_bias[c] = sum;
    }
}

static int tasks_per_panel(const struct weights_plan *plan)
{
    return cpu_task_count((size_t)plan->src.view.c, CHANNELS_PER_TASK);
}

static void from_points_task(void *argument, int task, int thread)
{
    (void)thread;
    const struct weights_plan *plan = argument;
    int parts = tasks_per_panel(plan), channels = plan->src.view.c;
    size_t panel = (size_t)(task / parts), tap = (size_t)channels * CPU_PANEL;
    int first = task % parts * CHANNELS_PER_TASK, count = channels - first;
    if (count > CHANNELS_PER_TASK)
        count = CHANNELS_PER_TASK;
    size_t at = (size_t)first * CPU_PANEL;
    plan->kernels->diff_weights(plan->weights_points + panel * plan->outer.panel_floats + at,
                                (size_t)cpu_winograd_weight_rows(channels) * CPU_PANEL,
                                count * CPU_PANEL, plan->diff_weights + panel * TAPS * tap + at,
                                tap);
}

static clef_status weights_run(struct clef_plan *base, const struct clef_run_values *values)
{
    (void)values;
    struct weights_plan *plan = (struct weights_plan *)base;
    cpu_parallel_for(plan->base.cpu, 2 * cpu_winograd_row_tasks(&plan->tiles), to_points_task,
                     plan);
    CPU_NAME(conv2d_outer_run)(&plan->outer);
    cpu_parallel_for(plan->base.cpu, plan->outer.panels * tasks_per_panel(plan), from_points_task,
                     plan);
    if (plan->diff_bias)
        join_bias(plan);
    return CLEF_OK;
}

// ---------------------------------------------------------------- planning

static void weights_destroy(struct clef_plan *base)
{
    CPU_NAME(conv2d_outer_free)(&((struct weights_plan *)base)->outer);
    free(base);
}

// A plan without its scratch; its outer product has to be released.
static clef_status outline(struct cpu_context *cpu, enum clef_conv2d_algorithm algorithm,
                           const struct clef_conv2d_backward_weights_args *args,
                           struct weights_plan *plan)
{
    const struct clef_tensor *src = args->src, *diff_dst = args->diff_dst;
    const struct cpu_winograd_kernels *kernels = CPU_NAME(winograd_kernels)(algorithm);
    *plan = (struct weights_plan){
        .kernels = kernels,
        .tiles = cpu_winograd_tiles(kernels->points, kernels->outputs, diff_dst,
                                    src->c > diff_dst->c ? src->c : diff_dst->c),
        .src = {.view = cpu_view(src),
                .width = kernels->inputs,
                .first_y = kernels->inset - args->window.pad_top,
                .first_x = kernels->inset - args->window.pad_left},
        .diff_dst = {.view = cpu_view(diff_dst), .width = kernels->outputs},
        .diff_weights = cpu_view(args->diff_weights).data,
        .diff_bias = cpu_view(args->diff_bias).data,
    };
    plan->src.points = cpu_winograd_matrices(plan->tiles.products, plan->tiles.rows, src->c);
    int products = plan->tiles.products;
    int panels = cpu_task_count((size_t)diff_dst->c, CPU_PANEL);
    plan->diff_dst.points = cpu_winograd_matrices(products * panels, plan->tiles.rows, CPU_PANEL);
    size_t panel_step = plan->diff_dst.points.point;
    plan->diff_dst.points.point *= (size_t)panels;
    plan->outer = (struct cpu_conv2d_outer){
        .cpu = cpu,
        .src = {.c = src->c},
        .diff_dst = {.c = diff_dst->c},
        .panel_step = panel_step,
        .panel_floats = (size_t)products * (size_t)cpu_winograd_weight_rows(src->c) * CPU_PANEL,
        .parts = 1,
        .panels_per_task = cpu_task_count((size_t)panels * (size_t)products, OUTER_TASKS),
    };
    CLEF_TRY(cpu_winograd_runs(&plan->tiles, &plan->src, &plan->diff_dst, &plan->outer.runs));
    CPU_NAME(conv2d_outer_share)(&plan->outer);
    return CLEF_OK;
}

static size_t bias_floats(const struct weights_plan *plan)
{
    return (size_t)cpu_winograd_row_tasks(&plan->tiles) * bias_row(plan);
}

static size_t weights_floats(const struct weights_plan *plan)
{
    return (size_t)plan->outer.panels * plan->outer.panel_floats;
}

// Creates the plan that was outlined; takes its outer product over.
static clef_status create(void *context, struct weights_plan *outlined, float *scratch,
                          struct clef_plan **result)
{
    struct clef_plan *base;
    clef_status status = cpu_plan_create(context, sizeof *outlined, weights_run, &base);
    if (status != CLEF_OK) {
        CPU_NAME(conv2d_outer_free)(&outlined->outer);
        return status;
    }
    base->destroy = weights_destroy;
    struct weights_plan *plan = (struct weights_plan *)base;
    outlined->base = plan->base;
    *plan = *outlined;
    plan->src.points.data = scratch;
    plan->diff_dst.points.data = plan->src.points.data + plan->src.points.floats;
    plan->weights_points = plan->diff_dst.points.data + plan->diff_dst.points.floats;
    plan->bias_sums = plan->weights_points + weights_floats(plan);
    plan->outer.src.data = plan->src.points.data;
    plan->outer.diff_dst.data = plan->diff_dst.points.data;
    plan->outer.diff_weights = plan->weights_points;
    status = CPU_NAME(conv2d_outer_prepare)(&plan->outer, plan->bias_sums + bias_floats(plan));
    if (status != CLEF_OK) {
        weights_destroy(base);
        return status;
    }
    *result = base;
    return CLEF_OK;
}

clef_status
CPU_NAME(winograd_backward_weights)(void *context, enum clef_conv2d_algorithm algorithm,
                                    const struct clef_conv2d_backward_weights_args *args,
                                    const struct clef_tensor *scratch, struct clef_plan_info *info,
                                    struct clef_plan **plan)
{
    struct weights_plan wanted;
    CLEF_TRY(outline(context, algorithm, args, &wanted));
    double weights = (double)TAPS * args->src->c * args->diff_dst->c;
    *info = (struct clef_plan_info){
        .scratch_floats = wanted.src.points.floats + wanted.diff_dst.points.floats +
                          weights_floats(&wanted) + bias_floats(&wanted) +
                          wanted.outer.scratch_floats,
        .flops = 2 * wanted.outer.runs.multiply_adds * args->diff_dst->c,
        .bytes = cpu_tensor_bytes(args->src) + cpu_tensor_bytes(args->diff_dst) +
                 weights * sizeof(float),
        .algorithm = clef_conv2d_algorithm_name(algorithm),
    };
    if (plan)
        return create(context, &wanted, cpu_view(scratch).data, plan);
    CPU_NAME(conv2d_outer_free)(&wanted.outer);
    return CLEF_OK;
}
