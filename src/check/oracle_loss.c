// SPDX-License-Identifier: Apache-2.0
#include "check/oracle.h"

#include <math.h>

void oracle_softmax_cross_entropy(int rows, int classes, const double *logits, const double *labels,
                                  double *diff_logits, double metrics[2])
{
    metrics[0] = metrics[1] = 0;
    for (int r = 0; r < rows; r++) {
        const double *row = logits + (size_t)r * classes;
        int label = (int)labels[r], best = 0;
        for (int k = 1; k < classes; k++)
            if (row[k] > row[best])
                best = k;
        double sum = 0;
        for (int k = 0; k < classes; k++)
            sum += exp(row[k] - row[best]);
        for (int k = 0; k < classes; k++) {
            double p = exp(row[k] - row[best]) / sum;
            diff_logits[(size_t)r * classes + k] = (p - (k == label)) / rows;
        }
        // cppcheck-suppress invalidFunctionArg; the largest logit adds 1 to the sum.
        metrics[0] += (row[best] - row[label] + log(sum)) / rows;
        metrics[1] += best == label;
    }
}
