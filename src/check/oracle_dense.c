// SPDX-License-Identifier: Apache-2.0
#include "check/oracle.h"

void oracle_dense_forward(const struct oracle_dense *d, const double *src, const double *weights,
                          const double *bias, bool relu, double *dst)
{
    for (int n = 0; n < d->n; n++)
        for (int o = 0; o < d->out; o++) {
            double sum = bias ? bias[o] : 0;
            for (int k = 0; k < d->in; k++)
                sum += src[(size_t)n * d->in + k] * weights[(size_t)k * d->out + o];
            dst[(size_t)n * d->out + o] = relu ? oracle_relu(sum) : sum;
        }
}

void oracle_dense_backward_data(const struct oracle_dense *d, const double *diff_dst,
                                const double *weights, double *diff_src)
{
    for (int n = 0; n < d->n; n++)
        for (int k = 0; k < d->in; k++) {
            double sum = 0;
            for (int o = 0; o < d->out; o++)
                sum += diff_dst[(size_t)n * d->out + o] * weights[(size_t)k * d->out + o];
            diff_src[(size_t)n * d->in + k] = sum;
        }
}

void oracle_dense_backward_weights(const struct oracle_dense *d, const double *src,
                                   const double *diff_dst, double *diff_weights, double *diff_bias)
{
    for (int o = 0; o < d->out; o++) {
        diff_bias[o] = 0;
        for (int n = 0; n < d->n; n++)
            diff_bias[o] += diff_dst[(size_t)n * d->out + o];
        for (int k = 0; k < d->in; k++) {
            double sum = 0;
            for (int n = 0; n < d->n; n++)
                sum += src[(size_t)n * d->in + k] * diff_dst[(size_t)n * d->out + o];
            diff_weights[(size_t)k * d->out + o] = sum;
        }
    }
}
