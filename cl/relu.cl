// SPDX-License-Identifier: Apache-2.0
// max(0, x) and its gradient: WIDTH elements a work-item.
#include "vector.h"

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
