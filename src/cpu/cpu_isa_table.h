// SPDX-License-Identifier: Apache-2.0
// What the backend gets from the part that is compiled for one instruction set.
#ifndef CLEF_CPU_ISA_TABLE_H
#define CLEF_CPU_ISA_TABLE_H

#include "cpu/cpu.h"

struct cpu_isa_table {
    int filter_panel;
    const struct clef_backend_ops *ops;
    // Floating-point operations per second of a loop of independent fused multiply-adds, all
    // threads, best of several.
    double (*measure_flops)(struct cpu_context *context);
};

#endif
