// SPDX-License-Identifier: Apache-2.0
// Convolution as its formula says. The plans of any shape.
#ifndef CLEF_CPU_CONV2D_DIRECT_H
#define CLEF_CPU_CONV2D_DIRECT_H

#include "cpu/ops/cpu_isa.h"

clef_status CPU_NAME(conv2d_direct_forward)(void *context,
                                            const struct clef_conv2d_forward_args *args,
                                            const struct clef_tensor *scratch,
                                            struct clef_plan_info *info, struct clef_plan **plan);

clef_status CPU_NAME(conv2d_direct_backward_data)(void *context,
                                                  const struct clef_conv2d_backward_data_args *args,
                                                  const struct clef_tensor *scratch,
                                                  struct clef_plan_info *info,
                                                  struct clef_plan **plan);

clef_status CPU_NAME(conv2d_direct_backward_weights)(
    void *context, const struct clef_conv2d_backward_weights_args *args,
    const struct clef_tensor *scratch, struct clef_plan_info *info, struct clef_plan **plan);

#endif
