// SPDX-License-Identifier: Apache-2.0
// Convolution by Winograd's algorithms: 3x3 kernels of stride 1, for shapes that cpu_conv2d_choose
// gives to one of them.
#ifndef CLEF_CPU_WINOGRAD_H
#define CLEF_CPU_WINOGRAD_H

#include "cpu/ops/cpu_isa.h"

clef_status CPU_NAME(winograd_forward)(void *context, enum clef_conv2d_algorithm algorithm,
                                       const struct clef_conv2d_forward_args *args,
                                       const struct clef_tensor *scratch,
                                       struct clef_plan_info *info, struct clef_plan **plan);

clef_status CPU_NAME(winograd_backward_data)(void *context, enum clef_conv2d_algorithm algorithm,
                                             const struct clef_conv2d_backward_data_args *args,
                                             const struct clef_tensor *scratch,
                                             struct clef_plan_info *info, struct clef_plan **plan);

clef_status
    CPU_NAME(winograd_backward_weights)(void *context, enum clef_conv2d_algorithm algorithm,
                                        const struct clef_conv2d_backward_weights_args *args,
                                        const struct clef_tensor *scratch,
                                        struct clef_plan_info *info, struct clef_plan **plan);

#endif
