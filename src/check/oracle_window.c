// SPDX-License-Identifier: Apache-2.0
#include "check/oracle.h"

// The number of results along one dimension, and the zeros before the image.
static int slide(enum oracle_padding padding, int in, int kernel, int stride, int *before)
{
    *before = 0;
    if (padding == ORACLE_VALID)
        return (in - kernel) / stride + 1;
    if (padding == ORACLE_SYMMETRIC) {
        *before = kernel / 2;
        return (in + 2 * *before - kernel) / stride + 1;
    }
    int out = (in + stride - 1) / stride;
    int covered = (out - 1) * stride + kernel;
    if (covered > in)
        *before = (covered - in) / 2;
    return out;
}

struct oracle_window oracle_window(enum oracle_padding padding, int in_h, int in_w, int kernel_h,
                                   int kernel_w, int stride_h, int stride_w)
{
    struct oracle_window w = {.in_h = in_h,
                              .in_w = in_w,
                              .kernel_h = kernel_h,
                              .kernel_w = kernel_w,
                              .stride_h = stride_h,
                              .stride_w = stride_w};
    w.out_h = slide(padding, in_h, kernel_h, stride_h, &w.pad_top);
    w.out_w = slide(padding, in_w, kernel_w, stride_w, &w.pad_left);
    return w;
}

bool oracle_tap(const struct oracle_window *w, int oy, int ox, int ky, int kx, int *iy, int *ix)
{
    *iy = oy * w->stride_h - w->pad_top + ky;
    *ix = ox * w->stride_w - w->pad_left + kx;
    return *iy >= 0 && *iy < w->in_h && *ix >= 0 && *ix < w->in_w;
}

void oracle_reached(const struct oracle_window *w, bool *reached)
{
    int iy, ix;
    for (int ky = 0; ky < w->kernel_h; ky++)
        for (int kx = 0; kx < w->kernel_w; kx++) {
            bool any = false;
            for (int oy = 0; oy < w->out_h; oy++)
                for (int ox = 0; ox < w->out_w; ox++)
                    any = any || oracle_tap(w, oy, ox, ky, kx, &iy, &ix);
            reached[ky * w->kernel_w + kx] = any;
        }
}

double oracle_executed_taps(const struct oracle_window *w)
{
    int iy, ix;
    double taps = 0;
    for (int oy = 0; oy < w->out_h; oy++)
        for (int ox = 0; ox < w->out_w; ox++)
            for (int ky = 0; ky < w->kernel_h; ky++)
                for (int kx = 0; kx < w->kernel_w; kx++)
                    taps += oracle_tap(w, oy, ox, ky, kx, &iy, &ix);
    return taps;
}

double oracle_relu(double x)
{
    return x < 0 ? 0 : x;
}
