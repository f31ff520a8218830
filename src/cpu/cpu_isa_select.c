// SPDX-License-Identifier: Apache-2.0
#include "cpu/cpu_isa_select.h"

#include <stdlib.h>
#include <string.h>

struct isa {
    const char *name;
    const struct cpu_isa_table *table; // NULL if it was not compiled.
    bool (*is_supported)(void);        // By the processor; NULL if every processor does.
};

extern const struct cpu_isa_table cpu_table_baseline;

#ifdef CLEF_CPU_HAS_AVX2
extern const struct cpu_isa_table cpu_table_avx2;
#define AVX2_TABLE (&cpu_table_avx2)

static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
#else
#define AVX2_TABLE NULL
#define has_avx2 NULL
#endif

#ifdef CLEF_CPU_HAS_AVX512
extern const struct cpu_isa_table cpu_table_avx512;
#define AVX512_TABLE (&cpu_table_avx512)

static bool has_avx512(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("fma");
}
#else
#define AVX512_TABLE NULL
#define has_avx512 NULL
#endif

// The best first.
static const struct isa isas[] = {
    {"avx512", AVX512_TABLE, has_avx512},
    {"avx2", AVX2_TABLE, has_avx2},
    {"baseline", &cpu_table_baseline, NULL},
};
#define ISA_COUNT (sizeof isas / sizeof isas[0])

static bool runs_here(const struct isa *isa)
{
    return isa->table && (!isa->is_supported || isa->is_supported());
}

static clef_status select_named(const char *name, struct cpu_isa_choice *choice)
{
    for (size_t i = 0; i < ISA_COUNT; i++) {
        if (strcmp(isas[i].name, name) != 0)
            continue;
        if (!isas[i].table)
            return clef_fail(CLEF_UNSUPPORTED,
                             "CLEF_CPU=%s: this build has no kernels for it; unset CLEF_CPU", name);
        if (!runs_here(&isas[i]))
            return clef_fail(CLEF_UNSUPPORTED,
                             "CLEF_CPU=%s: this processor does not have it; unset CLEF_CPU", name);
        *choice = (struct cpu_isa_choice){isas[i].name, isas[i].table};
        return CLEF_OK;
    }
    return clef_fail(CLEF_INVALID_ARGUMENT,
                     "CLEF_CPU=%s: no such instruction set; use baseline, avx2 or avx512", name);
}

clef_status cpu_isa_select(struct cpu_isa_choice *choice)
{
    const char *name = getenv("CLEF_CPU");
    if (name && *name)
        return select_named(name, choice);
    size_t best = 0;
    while (!runs_here(&isas[best])) // The baseline runs everywhere.
        best++;
    *choice = (struct cpu_isa_choice){isas[best].name, isas[best].table};
    return CLEF_OK;
}
