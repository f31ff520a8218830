// SPDX-License-Identifier: Apache-2.0
// Which of the compiled instruction sets the kernels of this process use.
#ifndef CLEF_CPU_ISA_SELECT_H
#define CLEF_CPU_ISA_SELECT_H

#include "cpu/cpu_isa_table.h"

struct cpu_isa_choice {
    const char *name; // Such as "avx2".
    const struct cpu_isa_table *table;
};

// The best that the processor supports, or the one that the environment variable CLEF_CPU names.
// A name that is unknown is CLEF_INVALID_ARGUMENT, one that cannot run here CLEF_UNSUPPORTED.
clef_status cpu_isa_select(struct cpu_isa_choice *choice);

#endif
