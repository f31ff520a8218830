// SPDX-License-Identifier: Apache-2.0
// Which algorithm a convolution gets.
#ifndef CLEF_CPU_CONV2D_CHOICE_H
#define CLEF_CPU_CONV2D_CHOICE_H

#include "cpu/cpu.h"

// As clef_conv2d_choose, by cost; CLBlast does not exist here and stands for the direct algorithm.
clef_status cpu_conv2d_choose(const struct cpu_context *cpu, enum clef_op op,
                              const struct clef_tensor *src, const struct clef_tensor *dst,
                              const struct clef_window *window,
                              enum clef_conv2d_algorithm *algorithm);

// The names of the alternatives; NULL ends the list.
const char *const *cpu_conv2d_alternatives(void);

#endif
