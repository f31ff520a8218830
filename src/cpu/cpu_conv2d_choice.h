// SPDX-License-Identifier: Apache-2.0
// Which algorithm a convolution gets.
#ifndef CLEF_CPU_CONV2D_CHOICE_H
#define CLEF_CPU_CONV2D_CHOICE_H

#include "cpu/cpu.h"

// What the device is told to prefer, else what CLEF_CONV asks for, or CLEF_CONV2D_DIRECT if that
// does not serve the shape; without either, what a model of their costs says is the fastest. `src`
// is the image that the window slides over, whatever the pass.
clef_status cpu_conv2d_choose(const struct cpu_context *cpu, enum clef_op op,
                              const struct clef_tensor *src, const struct clef_tensor *dst,
                              const struct clef_window *window,
                              enum clef_conv2d_algorithm *algorithm);

// The names of the alternatives; NULL ends the list.
const char *const *cpu_conv2d_alternatives(void);

#endif
