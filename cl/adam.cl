// SPDX-License-Identifier: Apache-2.0
// Adam: a group takes the pieces of one task, its items WIDTH elements at a time.
#include "vector.h"

// Work-items of a group. A processor has 1: an item is a group.
#ifndef LANES
#define LANES 256
#endif

#define UPDATE(type, LOAD, STORE)                                                    \
    {                                                                                \
        const type g = LOAD(grad + i), old_m = LOAD(m + i), old_v = LOAD(v + i);     \
        const type new_m = old_m + (g - old_m) * rate1;                              \
        const type new_v = old_v + (g * g - old_v) * rate2;                          \
        STORE(new_m, m + i);                                                         \
        STORE(new_v, v + i);                                                         \
        STORE(LOAD(param + i) - alpha * new_m / (sqrt(new_v) + epsilon), param + i); \
    }
#define LOAD_ONE(at) (*(at))
#define STORE_ONE(value, at) (*(at) = (value))

// Task t has the pieces first_piece[t] up to first_piece[t + 1]; a piece is the offset of its first
// element and their number. alpha is the learning rate with both corrections. `fault` may be
// absent.
__attribute__((reqd_work_group_size(LANES, 1, 1))) kernel void
adam(global const float *grad, ulong grad_at, global float *param, ulong param_at, global float *m,
     ulong m_at, global float *v, ulong v_at, global const int *fault, ulong fault_at,
     int has_fault, global const ulong2 *pieces, global const uint *first_piece, float rate1,
     float rate2, float epsilon, float alpha)
{
    if (has_fault && fault[fault_at] != 0)
        return;
    grad += grad_at;
    param += param_at;
    m += m_at;
    v += v_at;
    const uint task = (uint)get_group_id(0);
    for (uint piece = first_piece[task]; piece < first_piece[task + 1]; piece++) {
        const ulong begin = pieces[piece].x, end = begin + pieces[piece].y;
        ulong i = begin + get_local_id(0) * WIDTH;
        for (; i + WIDTH <= end; i += LANES * WIDTH)
            UPDATE(vec, LOAD, STORE)
#if WIDTH > 1
        for (; i < end; i++)
            UPDATE(float, LOAD_ONE, STORE_ONE)
#endif
    }
}
