// SPDX-License-Identifier: Apache-2.0
// For the test of the test: kernels that no target has the registers for, and one that fits.

#ifndef SUMS
#define SUMS 400
#endif

// More sums at once than a work-item has registers.
kernel void too_many_sums(global const float *src, global float *dst, int rounds)
{
    const int item = (int)get_global_id(0);
    float sum[SUMS];
#pragma unroll
    for (int i = 0; i < SUMS; i++)
        sum[i] = src[item + i];
    for (int round = 0; round < rounds; round++) {
        const float factor = src[round];
#pragma unroll
        for (int i = 0; i < SUMS; i++)
            sum[i] = fma(sum[i], factor, factor);
    }
#pragma unroll
    for (int i = 0; i < SUMS; i++)
        dst[item * SUMS + i] = sum[i];
}

// An array whose index is known only at run time cannot lie in registers.
kernel void indexed_array(global const int *src, global float *dst, int count)
{
    float array[1024];
    for (int i = 0; i < 1024; i++)
        array[i] = 0.0f;
    for (int i = 0; i < count; i++)
        array[src[i] & 1023] += (float)i;
    for (int i = 0; i < 1024; i++)
        dst[get_global_id(0) * 1024 + i] = array[i];
}

// Eight sums are few enough.
kernel void few_sums(global const float *src, global float *dst, int rounds)
{
    const int item = (int)get_global_id(0);
    float sum[8];
#pragma unroll
    for (int i = 0; i < 8; i++)
        sum[i] = src[item + i];
    for (int round = 0; round < rounds; round++) {
        const float factor = src[round];
#pragma unroll
        for (int i = 0; i < 8; i++)
            sum[i] = fma(sum[i], factor, factor);
    }
#pragma unroll
    for (int i = 0; i < 8; i++)
        dst[item * 8 + i] = sum[i];
}
