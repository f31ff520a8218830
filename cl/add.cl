// SPDX-License-Identifier: Apache-2.0
// dst = a + b: WIDTH elements a work-item.
#include "vector.h"

kernel void add(global const float *a, ulong a_at, global const float *b, ulong b_at,
                global float *dst, ulong dst_at, ulong count)
{
    ulong i = (ulong)get_global_id(0) * WIDTH;
    a += a_at;
    b += b_at;
    dst += dst_at;
    if (i + WIDTH <= count)
        STORE(LOAD(a + i) + LOAD(b + i), dst + i);
    else
        for (; i < count; i++)
            dst[i] = a[i] + b[i];
}
