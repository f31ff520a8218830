// SPDX-License-Identifier: Apache-2.0
// Convolution backward_weights by Winograd's algorithms, as the adjoint of the forward pass in the
// weights: tiles of src go to points as they do forward, tiles of diff_dst by the transpose of what
// makes results of points, and the outer products at each point go to the taps by the transpose of
// the weights' transform.
//
// A task owns the gradients of some channels and panels. Block by block of the rows, which are all
// tiles of all images, it takes both factors to points and adds their products to its sums at all
// points, so that nothing in between leaves the second-level cache. Other tasks take the same rows
// to points again, for other panels or channels: that costs less than to read them from where one
// task for all would have written them.
#include "cpu/ops/cpu_adam.h"
#include "cpu/ops/cpu_tile.h"
#include "cpu/ops/cpu_winograd.h"
#include "cpu/ops/cpu_winograd_kernels.h"
#include "ops/adam.h"

#include <string.h>

#define TAPS 9

// Rows of a block: one chain of sums.
#define BLOCK_ROWS CPU_CHAIN_LENGTH

// Channels of a task: as many as a panel has filters, and so few that it can have many panels, for
// which it takes src to points once.
#define TASK_CHANNELS CPU_PANEL

// What the points and sums of a task take at most: most of the second-level cache, which is larger
// where vectors are.
#define TASK_FLOATS (CPU_LANES * (20 << 10))

struct weights_plan {
    struct cpu_plan base;
    const struct cpu_winograd_kernels *kernels;
    struct cpu_winograd_tiles tiles;
    struct cpu_winograd_image src, diff_dst; // With the points of a block and a task's channels.
    float *diff_weights, *diff_bias;         // diff_weights may be NULL.
    struct cpu_adam adam;
    int panels;                    // Of diff_dst's channels.
    int channels, panels_per_task; // Of a task,
    int channel_sets, panel_sets;  // and the numbers of such sets.
    size_t point, panel_floats;    // Floats between the sums of two points, and of two panels.
    float *scratch;                // Each thread's source and gradient at the points, sums, taps.
    size_t thread_floats;
};

// What a task has, and where its factors and sums are in scratch.
struct job {
    const struct weights_plan *plan;
    int channel, channels, first_panel, end_panel;
    float *src, *diff_dst, *sums, *taps; // taps: of one panel, before Adam's step.
};

static struct job job_of_task(const struct weights_plan *plan, int task, int thread)
{
    int panel = task / plan->channel_sets * plan->panels_per_task;
    int channel = task % plan->channel_sets * plan->channels;
    struct job job = {
        .plan = plan,
        .channel = channel,
        .channels = cpu_minimum(plan->src.view.c - channel, plan->channels),
        .first_panel = panel,
        .end_panel = cpu_minimum(panel + plan->panels_per_task, plan->panels),
        .src = plan->scratch + (size_t)thread * plan->thread_floats,
    };
    job.diff_dst = job.src + plan->src.points.floats;
    job.sums = job.diff_dst + plan->diff_dst.points.floats;
    job.taps = job.sums + (size_t)plan->panels_per_task * plan->panel_floats;
    return job;
}

static int panel_lanes(const struct weights_plan *plan, int panel)
{
    return cpu_minimum(plan->diff_dst.view.c - panel * CPU_PANEL, CPU_PANEL);
}

static float *panel_sums(const struct job *job, int panel)
{
    return job->sums + (size_t)(panel - job->first_panel) * job->plan->panel_floats;
}

// ---------------------------------------------------------------- a block of rows

// Takes `channels` channels of some rows to points.
static void to_points(const struct weights_plan *plan, const struct cpu_winograd_image *all,
                      cpu_winograd_tile_kernel *kernel, int channel, int channels, int first,
                      int rows, float *points, float *sums)
{
    struct cpu_winograd_image image = *all;
    image.view.data += channel;
    image.view.c = channels;
    CPU_NAME(winograd_to_points)(kernel, &plan->tiles, &image, first, rows, points, sums);
}

