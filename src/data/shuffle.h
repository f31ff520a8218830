// SPDX-License-Identifier: Apache-2.0
// The order in which an epoch takes the images.
#ifndef CLEF_DATA_SHUFFLE_H
#define CLEF_DATA_SHUFFLE_H

#include <stdint.h>

// Fills order[0 .. count-1] with a permutation of 0 .. count-1 that depends on (seed, epoch, count)
// alone. Every permutation that the generator can tell apart is equally likely.
void clef_shuffle(uint64_t seed, uint32_t epoch, int32_t *order, int count);

#endif
