// SPDX-License-Identifier: Apache-2.0
// Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random
// numbers: as easy as 1, 2, 3", SC 2011). The numbers depend on the key and the counter alone,
// never on the order of calls.
#ifndef CLEF_CORE_PHILOX_H
#define CLEF_CORE_PHILOX_H

#include <stdint.h>

// What a random number is for; part of the counter, so that no two purposes share numbers.
enum clef_random_purpose {
    CLEF_RANDOM_INITIALISE = 1,
    CLEF_RANDOM_SHUFFLE = 2,
};

// Four random words for (seed, purpose, stream, index): `stream` is a parameter's number or an
// epoch.
void clef_philox(uint64_t seed, enum clef_random_purpose purpose, uint32_t stream, uint64_t index,
                 uint32_t out[4]);

// A float in [0, 1) from the upper 24 bits of a word.
static inline float clef_uniform(uint32_t word)
{
    return (float)(word >> 8) * 0x1p-24f;
}

#endif
