// SPDX-License-Identifier: Apache-2.0
#include "data/shuffle.h"

#include "core/philox.h"

// A number in 0 .. bound-1, each equally likely: the upper half of word * bound, where the few
// words that would favour some results are rejected (Lemire, "Fast random integer generation in an
// interval", ACM TOMACS 29, 2019). Further words come from counters of the same index.
static uint32_t draw_below(uint64_t seed, uint32_t epoch, uint32_t index, uint32_t bound)
{
    uint32_t biased = (uint32_t)-bound % bound; // 2^32 mod bound
    for (uint64_t attempt = 0;; attempt++) {
        uint32_t words[4];
        clef_philox(seed, CLEF_RANDOM_SHUFFLE, epoch, attempt << 32 | index, words);
        for (int i = 0; i < 4; i++) {
            uint64_t product = (uint64_t)words[i] * bound;
            if ((uint32_t)product >= biased)
                return (uint32_t)(product >> 32);
        }
    }
}

// Fisher and Yates, from the end.
void clef_shuffle(uint64_t seed, uint32_t epoch, int32_t *order, int count)
{
    for (int i = 0; i < count; i++)
        order[i] = i;
    for (int i = count - 1; i > 0; i--) {
        uint32_t j = draw_below(seed, epoch, (uint32_t)i, (uint32_t)i + 1);
        int32_t moved = order[i];
        order[i] = order[j];
        order[j] = moved;
    }
}