// Adds the products of a block's rows to a panel's sums at all points, or begins them.
static void add_products(const struct job *job, int rows, bool begins, float *all_sums)
{
    const struct weights_plan *plan = job->plan;
    const struct cpu_winograd_matrices *src = &plan->src.points, *diff = &plan->diff_dst.points;
    struct cpu_tile_outer_input in = {
        .src_row = 1, .src_step = src->row, .diff_step = diff->row, .steps = rows};
    for (int point = 0; point < plan->tiles.products; point++) {
        float *sums = all_sums + (size_t)point * plan->point;
        in.diff_dst = job->diff_dst + (size_t)point * diff->point;
        CPU_FOR_EACH_TILE(channel, height, job->channels)
        {
            in.src = job->src + (size_t)point * src->point + channel;
            CPU_NAME(tile_outer)(height, &in, begins, sums + (size_t)channel * CPU_PANEL);
        }
    }
}

static void add_panel(const struct job *job, int panel, int first, int rows)
{
    const struct weights_plan *plan = job->plan;
    int filter = panel * CPU_PANEL, lanes = panel_lanes(plan, panel);
    bool begins = first == 0, has_bias = plan->diff_bias && job->channel == 0;
    _Alignas(CPU_ALIGNMENT) float sums[CPU_PANEL] = {0};
    to_points(plan, &plan->diff_dst, plan->kernels->diff_dst, filter, lanes, first, rows,
              job->diff_dst, has_bias ? sums : NULL);
    add_products(job, rows, begins, panel_sums(job, panel));
    for (int lane = 0; has_bias && lane < lanes; lane++)
        plan->diff_bias[filter + lane] =
            begins ? sums[lane] : plan->diff_bias[filter + lane] + sums[lane];
}

static void add_block(const struct job *job, int first)
{
    const struct weights_plan *plan = job->plan;
    int rows = cpu_minimum(plan->tiles.rows - first, BLOCK_ROWS);
    to_points(plan, &plan->src, plan->kernels->src, job->channel, job->channels, first, rows,
              job->src, NULL);
    for (int panel = job->first_panel; panel < job->end_panel; panel++)
        add_panel(job, panel, first, rows);
}

// ---------------------------------------------------------------- a task

// The lanes beyond the last filter stay zero whatever src holds, also where infinity times zero is
// NaN.
static void clear_unused_lanes(const struct weights_plan *plan, int lanes, float *sums)
{
    for (size_t row = 0; lanes < CPU_PANEL && row < plan->panel_floats; row += CPU_PANEL)
        memset(sums + row + lanes, 0, (size_t)(CPU_PANEL - lanes) * sizeof(float));
}

// Takes a panel's sums to the taps, and Adam's step with them.
static void finish_panel(const struct job *job, int panel)
{
    const struct weights_plan *plan = job->plan;
    float *sums = panel_sums(job, panel);
    size_t tap = (size_t)plan->src.view.c * CPU_PANEL, count = (size_t)job->channels * CPU_PANEL;
    size_t place = (size_t)panel * TAPS * tap + (size_t)job->channel * CPU_PANEL;
    float *taps = plan->diff_weights ? plan->diff_weights + place : job->taps;
    size_t step = plan->diff_weights ? tap : count;
    clear_unused_lanes(plan, panel_lanes(plan, panel), sums);
    plan->kernels->diff_weights(sums, plan->point, (int)count, taps, step);
    for (size_t t = 0; t < TAPS; t++)
        CPU_NAME(adam_update)(&plan->adam, taps + t * step, place + t * tap, count);
}

static void weights_task(void *argument, int task, int thread)
{
    const struct weights_plan *plan = argument;
    struct job job = job_of_task(plan, task, thread);
    for (int first = 0; first < plan->tiles.rows; first += BLOCK_ROWS)
        add_block(&job, first);
    for (int panel = job.first_panel; panel < job.end_panel; panel++)
        finish_panel(&job, panel);
}

static clef_status weights_run(struct clef_plan *base, const struct clef_run_values *values)
{
    struct weights_plan *plan = (struct weights_plan *)base;
    CPU_NAME(adam_begin)(&plan->adam, values);
    cpu_parallel_for(plan->base.cpu, plan->panel_sets * plan->channel_sets, weights_task, plan);
    return CLEF_OK;
}

