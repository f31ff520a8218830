// SPDX-License-Identifier: Apache-2.0
// Which of the compiled instruction sets the kernels of a device use.
#ifndef CLEF_CPU_ISA_SELECT_H
#define CLEF_CPU_ISA_SELECT_H

#include "cpu/cpu_isa_table.h"

struct cpu_isa_choice {
    const char *name; // Such as "avx2".
    const struct cpu_isa_table *table;
};

// Device 0 is "cpu", and each instruction set has one of its own behind it, such as "cpu:avx2".
int cpu_isa_device_count(void);
void cpu_isa_device_name(int device, char *name, size_t size);

// The instruction set of a device. Of device 0, it is the best that the processor supports, or the
// one that the environment variable CLEF_CPU names. A name that is unknown is
// CLEF_INVALID_ARGUMENT, what cannot run here CLEF_UNSUPPORTED.
clef_status cpu_isa_select(int device, struct cpu_isa_choice *choice);

#endif
