// SPDX-License-Identifier: Apache-2.0
#include "check/oracle.h"

#include <math.h>

static size_t src_place(const struct oracle_pool *p, int n, int y, int x, int c)
{
    return (((size_t)n * p->window.in_h + y) * p->window.in_w + x) * p->c + c;
}

static size_t dst_place(const struct oracle_pool *p, int n, int y, int x, int c)
{
    return (((size_t)n * p->window.out_h + y) * p->window.out_w + x) * p->c + c;
}

#define FOR_EACH_RESULT(p, n, oy, ox, c)                   \
    for (int n = 0; n < (p)->n; n++)                       \
        for (int oy = 0; oy < (p)->window.out_h; oy++)     \
            for (int ox = 0; ox < (p)->window.out_w; ox++) \
                for (int c = 0; c < (p)->c; c++)

#define FOR_EACH_TAP(p, ky, kx)                       \
    for (int ky = 0; ky < (p)->window.kernel_h; ky++) \
        for (int kx = 0; kx < (p)->window.kernel_w; kx++)

static void clear_src(const struct oracle_pool *p, double *diff_src)
{
    for (size_t k = 0; k < src_place(p, p->n, 0, 0, 0); k++)
        diff_src[k] = 0;
}

static int positions_inside(const struct oracle_pool *p, int oy, int ox)
{
    int iy, ix, inside = 0;
    FOR_EACH_TAP(p, ky, kx)
    inside += oracle_tap(&p->window, oy, ox, ky, kx, &iy, &ix);
    return inside;
}

void oracle_maxpool_forward(const struct oracle_pool *p, const double *src, double *dst,
                            double *argmax)
{
    int iy, ix;
    FOR_EACH_RESULT(p, n, oy, ox, c)
    {
        bool any = false;
        double best = 0;
        int where = 0;
        FOR_EACH_TAP(p, ky, kx)
        {
            if (!oracle_tap(&p->window, oy, ox, ky, kx, &iy, &ix))
                continue;
            double value = src[src_place(p, n, iy, ix, c)];
            if (!any || value > best || (isnan(value) && !isnan(best))) {
                best = value;
                where = ky * p->window.kernel_w + kx;
                any = true;
            }
        }
        dst[dst_place(p, n, oy, ox, c)] = best;
        argmax[dst_place(p, n, oy, ox, c)] = where;
    }
}

void oracle_maxpool_backward(const struct oracle_pool *p, const double *diff_dst,
                             const double *argmax, const double *relu_dst, double *diff_src)
{
    int iy, ix;
    clear_src(p, diff_src);
    FOR_EACH_RESULT(p, n, oy, ox, c)
    {
        int where = (int)argmax[dst_place(p, n, oy, ox, c)];
        oracle_tap(&p->window, oy, ox, where / p->window.kernel_w, where % p->window.kernel_w, &iy,
                   &ix);
        diff_src[src_place(p, n, iy, ix, c)] += diff_dst[dst_place(p, n, oy, ox, c)];
    }
    for (size_t k = 0; relu_dst && k < src_place(p, p->n, 0, 0, 0); k++)
        if (relu_dst[k] <= 0)
            diff_src[k] = 0;
}

void oracle_avgpool_forward(const struct oracle_pool *p, const double *src, double *dst)
{
    int iy, ix;
    FOR_EACH_RESULT(p, n, oy, ox, c)
    {
        double sum = 0;
        FOR_EACH_TAP(p, ky, kx)
        if (oracle_tap(&p->window, oy, ox, ky, kx, &iy, &ix))
            sum += src[src_place(p, n, iy, ix, c)];
        dst[dst_place(p, n, oy, ox, c)] = sum / positions_inside(p, oy, ox);
    }
}

void oracle_avgpool_backward(const struct oracle_pool *p, const double *diff_dst, double *diff_src)
{
    int iy, ix;
    clear_src(p, diff_src);
    FOR_EACH_RESULT(p, n, oy, ox, c)
    {
        double share = diff_dst[dst_place(p, n, oy, ox, c)] / positions_inside(p, oy, ox);
        FOR_EACH_TAP(p, ky, kx)
        if (oracle_tap(&p->window, oy, ox, ky, kx, &iy, &ix))
            diff_src[src_place(p, n, iy, ix, c)] += share;
    }
}
