// SPDX-License-Identifier: Apache-2.0
// Convolution forward and backward_data by Winograd's algorithms (Lavin and Gray, "Fast Algorithms
// for Convolutional Neural Networks").
//
// Tiles of the source go to points, one matrix product at each point joins them with the weights,
// and the products go back to tiles of the target. For the products, what is in between is a
// convolution of the direct algorithm: its positions are the points, its rows all tiles of all
// images, and each position sees one tap, which is the point's as well. backward_data is the same
// with the taps in reverse, and the roles of filters and channels exchanged.
#include "cpu/ops/cpu_winograd.h"
#include "cpu/cpu_winograd_tiles.h"
#include "cpu/ops/cpu_conv2d_product.h"
#include "cpu/ops/cpu_winograd_kernels.h"

#include <stdlib.h>

#define TAPS 9

// Channels whose weights a task transforms.
#define CHANNELS_PER_TASK 32

struct winograd_plan {
    struct cpu_plan base;
    const struct cpu_winograd_kernels *kernels;
    struct cpu_winograd_tiles tiles;
    struct cpu_winograd_image source, target;
    struct clef_weights_layout layout;
    bool backward;
    const float *weights, *bias, *addend;
    bool relu;
    int panels;            // Of the target's channels.
    size_t panel_floats;   // Of one panel of weights at all points.
    float *weights_points; // In scratch.
    struct cpu_conv2d_product product;
};

// ---------------------------------------------------------------- to points

static int weights_tasks_per_panel(const struct winograd_plan *plan)
{
    return cpu_task_count((size_t)plan->source.view.c,
                          plan->backward ? CPU_PANEL : CHANNELS_PER_TASK);
}

static void transform_weights(const struct winograd_plan *plan, int panel, int part)
{
    int first = part * CHANNELS_PER_TASK, count = plan->layout.in - first;
    if (count > CHANNELS_PER_TASK)
        count = CHANNELS_PER_TASK;
    size_t tap = (size_t)plan->layout.in * CPU_PANEL, at = (size_t)first * CPU_PANEL;
    plan->kernels->weights(plan->weights + (size_t)panel * TAPS * tap + at, (ptrdiff_t)tap,
                           count * CPU_PANEL,
                           plan->weights_points + (size_t)panel * plan->panel_floats + at,
                           (size_t)cpu_winograd_weight_rows(plan->layout.in) * CPU_PANEL);
}

static void transform_transposed_weights(const struct winograd_plan *plan, int panel,
                                         int filter_panel)
{
    _Alignas(CPU_ALIGNMENT) float squares[TAPS][CPU_PANEL * CPU_PANEL];
    for (int tap = 0; tap < TAPS; tap++)
        cpu_transpose_weights(plan->weights, &plan->layout, panel, tap, filter_panel,
                              squares[TAPS - 1 - tap]);
    int first = filter_panel * CPU_PANEL, count = plan->layout.out - first;
    if (count > CPU_PANEL)
        count = CPU_PANEL;
    plan->kernels->weights(squares[0], CPU_PANEL * CPU_PANEL, count * CPU_PANEL,
                           plan->weights_points + (size_t)panel * plan->panel_floats +
                               (size_t)first * CPU_PANEL,
                           (size_t)cpu_winograd_weight_rows(plan->layout.out) * CPU_PANEL);
}

static void to_points_task(void *argument, int task, int thread)
{
    (void)thread;
    const struct winograd_plan *plan = argument;
    cpu_winograd_tile_kernel *src = plan->kernels->src;
    int parts = weights_tasks_per_panel(plan), row_task = task - plan->panels * parts;
    if (row_task >= 0)
        CPU_NAME(winograd_to_points)(src, &plan->tiles, &plan->source, row_task, NULL);
    else if (plan->backward)
        transform_transposed_weights(plan, task / parts, task % parts);
    else
        transform_weights(plan, task / parts, task % parts);
}

// ---------------------------------------------------------------- from points

static void from_points_task(void *argument, int task, int thread)
{
    (void)thread;
    const struct winograd_plan *plan = argument;
    const struct cpu_winograd_matrices *from = &plan->target.points;
    const struct cpu_view *view = &plan->target.view;
    size_t pixels[CPU_WINOGRAD_PIXELS];
    int first = task * plan->tiles.rows_per_task, end = cpu_winograd_task_end(&plan->tiles, task);
    for (int row = first; row < end; row++) {
        int n = row % plan->tiles.images;
        if (row == first || n == 0)
            cpu_winograd_find_pixels(&plan->tiles, &plan->target, row, pixels);
        size_t image = (size_t)n * view->stride_n;
        const struct cpu_tile_output out = {
            .dst = view->data + image,
            .bias = plan->bias,
            .addend = plan->addend ? plan->addend + image : NULL,
            .lanes = view->c,
            .relu = plan->relu,
        };
        plan->kernels->dst(from->data + (size_t)row * from->row, from->point, pixels, &out);
    }
}

static clef_status winograd_run(struct clef_plan *base, const struct clef_run_values *values)
{
    (void)values;
    struct winograd_plan *plan = (struct winograd_plan *)base;
    int row_tasks = cpu_winograd_row_tasks(&plan->tiles);
    cpu_parallel_for(plan->base.cpu, plan->panels * weights_tasks_per_panel(plan) + row_tasks,
                     to_points_task, plan);
    CPU_NAME(conv2d_product_run)(&plan->product);
    cpu_parallel_for(plan->base.cpu, row_tasks, from_points_task, plan);
    return CLEF_OK;
}

