// SPDX-License-Identifier: Apache-2.0
// Convolution backward_data for layers with more weights than activations: the lanes of a vector
// are images, so that the weights are multiplied as they lie in their panels, and what is
// transposed is diff_dst before and diff_src after.
//
//     diff_src(n, c) = sum over taps and filters f of weights(tap, c, f) * diff_dst(n', f)
//
// The register tile sees CPU_TILE_ROWS channels as its rows and CPU_PANEL images as its panel. Sums
// run over the same products in the same order as with weights transposed, to the same bits.
#include "cpu/ops/cpu_conv2d_image_lanes.h"

#include "cpu/cpu_conv2d_runs.h"
#include "cpu/ops/cpu_tile.h"
#include "cpu/ops/cpu_tile_finish.h"
#include "cpu/ops/cpu_transpose.h"

#include <stdlib.h>
#include <string.h>

// Channels of a block: their sums, and the weights of a chain, stay in the first-level cache. A
// multiple of CPU_PANEL.
#define BLOCK_CHANNELS 64

// Below this many tasks for each thread, those of a block of channels are shared out.
#define TASKS_PER_THREAD 6

struct lanes_plan {
    struct cpu_plan base;
    struct cpu_conv2d_runs runs; // One for each position of diff_src.
    struct cpu_view diff_dst, diff_src;
    const float *weights, *addend;
    float *transposed; // [position of diff_dst][panel of images][filter][CPU_PANEL]
    int image_panels;
    // A task has a block of channels, and a share of the positions and panels of images.
    int channel_blocks, shares;
};

static int panels_of(int count)
{
    return (count + CPU_PANEL - 1) / CPU_PANEL;
}

static int at_most(int value, int limit)
{
    return value < limit ? value : limit;
}

// ---------------------------------------------------------------- diff_dst

// Transposes CPU_PANEL x CPU_PANEL elements.
static void transpose_square(const float *src, float *dst)
{
    for (int row = 0; row < CPU_PANEL; row += CPU_LANES)
        for (int column = 0; column < CPU_PANEL; column += CPU_LANES)
            cpu_transpose(src + row * CPU_PANEL + column, dst + column * CPU_PANEL + row);
}

// Copies rows of `lanes` elements to a square, the rest of which is zero.
static void load_square(const float *src, size_t src_row, int rows, int lanes, float *square)
{
    memset(square, 0, sizeof(float) * CPU_PANEL * CPU_PANEL);
    for (int row = 0; row < rows; row++)
        memcpy(square + row * CPU_PANEL, src + (size_t)row * src_row,
               (size_t)lanes * sizeof(float));
}

// A task is a position of diff_dst and a panel of images.
static void transpose_task(void *argument, int task, int thread)
{
    (void)thread;
    const struct lanes_plan *plan = argument;
    const struct cpu_view *from = &plan->diff_dst;
    int position = task / plan->image_panels, image = task % plan->image_panels * CPU_PANEL;
    const float *src = from->data + (size_t)(position / from->w) * from->stride_h +
                       (size_t)(position % from->w) * from->stride_w +
                       (size_t)image * from->stride_n;
    float *dst = plan->transposed + (size_t)task * (size_t)from->c * CPU_PANEL;
    int images = at_most(from->n - image, CPU_PANEL);
    _Alignas(CPU_ALIGNMENT) float square[CPU_PANEL * CPU_PANEL], turned[CPU_PANEL * CPU_PANEL];
    for (int f = 0; f < from->c; f += CPU_PANEL) {
        int filters = at_most(from->c - f, CPU_PANEL);
        load_square(src + f, from->stride_n, images, filters, square);
        transpose_square(square, turned);
        memcpy(dst + (size_t)f * CPU_PANEL, turned, sizeof(float) * CPU_PANEL * (size_t)filters);
    }
}

// ---------------------------------------------------------------- products

// From the weights of a chain to those of the next.
static size_t distance_to_next(const struct lanes_plan *plan, const struct cpu_conv2d_chain *chain)
{
    const struct cpu_conv2d_segment *segments = plan->runs.segments;
    return segments[chain[1].first_segment].src - segments[chain[0].first_segment].src;
}

