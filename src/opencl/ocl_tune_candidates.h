// SPDX-License-Identifier: Apache-2.0
// Parameters of CLBlast that are worth a try: first those that were good on devices of the kind,
// then random ones.
#ifndef CLEF_OCL_TUNE_CANDIDATES_H
#define CLEF_OCL_TUNE_CANDIDATES_H

#include "opencl/ocl_clblast_params.h"

// Gives candidate `number`, from 0 on, of a kernel: sound for the device, and the same in each run.
// Returns false after the last; there are so many random ones that time ends before.
bool ocl_tune_candidate(const struct ocl_caps *caps, enum ocl_clblast_kernel kernel, int number,
                        size_t values[OCL_CLBLAST_MAX_PARAMS]);

#endif
