// SPDX-License-Identifier: Apache-2.0
#include "core/philox.h"

// Multipliers and key increments of Philox4x32, from the paper.
#define MULTIPLIER_0 0xD2511F53u
#define MULTIPLIER_1 0xCD9E8D57u
#define KEY_INCREMENT_0 0x9E3779B9u // Golden ratio.
#define KEY_INCREMENT_1 0xBB67AE85u // Square root of 3, less 1.
#define ROUNDS 10

void clef_philox(uint64_t seed, enum clef_random_purpose purpose, uint32_t stream, uint64_t index,
                 uint32_t out[4])
{
    uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    uint32_t x[4] = {(uint32_t)index, (uint32_t)(index >> 32), stream, (uint32_t)purpose};
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t product0 = (uint64_t)MULTIPLIER_0 * x[0];
        uint64_t product1 = (uint64_t)MULTIPLIER_1 * x[2];
        x[0] = (uint32_t)(product1 >> 32) ^ x[1] ^ key[0];
        x[1] = (uint32_t)product1;
        x[2] = (uint32_t)(product0 >> 32) ^ x[3] ^ key[1];
        x[3] = (uint32_t)product0;
        key[0] += KEY_INCREMENT_0;
        key[1] += KEY_INCREMENT_1;
    }
    for (int i = 0; i < 4; i++)
        out[i] = x[i];
}