// ---------------------------------------------------------------- planning

// As many panels for a task as fit the cache, or fewer of both where that would leave threads
// without a task. The cut changes no sum.
static void share(struct weights_plan *plan, int threads)
{
    int all = cpu_task_count((size_t)plan->src.view.c, CPU_LANES) * CPU_LANES;
    int rows = TASK_FLOATS / plan->tiles.products / CPU_PANEL; // Of CPU_PANEL floats, at a point.
    int most = (rows - 2 * BLOCK_ROWS) / TASK_CHANNELS;        // Beside a block of both factors.
    plan->channels = cpu_minimum(TASK_CHANNELS, all);
    plan->panels_per_task = cpu_minimum(most > 1 ? most : 1, plan->panels);
    for (;;) {
        plan->channel_sets = cpu_task_count((size_t)all, (size_t)plan->channels);
        plan->panel_sets = cpu_task_count((size_t)plan->panels, (size_t)plan->panels_per_task);
        if (plan->channel_sets * plan->panel_sets >= threads)
            return;
        if (plan->panels_per_task > 1)
            plan->panels_per_task = (plan->panels_per_task + 1) / 2;
        else if (plan->channels > CPU_LANES)
            plan->channels -= CPU_LANES;
        else
            return;
    }
}

// A plan without its scratch.
static struct weights_plan outline(struct cpu_context *cpu, enum clef_conv2d_algorithm algorithm,
                                   const struct clef_conv2d_backward_weights_args *args)
{
    const struct clef_tensor *src = args->src, *diff_dst = args->diff_dst;
    const struct cpu_winograd_kernels *kernels = CPU_NAME(winograd_kernels)(algorithm);
    struct weights_plan plan = {
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
        .adam = CPU_NAME(adam_of_weights)(args->update),
        .panels = cpu_task_count((size_t)diff_dst->c, CPU_PANEL),
    };
    int products = plan.tiles.products;
    share(&plan, cpu->threads);
    plan.src.points = cpu_winograd_matrices(products, BLOCK_ROWS, plan.channels);
    plan.diff_dst.points = cpu_winograd_matrices(products, BLOCK_ROWS, CPU_PANEL);
    plan.point = (size_t)cpu_winograd_weight_rows(plan.channels) * CPU_PANEL;
    plan.panel_floats = (size_t)products * plan.point;
    plan.thread_floats = plan.src.points.floats + plan.diff_dst.points.floats +
                         (size_t)plan.panels_per_task * plan.panel_floats;
    if (!args->diff_weights)
        plan.thread_floats += (size_t)TAPS * (size_t)plan.channels * CPU_PANEL;
    return plan;
}

clef_status
CPU_NAME(winograd_backward_weights)(void *context, enum clef_conv2d_algorithm algorithm,
                                    const struct clef_conv2d_backward_weights_args *args,
                                    const struct clef_tensor *scratch, struct clef_plan_info *info,
                                    struct clef_plan **result)
{
    struct cpu_context *cpu = context;
    struct weights_plan outlined = outline(cpu, algorithm, args);
    double channels = args->src->c, filters = args->diff_dst->c;
    *info = (struct clef_plan_info){
        .scratch_floats = (size_t)cpu->threads * outlined.thread_floats,
        .flops = 2.0 * outlined.tiles.products * outlined.tiles.rows * channels * filters,
        .bytes = cpu_tensor_bytes(args->src) + cpu_tensor_bytes(args->diff_dst),
        .algorithm = clef_conv2d_algorithm_name(algorithm),
    };
    clef_add_gradient_cost(info, args->diff_weights, args->update, TAPS * channels * filters);
    if (!result)
        return CLEF_OK;
    CLEF_TRY(cpu_plan_create(context, sizeof outlined, weights_run, result));
    struct weights_plan *plan = (struct weights_plan *)*result;
    outlined.base = plan->base;
    *plan = outlined;
    plan->scratch = cpu_view(scratch).data;
    return CLEF_OK;
}
