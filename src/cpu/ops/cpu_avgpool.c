// SPDX-License-Identifier: Apache-2.0
#include "cpu/ops/cpu_pool.h"

CPU_INLINE void forward_group(const struct cpu_pool *pool, const struct cpu_pool_row *row, int c,
                              int vectors, int lanes)
{
    cpu_vec sum[CPU_GROUP] = {{0}};
    for (int ky = row->rows.first; ky < row->rows.end; ky++) {
        const float *line =
            pool->src.data + row->src + (size_t)(row->y + ky) * pool->src.stride_h + c;
        for (int kx = row->columns.first; kx < row->columns.end; kx++) {
            const float *src = line + (size_t)(row->x + kx) * pool->src.stride_w;
            for (int v = 0; v < vectors; v++)
                sum[v] += cpu_load_lanes(src + v * CPU_LANES, lanes);
        }
    }
    int positions = (row->rows.end - row->rows.first) * (row->columns.end - row->columns.first);
    for (int v = 0; v < vectors; v++)
        cpu_store_lanes(pool->dst.data + row->dst + c + v * CPU_LANES, sum[v] / (float)positions,
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

// Positions of window `out` inside of the image, along one axis.
static inline int positions_inside(int out, int kernel, int stride, int pad, int extent)
{
    struct cpu_span taps = cpu_pool_taps(out, kernel, stride, pad, extent);
    return taps.end - taps.first;
}

CPU_INLINE void backward_group(const struct cpu_pool *pool, const struct cpu_pool_row *row, int c,
                               int vectors, int lanes)
{
    const struct clef_window *window = &pool->window;
    cpu_vec sum[CPU_GROUP] = {{0}};
    for (int oy = row->rows.first; oy < row->rows.end; oy++) {
        int lines =
            positions_inside(oy, window->kernel_h, window->stride_h, window->pad_top, pool->height);
        for (int ox = row->columns.first; ox < row->columns.end; ox++) {
            int positions = lines * positions_inside(ox, window->kernel_w, window->stride_w,
                                                     window->pad_left, pool->width);
            const float *diff_dst = pool->src.data + row->src + (size_t)oy * pool->src.stride_h +
                                    (size_t)ox * pool->src.stride_w + c;
            for (int v = 0; v < vectors; v++)
                sum[v] += cpu_load_lanes(diff_dst + v * CPU_LANES, lanes) / (float)positions;
        }
    }
    for (int v = 0; v < vectors; v++)
        cpu_store_lanes(pool->dst.data + row->dst + c + v * CPU_LANES, sum[v], lanes);
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

static struct clef_plan_info describe(const struct clef_tensor *image,
                                      const struct clef_tensor *outs,
                                      const struct clef_window *window, const char *algorithm)
{
    return (struct clef_plan_info){
        .flops = (double)clef_tensor_count(outs) * window->kernel_h * window->kernel_w,
        .bytes =
            sizeof(float) * ((double)clef_tensor_count(image) + (double)clef_tensor_count(outs)),
        .algorithm = algorithm,
    };
}

clef_status CPU_NAME(avgpool_forward)(void *context, const struct clef_avgpool_forward_args *args,
                                      const struct clef_tensor *scratch,
                                      struct clef_plan_info *info, struct clef_plan **plan)
{
    *info = describe(args->src, args->dst, &args->window, "direct");
    (void)scratch;
    if (!plan)
        return CLEF_OK;
    CLEF_TRY(
        cpu_pool_create(context, args->src, args->dst, true, &args->window, forward_run, plan));
    struct cpu_pool *pool = (struct cpu_pool *)*plan;
    pool->src = cpu_view(args->src);
    pool->dst = cpu_view(args->dst);
    return CLEF_OK;
}

clef_status CPU_NAME(avgpool_backward)(void *context, const struct clef_avgpool_backward_args *args,
                                       const struct clef_tensor *scratch,
                                       struct clef_plan_info *info, struct clef_plan **plan)
{
    *info = describe(args->diff_src, args->diff_dst, &args->window, "gather");
    (void)scratch;
    if (!plan)
        return CLEF_OK;
    CLEF_TRY(cpu_pool_create(context, args->diff_src, args->diff_dst, false, &args->window,
                             backward_run, plan));
    struct cpu_pool *pool = (struct cpu_pool *)*plan;
    pool->src = cpu_view(args->diff_dst);
    pool->dst = cpu_view(args->diff_src);
    return CLEF_OK;
}
