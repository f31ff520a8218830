// SPDX-License-Identifier: Apache-2.0
// Average pooling, see cl/pool.h.
#include "pool.h"

kernel void avgpool_forward(global const float *src, ulong src_at, int4 src_stride,
                            global float *dst, ulong dst_at, int4 dst_stride, GEOMETRY_PARAMETERS)
{
    src += src_at;
    dst += dst_at;
    EACH_ROW
    {
        const struct row out = find_row(index, outs, position_major);
        const struct span lines =
            taps_inside(out.y, kernel_stride.x, kernel_stride.z, padding.x, image.y);
        const struct span columns =
            taps_inside(out.x, kernel_stride.y, kernel_stride.w, padding.y, image.z);
        const int top = out.y * kernel_stride.z - padding.x;
        const int left = out.x * kernel_stride.w - padding.y;
        const float positions = (float)((lines.end - lines.first) * (columns.end - columns.first));
        EACH_CHANNEL(outs)
        {
            vec sum = (vec)0;
            for (int ky = lines.first; ky < lines.end; ky++) {
                vec line = (vec)0; // Sums in two levels keep their precision in a large window.
                for (int kx = columns.first; kx < columns.end; kx++)
                    line += LOAD(src + row_at(out.n, top + ky, left + kx, src_stride) + c);
                sum += line;
            }
            STORE(sum / positions, dst + row_at(out.n, out.y, out.x, dst_stride) + c);
        }
    }
}

int positions_inside(int out, int kernel_size, int stride, int pad, int extent)
{
    const struct span taps = taps_inside(out, kernel_size, stride, pad, extent);
    return taps.end - taps.first;
}

kernel void avgpool_backward(global const float *diff_dst, ulong diff_dst_at, int4 diff_dst_stride,
                             global float *diff_src, ulong diff_src_at, int4 diff_src_stride,
                             GEOMETRY_PARAMETERS)
{
    diff_dst += diff_dst_at;
    diff_src += diff_src_at;
    EACH_ROW
    {
        const struct row in = find_row(index, image, position_major);
        const struct span lines =
            windows_over(in.y, kernel_stride.x, kernel_stride.z, padding.x, outs.y);
        const struct span columns =
            windows_over(in.x, kernel_stride.y, kernel_stride.w, padding.y, outs.z);
        EACH_CHANNEL(image)
        {
            vec sum = (vec)0;
            for (int oy = lines.first; oy < lines.end; oy++) {
                const int height =
                    positions_inside(oy, kernel_stride.x, kernel_stride.z, padding.x, image.y);
                for (int ox = columns.first; ox < columns.end; ox++) {
                    const int positions =
                        height *
                        positions_inside(ox, kernel_stride.y, kernel_stride.w, padding.y, image.z);
                    const ulong at = row_at(in.n, oy, ox, diff_dst_stride) + c;
                    sum += LOAD(diff_dst + at) / (float)positions;
                }
            }
            STORE(sum, diff_src + row_at(in.n, in.y, in.x, diff_src_stride) + c);
        }
    }
}
