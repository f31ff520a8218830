// SPDX-License-Identifier: Apache-2.0
#include "cpu/cpu_isa_table.h"
#include "cpu/ops/cpu_isa.h"

#define CPU_OP_ENTRY(op) .op = CPU_NAME(op),
static const struct clef_backend_ops ops = {CLEF_OP_LIST(CPU_OP_ENTRY)};

const struct cpu_isa_table CPU_NAME(table) = {
    .filter_panel = CPU_PANEL,
    .ops = &ops,
    .measure_flops = CPU_NAME(measure_flops),
};
