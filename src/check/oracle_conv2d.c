// SPDX-License-Identifier: Apache-2.0
#include "check/oracle.h"

// One position of the result, one tap of it that lies inside of the image: the channels that meet
// there.
struct meeting {
    size_t src, dst, weights; // Offsets of the first channel of each.
};

// Calls visit for all meetings.
static void for_each_meeting(const struct oracle_conv2d *conv,
                             void (*visit)(const struct oracle_conv2d *conv,
                                           const struct meeting *at, void *user),
                             void *user)
{
    const struct oracle_window *w = &conv->window;
    int iy, ix;
    for (int n = 0; n < conv->n; n++)
        for (int oy = 0; oy < w->out_h; oy++)
            for (int ox = 0; ox < w->out_w; ox++)
                for (int ky = 0; ky < w->kernel_h; ky++)
                    for (int kx = 0; kx < w->kernel_w; kx++) {
                        if (!oracle_tap(w, oy, ox, ky, kx, &iy, &ix))
                            continue;
                        struct meeting at = {
                            .src = (((size_t)n * w->in_h + iy) * w->in_w + ix) * conv->in,
                            .dst = (((size_t)n * w->out_h + oy) * w->out_w + ox) * conv->out,
                            .weights = ((size_t)ky * w->kernel_w + kx) * conv->in * conv->out,
                        };
                        visit(conv, &at, user);
                    }
}

struct forward {
    const double *src, *weights;
    double *dst;
};

static void visit_forward(const struct oracle_conv2d *conv, const struct meeting *at, void *user)
{
    struct forward *f = user;
    for (int i = 0; i < conv->in; i++)
        for (int o = 0; o < conv->out; o++)
            f->dst[at->dst + o] +=
                f->src[at->src + i] * f->weights[at->weights + (size_t)i * conv->out + o];
}

void oracle_conv2d_forward(const struct oracle_conv2d *conv, const double *src,
                           const double *weights, const double *bias, bool relu, double *dst)
{
    size_t rows = (size_t)conv->n * conv->window.out_h * conv->window.out_w;
    for (size_t k = 0; k < rows * conv->out; k++)
        dst[k] = bias ? bias[k % conv->out] : 0;
    for_each_meeting(conv, visit_forward, &(struct forward){src, weights, dst});
    if (relu)
        for (size_t k = 0; k < rows * conv->out; k++)
            dst[k] = oracle_relu(dst[k]);
}

struct backward_data {
    const double *diff_dst, *weights;
    double *diff_src;
};

static void visit_backward_data(const struct oracle_conv2d *conv, const struct meeting *at,
                                void *user)
{
    struct backward_data *b = user;
    for (int i = 0; i < conv->in; i++)
        for (int o = 0; o < conv->out; o++)
            b->diff_src[at->src + i] +=
                b->diff_dst[at->dst + o] * b->weights[at->weights + (size_t)i * conv->out + o];
}

void oracle_conv2d_backward_data(const struct oracle_conv2d *conv, const double *diff_dst,
                                 const double *weights, const double *addend, double *diff_src)
{
    size_t count = (size_t)conv->n * conv->window.in_h * conv->window.in_w * conv->in;
    for (size_t k = 0; k < count; k++)
        diff_src[k] = addend ? addend[k] : 0;
    for_each_meeting(conv, visit_backward_data,
                     &(struct backward_data){diff_dst, weights, diff_src});
}

struct backward_weights {
    const double *src, *diff_dst;
    double *diff_weights;
};

static void visit_backward_weights(const struct oracle_conv2d *conv, const struct meeting *at,
                                   void *user)
{
    struct backward_weights *b = user;
    for (int i = 0; i < conv->in; i++)
        for (int o = 0; o < conv->out; o++)
            b->diff_weights[at->weights + (size_t)i * conv->out + o] +=
                b->src[at->src + i] * b->diff_dst[at->dst + o];
}

void oracle_conv2d_backward_weights(const struct oracle_conv2d *conv, const double *src,
                                    const double *diff_dst, double *diff_weights, double *diff_bias)
{
    const struct oracle_window *w = &conv->window;
    size_t count = (size_t)w->kernel_h * w->kernel_w * conv->in * conv->out;
    for (size_t k = 0; k < count; k++)
        diff_weights[k] = 0;
    for_each_meeting(conv, visit_backward_weights,
                     &(struct backward_weights){src, diff_dst, diff_weights});
    for (int o = 0; o < conv->out; o++)
        diff_bias[o] = 0;
    size_t rows = (size_t)conv->n * w->out_h * w->out_w;
    for (size_t k = 0; k < rows * conv->out; k++)
        diff_bias[k % conv->out] += diff_dst[k];
}
