// SPDX-License-Identifier: Apache-2.0
// Adam: a group takes the pieces of one task, its items WIDTH elements at a time.
#include "adam_step.h"
#include "vector.h"

// Work-items of a group. A processor has 1: an item is a group.
#ifndef LANES
#define LANES 256
#endif

// Task t has the pieces first_piece[t] up to first_piece[t + 1]; a piece is the offset of its first
// element and their number.
__attribute__((reqd_work_group_size(LANES, 1, 1))) kernel void
adam(global const float *grad, ulong grad_at, global const ulong2 *pieces,
     global const uint *first_piece, ADAM_PARAMETERS)
{
    if (ADAM_IS_STOPPED)
        return;
    const struct adam adam = ADAM_FROM(0);
    grad += grad_at;
    const uint task = (uint)get_group_id(0);
    for (uint piece = first_piece[task]; piece < first_piece[task + 1]; piece++) {
        const ulong begin = pieces[piece].x, end = begin + pieces[piece].y;
        ulong i = begin + get_local_id(0) * WIDTH;
        for (; i + WIDTH <= end; i += LANES * WIDTH)
            ADAM_STEP(vec, LOAD, STORE, adam, i, LOAD(grad + i))
#if WIDTH > 1
        for (; i < end; i++)
            ADAM_STEP(float, LOAD_ONE, STORE_ONE, adam, i, grad[i])
#endif
    }
}