// ---------------------------------------------------------------- planning

static void winograd_destroy(struct clef_plan *base)
{
    CPU_NAME(conv2d_product_free)(&((struct winograd_plan *)base)->product);
    free(base);
}

// A plan without its scratch and its products.
static struct winograd_plan outline(enum clef_conv2d_algorithm algorithm,
                                    const struct clef_tensor *source,
                                    const struct clef_tensor *target,
                                    const struct clef_window *window, bool backward)
{
    const struct cpu_winograd_kernels *kernels = CPU_NAME(winograd_kernels)(algorithm);
    // Tap k of the reversed kernel is tap 2 - k.
    int pad_top = backward ? 2 - window->pad_top : window->pad_top;
    int pad_left = backward ? 2 - window->pad_left : window->pad_left;
    struct winograd_plan plan = {
        .kernels = kernels,
        .tiles = cpu_winograd_tiles(kernels->points, kernels->outputs, target,
                                    source->c > target->c ? source->c : target->c),
        .source = {.view = cpu_view(source),
                   .width = kernels->inputs,
                   .first_y = kernels->inset - pad_top,
                   .first_x = kernels->inset - pad_left},
        .target = {.view = cpu_view(target), .width = kernels->outputs},
        .layout = {3, 3, backward ? target->c : source->c, backward ? source->c : target->c,
                   CPU_PANEL},
        .backward = backward,
        .panels = cpu_task_count((size_t)target->c, CPU_PANEL),
    };
    plan.source.points = cpu_winograd_matrices(&plan.tiles, source->c);
    plan.target.points = cpu_winograd_matrices(&plan.tiles, target->c);
    plan.panel_floats =
        (size_t)plan.tiles.products * (size_t)cpu_winograd_weight_rows(source->c) * CPU_PANEL;
    return plan;
}

static struct clef_plan_info describe(const struct winograd_plan *plan,
                                      enum clef_conv2d_algorithm algorithm)
{
    double channels = plan->source.view.c, filters = plan->target.view.c;
    return (struct clef_plan_info){
        .scratch_floats = plan->source.points.floats + plan->target.points.floats +
                          (size_t)plan->panels * plan->panel_floats,
        .flops = 2.0 * plan->tiles.products * plan->tiles.rows * channels * filters,
        .bytes = sizeof(float) * TAPS * channels * filters,
        .algorithm = clef_conv2d_algorithm_name(algorithm),
    };
}

// Creates the plan that was outlined.
static clef_status create(void *context, struct winograd_plan *outlined, float *scratch,
                          struct clef_plan **result)
{
    struct clef_plan *base;
    CLEF_TRY(cpu_plan_create(context, sizeof *outlined, winograd_run, &base));
    base->destroy = winograd_destroy;
    struct winograd_plan *plan = (struct winograd_plan *)base;
    outlined->base = plan->base;
    *plan = *outlined;
    plan->source.points.data = scratch;
    plan->target.points.data = scratch + plan->source.points.floats;
    plan->weights_points = plan->target.points.data + plan->target.points.floats;
    plan->product = (struct cpu_conv2d_product){
        .cpu = plan->base.cpu,
        .target = {.data = plan->target.points.data, .c = plan->target.view.c},
        .source = {.data = plan->source.points.data, .c = plan->source.view.c},
        .panel_floats = plan->panel_floats,
        .panels_per_task = plan->panels,
        .weights = plan->weights_points,
    };
    clef_status status =
        cpu_winograd_runs(&plan->tiles, &plan->source, &plan->target, &plan->product.runs);
    if (status == CLEF_OK)
        status = CPU_NAME(conv2d_product_prepare)(&plan->product);
    if (status != CLEF_OK) {
        winograd_destroy(base);
        return status;
    }
    *result = base;
    return CLEF_OK;
}

clef_status CPU_NAME(winograd_forward)(void *context, enum clef_conv2d_algorithm algorithm,
                                       const struct clef_conv2d_forward_args *args,
                                       const struct clef_tensor *scratch,
                                       struct clef_plan_info *info, struct clef_plan **plan)
{
    struct winograd_plan wanted = outline(algorithm, args->src, args->dst, &args->window, false);
    wanted.weights = cpu_view(args->weights).data;
    wanted.bias = cpu_view(args->bias).data;
    wanted.relu = args->relu;
    *info = describe(&wanted, algorithm);
    info->bytes += cpu_tensor_bytes(args->src) + cpu_tensor_bytes(args->dst);
    return plan ? create(context, &wanted, cpu_view(scratch).data, plan) : CLEF_OK;
}

clef_status CPU_NAME(winograd_backward_data)(void *context, enum clef_conv2d_algorithm algorithm,
                                             const struct clef_conv2d_backward_data_args *args,
                                             const struct clef_tensor *scratch,
                                             struct clef_plan_info *info, struct clef_plan **plan)
{
    struct winograd_plan wanted =
        outline(algorithm, args->diff_dst, args->diff_src, &args->window, true);
    wanted.weights = cpu_view(args->weights).data;
    wanted.addend = cpu_view(args->addend).data;
    *info = describe(&wanted, algorithm);
    info->bytes += cpu_tensor_bytes(args->diff_dst) + cpu_tensor_bytes(args->diff_src) +
                   cpu_tensor_bytes(args->addend);
    return plan ? create(context, &wanted, cpu_view(scratch).data, plan) : CLEF_OK;
}