static void multiply(const struct lanes_plan *plan, const struct cpu_conv2d_run *run,
                     int image_panel, int channel, int channels, float *sums)
{
    const struct cpu_conv2d_chain *chain = plan->runs.chains + run->first_chain;
    struct cpu_tile_input in = {
        .src_row = CPU_PANEL,
        .element_stride = 1,
        .weights = plan->transposed + (size_t)image_panel * (size_t)plan->diff_dst.c * CPU_PANEL,
    };
    for (int c = 0; c < run->chains; c++, chain++) {
        in.segments = plan->runs.segments + chain->first_segment;
        in.segment_count = chain->segments;
        in.src_ahead = c + 1 < run->chains ? distance_to_next(plan, chain) : 0;
        CPU_FOR_EACH_TILE(row, rows, channels)
        {
            in.src = plan->weights + (size_t)(channel + row) * CPU_PANEL;
            CPU_NAME(tile_multiply)(rows, &in, c == 0, sums + (size_t)row * CPU_PANEL);
        }
    }
    if (run->chains == 0)
        memset(sums, 0, (size_t)channels * CPU_PANEL * sizeof *sums);
}

// Turns the sums of a block of channels into rows of diff_src.
static void finish(const struct lanes_plan *plan, const struct cpu_conv2d_run *run, int image_panel,
                   int channel, int channels, const float *sums)
{
    int image = image_panel * CPU_PANEL;
    int images = at_most(plan->diff_src.n - image, CPU_PANEL);
    _Alignas(CPU_ALIGNMENT) float turned[CPU_PANEL * CPU_PANEL];
    for (int c = 0; c < channels; c += CPU_PANEL) {
        size_t offset = run->dst + (size_t)image * plan->diff_src.stride_n + (size_t)(channel + c);
        const struct cpu_tile_output out = {
            .dst = plan->diff_src.data + offset,
            .dst_row = plan->diff_src.stride_n,
            .addend = plan->addend ? plan->addend + offset : NULL,
            .lanes = at_most(channels - c, CPU_PANEL),
        };
        transpose_square(sums + (size_t)c * CPU_PANEL, turned);
        cpu_tile_finish(images, turned, &out);
    }
}

static void product_task(void *argument, int task, int thread)
{
    (void)thread;
    const struct lanes_plan *plan = argument;
    int share = task % plan->shares, channel = task / plan->shares * BLOCK_CHANNELS;
    int channels = at_most(plan->diff_src.c - channel, BLOCK_CHANNELS);
    int items = plan->runs.run_count * plan->image_panels;
    int end = (int)((long)items * (share + 1) / plan->shares);
    // The last square of channels may be turned beyond them.
    _Alignas(CPU_ALIGNMENT) float sums[BLOCK_CHANNELS * CPU_PANEL] = {0};
    for (int item = (int)((long)items * share / plan->shares); item < end; item++) {
        const struct cpu_conv2d_run *run = &plan->runs.runs[item / plan->image_panels];
        multiply(plan, run, item % plan->image_panels, channel, channels, sums);
        finish(plan, run, item % plan->image_panels, channel, channels, sums);
    }
}

static clef_status lanes_run(struct clef_plan *base, const struct clef_run_values *values)
{
    (void)values;
    struct lanes_plan *plan = (struct lanes_plan *)base;
    cpu_parallel_for(plan->base.cpu, plan->diff_dst.h * plan->diff_dst.w * plan->image_panels,
                     transpose_task, plan);
    cpu_parallel_for(plan->base.cpu, plan->channel_blocks * plan->shares, product_task, plan);
    return CLEF_OK;
}

// ---------------------------------------------------------------- planning

static void lanes_destroy(struct clef_plan *base)
{
    struct lanes_plan *plan = (struct lanes_plan *)base;
    cpu_conv2d_runs_free(&plan->runs);
    free(plan);
}

// The same extents for one image, with strides that count positions.
static struct clef_tensor positions_of(const struct clef_tensor *tensor)
{
    struct clef_tensor positions = *tensor;
    positions.n = 1;
    positions.stride_w = 1;
    positions.stride_h = (size_t)tensor->w;
    positions.stride_n = (size_t)tensor->h * (size_t)tensor->w;
    return positions;
}

// Appends what position `row` of a run of positions sums, in pieces of one panel of filters.
static void add_position(const struct cpu_conv2d_runs *seen, const struct cpu_conv2d_run *from,
                         int row, const struct clef_conv2d_backward_data_args *args,
                         struct cpu_conv2d_runs *runs)
{
    int filters = args->diff_dst->c, taps = args->window.kernel_h * args->window.kernel_w;
    size_t channels = (size_t)args->diff_src->c, width = (size_t)args->diff_src->w;
    size_t position = from->dst + (size_t)row * from->dst_row;
    struct cpu_conv2d_run *run = &runs->runs[runs->run_count++];
    *run = (struct cpu_conv2d_run){
        .dst = position / width * args->diff_src->stride_h +
               position % width * args->diff_src->stride_w,
        .first_segment = runs->segment_count,
    };
    for (int s = 0; s < from->segments; s++) {
        const struct cpu_conv2d_segment *segment = &seen->segments[from->first_segment + s];
        int tap = segment->weight / filters;
        int source = (int)(segment->src + (size_t)row * from->src_row);
        for (int f = 0; f < filters; f += CPU_PANEL)
            runs->segments[runs->segment_count++] = (struct cpu_conv2d_segment){
                .src = (size_t)(f / CPU_PANEL * taps + tap) * channels * CPU_PANEL,
                .weight = source * panels_of(args->diff_dst->n) * filters + f,
                .length = at_most(filters - f, CPU_PANEL),
            };
    }
    run->segments = runs->segment_count - run->first_segment;
}

