// SPDX-License-Identifier: Apache-2.0
// fill, copy and cast: one element a work-item.
//
// The *_rows kernels walk three axes, from the largest stride of dst to the smallest, and the
// channels c of a row: element (x, y, z, c) with x in dimension 2, y in 1, and z, c together in 0.

kernel void fill(global float *dst, ulong dst_at, ulong count, float value)
{
    const size_t i = get_global_id(0);
    if (i < count)
        dst[dst_at + i] = value;
}

// Bits, not numbers: a NaN stays the NaN that it is.
kernel void copy(global const uint *src, ulong src_at, global uint *dst, ulong dst_at, ulong count)
{
    const size_t i = get_global_id(0);
    if (i < count)
        dst[dst_at + i] = src[src_at + i];
}

kernel void cast_bytes(global const uchar *src, ulong src_at, global float *dst, ulong dst_at,
                       ulong count, global const float *quotient)
{
    const size_t i = get_global_id(0);
    if (i < count)
        dst[dst_at + i] = quotient[src[src_at + i]];
}

// Where the element of this work-item lies; false if it has none.
bool find_element(int4 extent, int4 src_stride, int4 dst_stride, ulong *src_at, ulong *dst_at)
{
    const int i = (int)get_global_id(0), y = (int)get_global_id(1), x = (int)get_global_id(2);
    const int z = i / extent.w, c = i - z * extent.w;
    *src_at += (ulong)x * src_stride.x + (ulong)y * src_stride.y + (ulong)z * src_stride.z + c;
    *dst_at += (ulong)x * dst_stride.x + (ulong)y * dst_stride.y + (ulong)z * dst_stride.z + c;
    return z < extent.z && y < extent.y && x < extent.x;
}

kernel void copy_rows(global const uint *src, ulong src_at, global uint *dst, ulong dst_at,
                      int4 extent, int4 src_stride, int4 dst_stride)
{
    if (find_element(extent, src_stride, dst_stride, &src_at, &dst_at))
        dst[dst_at] = src[src_at];
}

kernel void cast_bytes_rows(global const uchar *src, ulong src_at, global float *dst, ulong dst_at,
                            int4 extent, int4 src_stride, int4 dst_stride,
                            global const float *quotient)
{
    if (find_element(extent, src_stride, dst_stride, &src_at, &dst_at))
        dst[dst_at] = quotient[src[src_at]];
}
