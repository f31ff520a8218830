// SPDX-License-Identifier: Apache-2.0
#include "cpu/ops/cpu_pool.h"

#include <math.h>

// A NaN in the window wins, the first one if there are several, so that it is not lost. On a tie
// the first position wins.
CPU_INLINE void forward_group(const struct cpu_pool *pool, const struct cpu_pool_row *row, int c,
                              int vectors, int lanes)
{
    cpu_vec best[CPU_GROUP];
    cpu_ivec where[CPU_GROUP];
    int first = row->rows.first * pool->window.kernel_w + row->columns.first;
    for (int v = 0; v < vectors; v++) {
        best[v] = cpu_splat(-INFINITY);
        where[v] = first - (cpu_ivec){0};
    }
    for (int ky = row->rows.first; ky < row->rows.end; ky++) {
        const float *line =
            pool->src.data + row->src + (size_t)(row->y + ky) * pool->src.stride_h + c;
        for (int kx = row->columns.first; kx < row->columns.end; kx++) {
            const float *src = line + (size_t)(row->x + kx) * pool->src.stride_w;
            int tap = ky * pool->window.kernel_w + kx;
            for (int v = 0; v < vectors; v++) {
                cpu_vec x = cpu_load_lanes(src + v * CPU_LANES, lanes);
                // NOLINTNEXTLINE(misc-redundant-expression): a NaN is not equal to itself.
                cpu_ivec take = ~(x <= best[v]) & (best[v] == best[v]);
                best[v] = (cpu_vec)((take & (cpu_ivec)x) | (~take & (cpu_ivec)best[v]));
                where[v] = (take & tap) | (~take & where[v]);
            }
        }
    }
    for (int v = 0; v < vectors; v++)
        cpu_store_lanes(pool->dst.data + row->dst + c + v * CPU_LANES, best[v], lanes);
    if (pool->argmax.data)
        for (int v = 0; v < vectors; v++)
            cpu_store_lanes(pool->argmax.data + row->argmax + c + v * CPU_LANES, (cpu_vec)where[v],
                            lanes);
}

static void forward_row(const struct cpu_pool *pool, const struct cpu_pool_row *row)
{
    CPU_EACH_GROUP(forward_group, pool->dst.c, pool, row);
}

static void forward_task(void *argument, int task, int thread)
{
    cpu_pool_each_row(argument, task, true, forward_row);
    (void)thread;
}

static clef_status forward_run(struct clef_plan *plan, const struct clef_run_values *values)
{
    struct cpu_pool *pool = (struct cpu_pool *)plan;
    cpu_parallel_for(pool->base.cpu, pool->rows.tasks, forward_task, pool);
    (void)values;
    return CLEF_OK;
}

// Each element gathers from the windows that see it, in a fixed order: scattering from the windows
// would let two tasks add to one element.
CPU_INLINE void backward_group(const struct cpu_pool *pool, const struct cpu_pool_row *row, int c,
                               int vectors, int lanes)
{
    const struct clef_window *window = &pool->window;
    cpu_vec sum[CPU_GROUP] = {{0}};
    for (int oy = row->rows.first; oy < row->rows.end; oy++) {
        int ky = row->y - (oy * window->stride_h - window->pad_top);
        for (int ox = row->columns.first; ox < row->columns.end; ox++) {
            int tap = ky * window->kernel_w + row->x - (ox * window->stride_w - window->pad_left);
            const float *diff_dst = pool->src.data + row->src + (size_t)oy * pool->src.stride_h +
                                    (size_t)ox * pool->src.stride_w + c;
            const float *argmax = pool->argmax.data + row->argmax +
                                  (size_t)oy * pool->argmax.stride_h +
                                  (size_t)ox * pool->argmax.stride_w + c;
            for (int v = 0; v < vectors; v++) {
                cpu_ivec where = (cpu_ivec)cpu_load_lanes(argmax + v * CPU_LANES, lanes);
                cpu_ivec mine = where == tap - (cpu_ivec){0};
                cpu_vec diff = cpu_load_lanes(diff_dst + v * CPU_LANES, lanes);
                sum[v] += (cpu_vec)(mine & (cpu_ivec)diff);
            }
        }
    }
    for (int v = 0; v < vectors; v++) {
        if (pool->mask.data)
            sum[v] = cpu_where_positive(
                cpu_load_lanes(pool->mask.data + row->mask + c + v * CPU_LANES, lanes), sum[v]);
        cpu_store_lanes(pool->dst.data + row->dst + c + v * CPU_LANES, sum[v], lanes);
    }
}

static void backward_row(const struct cpu_pool *pool, const struct cpu_pool_row *row)
{
    CPU_EACH_GROUP(backward_group, pool->dst.c, pool, row);
}

static void backward_task(void *argument, int task, int thread)
{
    cpu_pool_each_row(argument, task, false, backward_row);
    (void)thread;
}

static clef_status backward_run(struct clef_plan *plan, const struct clef_run_values *values)
{
    struct cpu_pool *pool = (struct cpu_pool *)plan;
    cpu_parallel_for(pool->base.cpu, pool->rows.tasks, backward_task, pool);
    (void)values;
    return CLEF_OK;
}

clef_status CPU_NAME(maxpool_forward)(void *context, const struct clef_maxpool_forward_args *args,
                                      const struct clef_tensor *scratch,
                                      struct clef_plan_info *info, struct clef_plan **plan)
{
    double outs = (double)clef_tensor_count(args->dst);
    *info = (struct clef_plan_info){
        .flops = outs * args->window.kernel_h * args->window.kernel_w,
        .bytes =
            sizeof(float) * ((double)clef_tensor_count(args->src) + outs * (args->argmax ? 2 : 1)),
        .algorithm = "direct",
    };
    (void)scratch;
    if (!plan)
        return CLEF_OK;
    CLEF_TRY(
        cpu_pool_create(context, args->src, args->dst, true, &args->window, forward_run, plan));
    struct cpu_pool *pool = (struct cpu_pool *)*plan;
    pool->src = cpu_view(args->src);
    pool->argmax = cpu_view(args->argmax);
    pool->dst = cpu_view(args->dst);
    return CLEF_OK;
}

clef_status CPU_NAME(maxpool_backward)(void *context, const struct clef_maxpool_backward_args *args,
                                       const struct clef_tensor *scratch,
                                       struct clef_plan_info *info, struct clef_plan **plan)
{
    double outs = (double)clef_tensor_count(args->diff_dst);
    *info = (struct clef_plan_info){
        .flops = outs * args->window.kernel_h * args->window.kernel_w,
        .bytes = sizeof(float) *
                 (2 * outs + (double)clef_tensor_count(args->diff_src) * (args->relu_dst ? 2 : 1)),
        .algorithm = "gather",
    };
    (void)scratch;
    if (!plan)
        return CLEF_OK;
    CLEF_TRY(cpu_pool_create(context, args->diff_src, args->diff_dst, false, &args->window,
                             backward_run, plan));
    struct cpu_pool *pool = (struct cpu_pool *)*plan;
    pool->src = cpu_view(args->diff_dst);
    pool->argmax = cpu_view(args->argmax);
    pool->mask = cpu_view(args->relu_dst);
    pool->dst = cpu_view(args->diff_src);
    return CLEF_OK;
}
