// SPDX-License-Identifier: Apache-2.0
// max(0, x) and its gradient: WIDTH elements a work-item.

// Floats of a vector: 1, 2, 4, 8 or 16. A graphics processor takes 1, so that neighbouring
// work-items read neighbouring elements.
#ifndef WIDTH
#define WIDTH 4
#endif

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#if WIDTH == 1
typedef float vec;
#define LOAD(at) (*(at))
#define STORE(value, at) (*(at) = (value))
#else
typedef JOIN(float, WIDTH) vec;
#define LOAD(at) JOIN(vload, WIDTH)(0, at)
#define STORE(value, at) JOIN(vstore, WIDTH)(value, 0, at)
#endif

// These keep a NaN of x.
#define RELU(type, x) select(x, (type)0, (x) < (type)0)
#define WHERE_POSITIVE(type, mask, x) select((type)0, x, (mask) > (type)0)

kernel void relu_forward(global const float *src, ulong src_at, global float *dst, ulong dst_at,
                         ulong count)
{
    ulong i = (ulong)get_global_id(0) * WIDTH;
    src += src_at;
    dst += dst_at;
    if (i + WIDTH <= count)
        STORE(RELU(vec, LOAD(src + i)), dst + i);
    else
        for (; i < count; i++)
            dst[i] = RELU(float, src[i]);
}

kernel void relu_backward(global const float *dst, ulong dst_at, global const float *diff_dst,
                          ulong diff_dst_at, global float *diff_src, ulong diff_src_at, ulong count)
{
    ulong i = (ulong)get_global_id(0) * WIDTH;
    dst += dst_at;
    diff_dst += diff_dst_at;
    diff_src += diff_src_at;
    if (i + WIDTH <= count)
        STORE(WHERE_POSITIVE(vec, LOAD(dst + i), LOAD(diff_dst + i)), diff_src + i);
    else
        for (; i < count; i++)
            diff_src[i] = WHERE_POSITIVE(float, dst[i], diff_dst[i]);
}
