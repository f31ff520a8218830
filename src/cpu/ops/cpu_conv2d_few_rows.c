// SPDX-License-Identifier: Apache-2.0
// Convolution backward_data where diff_src has a few rows in all, as the last stages have of a
// single image: reading the weights is all there is to do, and to transpose them, or to leave most
// lanes of images empty, takes longer.
//
//     diff_src(row, c) = sum over taps and filters f of weights(tap, c, f) * diff_dst(row', f)
//
// A vector has filters, as the weights lie in their panels: each lane sums up the products of its
// filters, and at last the lanes are summed. A block of channels takes all taps and panels of
// filters for a group of rows after the other, and meanwhile asks for what the next block reads,
// some places far apart.
#include "cpu/ops/cpu_conv2d_few_rows.h"

#include "cpu/ops/cpu_rows.h"

#include <stdlib.h>
#include <string.h>

#define MOST_ROWS 16
#define TASK_CHANNELS 32

// Rows of a group and channels of a block: their sums are in registers.
#define GROUP_ROWS 4
#define BLOCK_CHANNELS (CPU_LANES >= 16 ? 4 : 2)

// A tap that some row of a group meets.
struct seen_tap {
    int tap;
    int rows[GROUP_ROWS]; // Of diff_dst, that each row of the group meets, or -1.
};

struct row_group {
    int first, rows;
    struct seen_tap *seen;
    int seen_count;
};

struct few_rows_plan {
    struct cpu_plan base;
    struct cpu_view diff_dst, diff_src;
    const float *weights, *addend;
    int panels;
    size_t tap_floats, panel_floats; // Between the weights of two taps, and of two panels.
    float *gradients;                // diff_dst's rows, in whole panels of filters.
    struct row_group groups[MOST_ROWS / GROUP_ROWS];
    int group_count;
    struct seen_tap *seen; // Of all groups.
};

static size_t row_place(const struct cpu_view *view, int row)
{
    int x = row % view->w, y = row / view->w % view->h, n = row / view->w / view->h;
    return (size_t)n * view->stride_n + (size_t)y * view->stride_h + (size_t)x * view->stride_w;
}

static void copy_gradients(const struct few_rows_plan *plan)
{
    const struct cpu_view *from = &plan->diff_dst;
    size_t length = (size_t)plan->panels * CPU_PANEL, used = (size_t)from->c;
    for (int row = 0; row < from->n * from->h * from->w; row++) {
        float *to = plan->gradients + (size_t)row * length;
        memcpy(to, from->data + row_place(from, row), used * sizeof *to);
        memset(to + used, 0, (length - used) * sizeof *to);
    }
}

// ---------------------------------------------------------------- a block of channels

