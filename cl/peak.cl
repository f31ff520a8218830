// SPDX-License-Identifier: Apache-2.0
// What a device can do at best.

// Floats of the vectors that a work-item computes with: 1, 2, 4, 8 or 16.
#ifndef WIDTH
#define WIDTH 1
#endif

// Independent sums, enough to hide the latency of a fused multiply-add and few enough for registers.
#ifndef CHAINS
#define CHAINS 12
#endif

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#if WIDTH == 1
typedef float vec;
#define SUM(v) (v)
#else
typedef JOIN(float, WIDTH) vec;
#define SUM(v) ((v).s0)
#endif

// A round is a multiply-add in each chain. `dst` is written only for a result that there never is, so
// that the compiler must compute it.
kernel void fma_chains(global float *dst, ulong dst_at, float factor, int rounds)
{
    vec sum[CHAINS];
    const vec scale = (vec)(factor);
#pragma unroll
    for (int i = 0; i < CHAINS; i++)
        sum[i] = (vec)(0.01f * (float)(i + (int)get_local_id(0)));
    for (int round = 0; round < rounds; round++) {
#pragma unroll
        for (int i = 0; i < CHAINS; i++)
            sum[i] = fma(sum[i], scale, scale);
    }
    vec total = sum[0];
#pragma unroll
    for (int i = 1; i < CHAINS; i++)
        total += sum[i];
    if (SUM(total) < 0.0f)
        dst[dst_at + get_global_id(0)] = SUM(total);
}

// a = b + factor * c, a float4 a work-item; the arrays are a whole number of groups long.
kernel void triad(global float *a, ulong a_at, global const float *b, ulong b_at,
                  global const float *c, ulong c_at, float factor)
{
    const size_t i = get_global_id(0);
    vstore4(vload4(i, b + b_at) + factor * vload4(i, c + c_at), i, a + a_at);
}
