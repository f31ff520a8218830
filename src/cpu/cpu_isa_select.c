// SPDX-License-Identifier: Apache-2.0
#include "cpu/cpu_isa_select.h"

#include <stdio.h>
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
enum { ISA_COUNT = sizeof isas / sizeof isas[0] };

// Why an instruction set cannot be used; NULL if it can.
static const char *obstacle(const struct isa *isa)
{
    if (!isa->table)
        return "this build has no kernels for it";
    return isa->is_supported && !isa->is_supported() ? "this processor does not have it" : NULL;
}

// Takes one that was asked for by `how` and its name.
static clef_status take(const struct isa *isa, const char *how, const char *remedy,
                        struct cpu_isa_choice *choice)
{
    const char *reason = obstacle(isa);
    if (reason)
        return clef_fail(CLEF_UNSUPPORTED, "%s%s: %s; %s", how, isa->name, reason, remedy);
    *choice = (struct cpu_isa_choice){isa->name, isa->table};
    return CLEF_OK;
}

static clef_status select_for_environment(const char *name, struct cpu_isa_choice *choice)
{
    for (int i = 0; i < ISA_COUNT; i++)
        if (strcmp(isas[i].name, name) == 0)
            return take(&isas[i], "CLEF_CPU=", "unset CLEF_CPU", choice);
    return clef_fail(CLEF_INVALID_ARGUMENT,
                     "CLEF_CPU=%s: no such instruction set; use baseline, avx2 or avx512", name);
}

int cpu_isa_device_count(void)
{
    return 1 + ISA_COUNT;
}

void cpu_isa_device_name(int device, char *name, size_t size)
{
    snprintf(name, size, "cpu%s%s", device > 0 ? ":" : "", device > 0 ? isas[device - 1].name : "");
}

clef_status cpu_isa_select(int device, struct cpu_isa_choice *choice)
{
    if (device > 0)
        return take(&isas[device - 1], "cpu:", "\"cpu\" takes the best that can be used", choice);
    const char *name = getenv("CLEF_CPU");
    if (name && *name)
        return select_for_environment(name, choice);
    int best = 0;
    while (obstacle(&isas[best])) // The baseline runs everywhere.
        best++;
    *choice = (struct cpu_isa_choice){isas[best].name, isas[best].table};
    return CLEF_OK;
}
