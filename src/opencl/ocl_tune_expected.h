// SPDX-License-Identifier: Apache-2.0
// What a case of tuning must compute: sums in double precision at some elements of its output.
#ifndef CLEF_OCL_TUNE_EXPECTED_H
#define CLEF_OCL_TUNE_EXPECTED_H

#include "opencl/ocl_tune_case.h"

// Whether the output, a whole buffer, is right at the first, the last and some other elements.
bool ocl_tune_is_expected(const struct ocl_tune_case *tuned, const float *output);

#endif
