// SPDX-License-Identifier: Apache-2.0
#include "opencl/ocl_tune_expected.h"

#include "core/philox.h"

#include <math.h>
#include <string.h>

#define SEED 2
#define SAMPLES 64

static size_t place(const struct clef_tensor *t, int n, int y, int x, int c)
{
    return (size_t)n * t->stride_n + (size_t)y * t->stride_h + (size_t)x * t->stride_w + (size_t)c;
}

static size_t weights_place(const struct ocl_conv2d_problem *p, int tap, int i, int o)
{
    size_t taps = (size_t)p->window.kernel_h * (size_t)p->window.kernel_w;
    return (((size_t)(o / OCL_PANEL) * taps + (size_t)tap) * (size_t)p->image.c + (size_t)i) *
               OCL_PANEL +
           (size_t)(o % OCL_PANEL);
}

// The position of the image that a tap meets; false on padding.
static bool meets(const struct ocl_conv2d_problem *p, int oy, int ox, int tap, int *y, int *x)
{
    const struct clef_window *w = &p->window;
    *y = oy * w->stride_h - w->pad_top + tap / w->kernel_w;
    *x = ox * w->stride_w - w->pad_left + tap % w->kernel_w;
    return *y >= 0 && *y < p->image.h && *x >= 0 && *x < p->image.w;
}

static double forward_sum(const struct ocl_tune_case *c, int n, int oy, int ox, int o)
{
    const struct ocl_conv2d_problem *p = &c->problem;
    double sum = 0;
    int y, x;
    for (int tap = 0; tap < p->window.kernel_h * p->window.kernel_w; tap++)
        for (int i = 0; meets(p, oy, ox, tap, &y, &x) && i < p->image.c; i++)
            sum += (double)c->host_image[place(&c->image, n, y, x, i)] *
                   (double)c->host_weights[weights_place(p, tap, i, o)];
    return sum;
}

static double backward_data_sum(const struct ocl_tune_case *c, int n, int iy, int ix, int i)
{
    const struct ocl_conv2d_problem *p = &c->problem;
    double sum = 0;
    int y, x;
    for (int oy = 0; oy < p->result.h; oy++)
        for (int ox = 0; ox < p->result.w; ox++)
            for (int tap = 0; tap < p->window.kernel_h * p->window.kernel_w; tap++) {
                if (!meets(p, oy, ox, tap, &y, &x) || y != iy || x != ix)
                    continue;
                for (int o = 0; o < p->result.c; o++)
                    sum += (double)c->host_result[place(&c->result, n, oy, ox, o)] *
                           (double)c->host_weights[weights_place(p, tap, i, o)];
            }
    return sum;
}

static double backward_weights_sum(const struct ocl_tune_case *c, int tap, int i, int o,
                                   bool *reached)
{
    const struct ocl_conv2d_problem *p = &c->problem;
    double sum = 0;
    int y, x;
    *reached = false;
    for (int oy = 0; oy < p->result.h; oy++)
        for (int ox = 0; ox < p->result.w; ox++)
            for (int n = 0; meets(p, oy, ox, tap, &y, &x) && n < p->result.n; n++) {
                *reached = true;
                sum += (double)c->host_image[place(&c->image, n, y, x, i)] *
                       (double)c->host_result[place(&c->result, n, oy, ox, o)];
            }
    return sum;
}

static int pick(uint32_t word, int count)
{
    return (int)(word % (uint32_t)count);
}

// Looks at one element of the output; the first sample is the first element, the second the last.
static bool sample_is_right(const struct ocl_tune_case *c, const float *output, int sample)
{
    const struct ocl_conv2d_problem *p = &c->problem;
    int taps = p->window.kernel_h * p->window.kernel_w;
    uint32_t r[4] = {0, 0, 0, 0};
    if (sample == 1)
        memset(r, 0xff, sizeof r);
    else if (sample > 1)
        clef_philox(SEED, CLEF_RANDOM_SHUFFLE, 0, (uint64_t)sample, r);
    double expected;
    size_t at;
    if (p->op == CLEF_OP_conv2d_backward_weights) {
        int tap = pick(r[0], taps), i = pick(r[1], p->image.c), o = pick(r[2], p->result.c);
        bool reached;
        expected = backward_weights_sum(c, tap, i, o, &reached);
        at = weights_place(p, tap, i, o);
        if (!reached)
            return true;
    } else {
        const struct clef_tensor *t = p->op == CLEF_OP_conv2d_forward ? &c->result : &c->image;
        int n = pick(r[0], t->n), y = pick(r[1], t->h), x = pick(r[2], t->w);
        int channel = pick(r[3], t->c);
        expected = p->op == CLEF_OP_conv2d_forward ? forward_sum(c, n, y, x, channel)
                                                   : backward_data_sum(c, n, y, x, channel);
        at = place(t, n, y, x, channel);
    }
    return fabs((double)output[at] - expected) < 0.5;
}

bool ocl_tune_is_expected(const struct ocl_tune_case *c, const float *output)
{
    for (int sample = 0; sample < SAMPLES; sample++)
        if (!sample_is_right(c, output, sample))
            return false;
    return true;
}
