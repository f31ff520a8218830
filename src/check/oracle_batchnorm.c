// SPDX-License-Identifier: Apache-2.0
#include "check/oracle.h"

#include <math.h>

void oracle_batchnorm_moments(const struct oracle_batchnorm *bn, const double *src, double *mean,
                              double *variance)
{
    for (int c = 0; c < bn->channels; c++) {
        double sum = 0, squares = 0;
        for (int r = 0; r < bn->rows; r++)
            sum += src[(size_t)r * bn->channels + c];
        mean[c] = sum / bn->rows;
        for (int r = 0; r < bn->rows; r++) {
            double deviation = src[(size_t)r * bn->channels + c] - mean[c];
            squares += deviation * deviation;
        }
        variance[c] = squares / bn->rows;
    }
}

void oracle_batchnorm_apply(const struct oracle_batchnorm *bn, const double *src,
                            const double *mean, const double *variance, const double *gamma,
                            const double *beta, const double *residual, double *dst)
{
    for (int r = 0; r < bn->rows; r++)
        for (int c = 0; c < bn->channels; c++) {
            size_t k = (size_t)r * bn->channels + c;
            double y = gamma[c] * (src[k] - mean[c]) / sqrt(variance[c] + bn->epsilon) + beta[c];
            if (residual)
                y += residual[k];
            dst[k] = bn->relu ? oracle_relu(y) : y;
        }
}

void oracle_batchnorm_backward(const struct oracle_batchnorm *bn, const double *src,
                               const double *dst, const double *mean, const double *inv_std,
                               const double *gamma, const double *diff_dst, double *diff_src,
                               double *diff_residual, double *diff_gamma, double *diff_beta)
{
    for (int c = 0; c < bn->channels; c++) {
        diff_gamma[c] = diff_beta[c] = 0;
        for (int r = 0; r < bn->rows; r++) {
            size_t k = (size_t)r * bn->channels + c;
            double g = bn->relu && dst[k] <= 0 ? 0 : diff_dst[k];
            diff_residual[k] = g;
            diff_beta[c] += g;
            diff_gamma[c] += g * (src[k] - mean[c]) * inv_std[c];
        }
        for (int r = 0; r < bn->rows; r++) {
            size_t k = (size_t)r * bn->channels + c;
            double normalised = (src[k] - mean[c]) * inv_std[c];
            diff_src[k] = gamma[c] * inv_std[c] *
                          (diff_residual[k] - diff_beta[c] / bn->rows -
                           normalised * diff_gamma[c] / bn->rows);
        }
    }
}
