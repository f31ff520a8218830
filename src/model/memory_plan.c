// SPDX-License-Identifier: Apache-2.0
// Greedy by size, best fit: the largest item is placed first, each into the smallest gap that holds
// it among the items alive at the same time (Pisarchyk, Lee, "Efficient memory management for deep
// neural net inference", 2020).
#include "model/memory_plan.h"

#include "core/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct order {
    size_t floats;
    int index;
};

// Largest first; equal sizes keep their order, so that the result is always the same.
static int compare_order(const void *left, const void *right)
{
    const struct order *a = left, *b = right;
    if (a->floats != b->floats)
        return a->floats < b->floats ? 1 : -1;
    return a->index < b->index ? -1 : 1;
}

static bool alive_together(const struct clef_memory_item *a, const struct clef_memory_item *b)
{
    return a->first_step <= b->last_step && b->first_step <= a->last_step;
}

// The best offset for an item, given the placed ones in ascending order of offset.
static size_t find_offset(const struct clef_memory_item *items, const int *placed, int count,
                          const struct clef_memory_item *item)
{
    size_t end = 0; // Everything below is free or taken by an item already looked at.
    size_t best = 0, best_gap = SIZE_MAX;
    for (int i = 0; i < count; i++) {
        const struct clef_memory_item *other = &items[placed[i]];
        if (!alive_together(item, other))
            continue;
        if (other->offset >= end + item->floats && other->offset - end < best_gap) {
            best = end;
            best_gap = other->offset - end;
        }
        size_t other_end = other->offset + clef_align_floats(other->floats);
        if (other_end > end)
            end = other_end;
    }
    return best_gap == SIZE_MAX ? end : best;
}

clef_status clef_memory_plan_items(struct clef_memory_item *items, int count, size_t *total)
{
    *total = 0;
    if (count == 0)
        return CLEF_OK;
    struct order *order = malloc((size_t)count * sizeof *order);
    int *placed = malloc((size_t)count * sizeof *placed);
    if (!order || !placed) {
        free(order);
        free(placed);
        return clef_fail(CLEF_OUT_OF_MEMORY, "no memory to plan %d tensors", count);
    }
    for (int i = 0; i < count; i++)
        order[i] = (struct order){.floats = items[i].floats, .index = i};
    qsort(order, (size_t)count, sizeof *order, compare_order);
    for (int done = 0; done < count; done++) {
        struct clef_memory_item *item = &items[order[done].index];
        item->offset = find_offset(items, placed, done, item);
        int at = done;
        while (at > 0 && items[placed[at - 1]].offset > item->offset)
            at--;
        memmove(placed + at + 1, placed + at, (size_t)(done - at) * sizeof *placed);
        placed[at] = order[done].index;
        size_t end = item->offset + clef_align_floats(item->floats);
        if (end > *total)
            *total = end;
    }
    free(order);
    free(placed);
    return CLEF_OK;
}
