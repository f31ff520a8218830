// SPDX-License-Identifier: Apache-2.0
// Max pooling, see cl/pool.h.
#include "pool.h"

// A NaN in the window wins, the first one if there are several, so that it is not lost. On a tie
// the first position wins. `argmax` may be absent.
kernel void maxpool_forward(global const float *src, ulong src_at, int4 src_stride,
                            global float *dst, ulong dst_at, global int *argmax, ulong argmax_at,
                            int4 dst_stride, int has_argmax, GEOMETRY_PARAMETERS)
{
    src += src_at;
    dst += dst_at;
    argmax += argmax_at;
    EACH_ROW
    {
        const struct row out = find_row(index, outs, position_major);
        const struct span lines =
            taps_inside(out.y, kernel_stride.x, kernel_stride.z, padding.x, image.y);
        const struct span columns =
            taps_inside(out.x, kernel_stride.y, kernel_stride.w, padding.y, image.z);
        const int top = out.y * kernel_stride.z - padding.x;
        const int left = out.x * kernel_stride.w - padding.y;
        EACH_CHANNEL(outs)
        {
            vec best = (vec)(-INFINITY);
            ivec where = (ivec)(lines.first * kernel_stride.y + columns.first);
            for (int ky = lines.first; ky < lines.end; ky++)
                for (int kx = columns.first; kx < columns.end; kx++) {
                    const vec x = LOAD(src + row_at(out.n, top + ky, left + kx, src_stride) + c);
                    const ivec keep = (x <= best) | (best != best);
                    best = select(x, best, keep);
                    where = select((ivec)(ky * kernel_stride.y + kx), where, keep);
                }
            const ulong at = row_at(out.n, out.y, out.x, dst_stride) + c;
            STORE(best, dst + at);
            if (has_argmax)
                STORE(where, argmax + at);
        }
    }
}

// Each element gathers from the windows that see it, in a fixed order: scattering from the windows
// would let two work-items add to one element. `relu_dst` may be absent.
kernel void maxpool_backward(global const float *diff_dst, ulong diff_dst_at, int4 diff_dst_stride,
                             global const int *argmax, ulong argmax_at,
                             global const float *relu_dst, ulong relu_dst_at,
                             global float *diff_src, ulong diff_src_at, int4 diff_src_stride,
                             int has_relu, GEOMETRY_PARAMETERS)
{
    diff_dst += diff_dst_at;
    argmax += argmax_at;
    relu_dst += relu_dst_at;
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
            for (int oy = lines.first; oy < lines.end; oy++)
                for (int ox = columns.first; ox < columns.end; ox++) {
                    const int ky = in.y + padding.x - oy * kernel_stride.z;
                    const int kx = in.x + padding.y - ox * kernel_stride.w;
                    const ulong at = row_at(in.n, oy, ox, diff_dst_stride) + c;
                    const ivec mine = LOAD(argmax + at) == (ivec)(ky * kernel_stride.y + kx);
                    sum += select((vec)0, LOAD(diff_dst + at), mine);
                }
            const ulong at = row_at(in.n, in.y, in.x, diff_src_stride) + c;
            if (has_relu)
                sum = WHERE_POSITIVE(vec, LOAD(relu_dst + at), sum);
            STORE(sum, diff_src + at);
        }
    }
}
