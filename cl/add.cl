// SPDX-License-Identifier: Apache-2.0
// dst = a + b: WIDTH elements a work-item.

// Floats of a vector: 1, 2, 4, 8 or 16. A graphics processor takes 1, so that neighbouring
// work-items read neighbouring elements.
#ifndef WIDTH
#define WIDTH 4
#endif

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#if WIDTH == 1
#define LOAD(at) (*(at))
#define STORE(value, at) (*(at) = (value))
#else
#define LOAD(at) JOIN(vload, WIDTH)(0, at)
#define STORE(value, at) JOIN(vstore, WIDTH)(value, 0, at)
#endif

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
