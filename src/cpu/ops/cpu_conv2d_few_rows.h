// SPDX-License-Identifier: Apache-2.0
// Convolution backward_data for results of a few positions in all, whose weights are read once
// where they lie; an alternative of cpu_conv2d_direct.c.
#ifndef CLEF_CPU_CONV2D_FEW_ROWS_H
#define CLEF_CPU_CONV2D_FEW_ROWS_H

#include "cpu/ops/cpu_isa.h"

// Whether diff_src has so few rows.
bool CPU_NAME(conv2d_few_rows_serves)(const struct clef_conv2d_backward_data_args *args);

// Floats of scratch.
size_t CPU_NAME(conv2d_few_rows_scratch)(const struct clef_conv2d_backward_data_args *args);

clef_status CPU_NAME(conv2d_few_rows_create)(void *context,
                                             const struct clef_conv2d_backward_data_args *args,
                                             const struct clef_tensor *scratch,
                                             struct clef_plan **plan);

#endif