// In halves, so that each rounding error is that of a small part.
static float sum_of_lanes(cpu_vec lanes)
{
    float sums[CPU_LANES];
    cpu_store(sums, lanes);
    for (int half = CPU_LANES / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            sums[i] += sums[i + half];
    return sums[0];
}

// Adds the products of one tap and panel of filters for one vector of these.
CPU_INLINE void add_products(const float *weights, const float *gradients, size_t length,
                             const int *seen, int channels, int rows,
                             cpu_vec sums[GROUP_ROWS][BLOCK_CHANNELS])
{
    for (int row = 0; row < rows; row++) {
        if (seen[row] < 0)
            continue;
        cpu_vec gradient = cpu_load(gradients + (size_t)seen[row] * length);
        for (int c = 0; c < channels; c++)
            sums[row][c] += cpu_load(weights + c * CPU_PANEL) * gradient;
    }
}

// `channels` and `rows`, no fewer than there are, are constants.
CPU_INLINE void compute_rows(const struct few_rows_plan *plan, const struct row_group *group,
                             int channel, int channels, int rows)
{
    size_t length = (size_t)plan->panels * CPU_PANEL;
    cpu_vec sums[GROUP_ROWS][BLOCK_CHANNELS] = {{{0}}};
    for (int panel = 0; panel < plan->panels; panel++)
        for (int i = 0; i < group->seen_count; i++) {
            const struct seen_tap *seen = &group->seen[i];
            const float *weights = plan->weights + (size_t)panel * plan->panel_floats +
                                   (size_t)seen->tap * plan->tap_floats +
                                   (size_t)channel * CPU_PANEL;
            const float *gradients = plan->gradients + panel * CPU_PANEL;
            for (int k = 0; k < BLOCK_CHANNELS * CPU_PANEL; k += CPU_LINE_FLOATS)
                __builtin_prefetch(weights + BLOCK_CHANNELS * CPU_PANEL + k);
            for (int lane = 0; lane < CPU_PANEL; lane += CPU_LANES)
                add_products(weights + lane, gradients + lane, length, seen->rows, channels, rows,
                             sums);
        }
    for (int row = 0; row < group->rows; row++) {
        size_t at = row_place(&plan->diff_src, group->first + row) + (size_t)channel;
        for (int c = 0; c < channels; c++) {
            float sum = sum_of_lanes(sums[row][c]);
            plan->diff_src.data[at + (size_t)c] =
                plan->addend ? sum + plan->addend[at + (size_t)c] : sum;
        }
    }
}

static void whole_block(const struct few_rows_plan *plan, int channel)
{
    for (int i = 0; i < plan->group_count; i++)
        if (plan->groups[i].rows == 1)
            compute_rows(plan, &plan->groups[i], channel, BLOCK_CHANNELS, 1);
        else
            compute_rows(plan, &plan->groups[i], channel, BLOCK_CHANNELS, GROUP_ROWS);
}

static void channels_task(void *argument, int task, int thread)
{
    (void)thread;
    const struct few_rows_plan *plan = argument;
    int channel = task * TASK_CHANNELS;
    int end = cpu_minimum(channel + TASK_CHANNELS, plan->diff_src.c);
    for (; channel + BLOCK_CHANNELS <= end; channel += BLOCK_CHANNELS)
        whole_block(plan, channel);
    for (; channel < end; channel++)
        for (int i = 0; i < plan->group_count; i++)
            compute_rows(plan, &plan->groups[i], channel, 1, GROUP_ROWS);
}

static clef_status few_rows_run(struct clef_plan *base, const struct clef_run_values *values)
{
    (void)values;
    struct few_rows_plan *plan = (struct few_rows_plan *)base;
    copy_gradients(plan);
    cpu_parallel_for(plan->base.cpu, cpu_task_count((size_t)plan->diff_src.c, TASK_CHANNELS),
                     channels_task, plan);
    return CLEF_OK;
}

// ---------------------------------------------------------------- planning

// More rows than a group read the weights again, from a near cache. That pays where other ways
// would read them as often, since few rows meet the same taps: where they are of one image.
bool CPU_NAME(conv2d_few_rows_serves)(const struct clef_conv2d_backward_data_args *args)
{
    return clef_tensor_rows(args->diff_src) <= (args->diff_src->n == 1 ? MOST_ROWS : GROUP_ROWS);
}

size_t CPU_NAME(conv2d_few_rows_scratch)(const struct clef_conv2d_backward_data_args *args)
{
    const struct clef_tensor *from = args->diff_dst;
    return clef_tensor_rows(from) * (size_t)cpu_task_count((size_t)from->c, CPU_PANEL) * CPU_PANEL;
}

// The position whose window of one tap begins at `at`, in one direction; -1 for none.
static int position_that_sees(int at, int stride, int positions)
{
    return at >= 0 && at % stride == 0 && at / stride < positions ? at / stride : -1;
}

// The row of diff_dst that a row of diff_src meets through a tap, or -1.
static int row_seen(const struct clef_conv2d_backward_data_args *args, int tap, int row)
{
    const struct clef_tensor *from = args->diff_dst, *to = args->diff_src;
    const struct clef_window *window = &args->window;
    int x = position_that_sees(row % to->w + window->pad_left - tap % window->kernel_w,
                               window->stride_w, from->w);
    int y = position_that_sees(row / to->w % to->h + window->pad_top - tap / window->kernel_w,
                               window->stride_h, from->h);
    return x < 0 || y < 0 ? -1 : (row / to->w / to->h * from->h + y) * from->w + x;
}

static void list_taps(const struct clef_conv2d_backward_data_args *args, struct row_group *group)
{
    for (int tap = 0; tap < args->window.kernel_h * args->window.kernel_w; tap++) {
        struct seen_tap seen = {.tap = tap};
        bool any = false;
        for (int row = 0; row < GROUP_ROWS; row++) {
            seen.rows[row] = row < group->rows ? row_seen(args, tap, group->first + row) : -1;
            any = any || seen.rows[row] >= 0;
        }
        if (any)
            group->seen[group->seen_count++] = seen;
    }
}

static void make_groups(const struct clef_conv2d_backward_data_args *args, size_t taps,
                        struct few_rows_plan *plan)
{
    int rows = (int)clef_tensor_rows(args->diff_src);
    for (int first = 0; first < rows; first += GROUP_ROWS) {
        struct row_group *group = &plan->groups[plan->group_count];
        *group = (struct row_group){.first = first,
                                    .rows = cpu_minimum(rows - first, GROUP_ROWS),
                                    .seen = plan->seen + (size_t)plan->group_count * taps};
        list_taps(args, group);
        plan->group_count++;
    }
}

static void few_rows_destroy(struct clef_plan *base)
{
    free(((struct few_rows_plan *)base)->seen);
    free(base);
}

clef_status CPU_NAME(conv2d_few_rows_create)(void *context,
                                             const struct clef_conv2d_backward_data_args *args,
                                             const struct clef_tensor *scratch,
                                             struct clef_plan **plan)
{
    struct clef_plan *base;
    CLEF_TRY(cpu_plan_create(context, sizeof(struct few_rows_plan), few_rows_run, &base));
    struct few_rows_plan *few = (struct few_rows_plan *)base;
    base->destroy = few_rows_destroy;
    size_t taps = (size_t)args->window.kernel_h * (size_t)args->window.kernel_w;
    few->panels = cpu_task_count((size_t)args->diff_dst->c, CPU_PANEL);
    few->tap_floats = (size_t)args->diff_src->c * CPU_PANEL;
    few->panel_floats = taps * few->tap_floats;
    few->seen = malloc(MOST_ROWS / GROUP_ROWS * taps * sizeof *few->seen);
    if (!few->seen) {
        few_rows_destroy(base);
        return clef_fail(CLEF_OUT_OF_MEMORY, "conv2d: no host memory for a list of taps");
    }
    make_groups(args, taps, few);
    few->diff_dst = cpu_view(args->diff_dst);
    few->diff_src = cpu_view(args->diff_src);
    few->weights = cpu_view(args->weights).data;
    few->addend = cpu_view(args->addend).data;
    few->gradients = cpu_view(scratch).data;
    *plan = base;
    return CLEF_OK;
}
