// SPDX-License-Identifier: Apache-2.0
#ifndef CLEF_OCL_PEAK_H
#define CLEF_OCL_PEAK_H

#include "opencl/ocl_context.h"

// The backend's `measure_peak`.
clef_status ocl_measure_peak(void *context, struct clef_device_peak *peak);

#endif
