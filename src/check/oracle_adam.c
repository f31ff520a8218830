// SPDX-License-Identifier: Apache-2.0
#include "check/oracle.h"

#include <math.h>

void oracle_adam(const struct oracle_adam *a, size_t first, size_t count, const double *grad,
                 double *param, double *m, double *v)
{
    double rate =
        a->learning_rate * sqrt(1 - pow(a->beta2, a->step)) / (1 - pow(a->beta1, a->step));
    for (size_t k = first; k < first + count; k++) {
        m[k] += (grad[k] - m[k]) * (1 - a->beta1);
        v[k] += (grad[k] * grad[k] - v[k]) * (1 - a->beta2);
        param[k] -= rate * m[k] / (sqrt(v[k]) + a->epsilon);
    }
}