static clef_status make_runs(const struct cpu_conv2d_runs *seen,
                             const struct clef_conv2d_backward_data_args *args,
                             struct cpu_conv2d_runs *runs)
{
    size_t positions = (size_t)args->diff_src->h * (size_t)args->diff_src->w;
    size_t segments = positions * (size_t)(args->window.kernel_h * args->window.kernel_w) *
                      (size_t)panels_of(args->diff_dst->c);
    *runs = (struct cpu_conv2d_runs){.element_stride = 1};
    runs->runs = malloc(positions * sizeof *runs->runs);
    runs->segments = malloc(segments * sizeof *runs->segments);
    if (!runs->runs || !runs->segments) {
        cpu_conv2d_runs_free(runs);
        return clef_fail(CLEF_OUT_OF_MEMORY,
                         "conv2d: no host memory for the geometry of %zu positions", positions);
    }
    for (int i = 0; i < seen->run_count; i++)
        for (int row = 0; row < seen->runs[i].rows; row++)
            add_position(seen, &seen->runs[i], row, args, runs);
    clef_status status = cpu_conv2d_runs_chain(runs, CPU_CHAIN_LENGTH);
    if (status != CLEF_OK)
        cpu_conv2d_runs_free(runs);
    return status;
}

bool CPU_NAME(conv2d_image_lanes_pay)(const struct clef_conv2d_backward_data_args *args,
                                      int weight_rows)
{
    const struct clef_tensor *to = args->diff_src, *from = args->diff_dst;
    double images = panels_of(to->n) * (double)CPU_PANEL;
    double activations =
        images * ((double)to->h * to->w * to->c + (double)from->h * from->w * from->c);
    double weights = (double)weight_rows * to->c;
    return images <= 1.5 * to->n && activations < weights;
}

size_t CPU_NAME(conv2d_image_lanes_scratch)(const struct clef_conv2d_backward_data_args *args)
{
    const struct clef_tensor *from = args->diff_dst;
    return (size_t)from->h * (size_t)from->w * (size_t)panels_of(from->n) * (size_t)from->c *
           CPU_PANEL;
}

clef_status CPU_NAME(conv2d_image_lanes_create)(void *context,
                                                const struct clef_conv2d_backward_data_args *args,
                                                const struct clef_tensor *scratch,
                                                struct clef_plan **plan)
{
    struct clef_tensor target = positions_of(args->diff_src), source = positions_of(args->diff_dst);
    struct cpu_conv2d_runs seen, runs;
    CLEF_TRY(cpu_conv2d_runs_create(CPU_CONV2D_BACKWARD_DATA, &target, &source, &args->window,
                                    CPU_TILE_ROWS, &seen));
    clef_status status = make_runs(&seen, args, &runs);
    cpu_conv2d_runs_free(&seen);
    CLEF_TRY(status);
    struct clef_plan *base;
    status = cpu_plan_create(context, sizeof(struct lanes_plan), lanes_run, &base);
    if (status != CLEF_OK) {
        cpu_conv2d_runs_free(&runs);
        return status;
    }
    base->destroy = lanes_destroy;
    struct lanes_plan *lanes = (struct lanes_plan *)base;
    lanes->runs = runs;
    lanes->diff_dst = cpu_view(args->diff_dst);
    lanes->diff_src = cpu_view(args->diff_src);
    lanes->weights = cpu_view(args->weights).data;
    lanes->addend = cpu_view(args->addend).data;
    lanes->transposed = cpu_view(scratch).data;
    lanes->image_panels = panels_of(args->diff_dst->n);
    lanes->channel_blocks = cpu_task_count((size_t)args->diff_src->c, BLOCK_CHANNELS);
    int wanted = TASKS_PER_THREAD * lanes->base.cpu->threads;
    lanes->shares = at_most(cpu_task_count((size_t)wanted, (size_t)lanes->channel_blocks),
                            runs.run_count * lanes->image_panels);
    *plan = base;
    return CLEF_OK;
}
