// SPDX-License-Identifier: Apache-2.0
// Places items that live for a part of a step into one arena, so that items which are alive at the
// same time never overlap and others may.
#ifndef CLEF_MODEL_MEMORY_PLAN_H
#define CLEF_MODEL_MEMORY_PLAN_H

#include "clef/status.h"

#include <stddef.h>

#define CLEF_ARENA_ALIGNMENT 16 // Floats: 64 bytes, a cache line and the widest vector.

struct clef_memory_item {
    size_t floats;             // At least 1.
    int first_step, last_step; // Alive from the first to the last, both included.
    size_t offset;             // Result, in floats; a multiple of CLEF_ARENA_ALIGNMENT.
};

// Sets the offsets and returns the floats of the arena in *total.
clef_status clef_memory_plan_items(struct clef_memory_item *items, int count, size_t *total);

// Rounds up to the alignment.
static inline size_t clef_align_floats(size_t floats)
{
    return (floats + CLEF_ARENA_ALIGNMENT - 1) / CLEF_ARENA_ALIGNMENT * CLEF_ARENA_ALIGNMENT;
}

#endif
