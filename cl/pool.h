// SPDX-License-Identifier: Apache-2.0
// The geometry that maximum and average pooling share: which positions meet which.
//
// A work-item computes `item_rows` rows of the result, at the channels that begin at its index in
// dimension 0 times WIDTH. A processor has one item in this dimension, which takes all channels.
#include "vector.h"

// `image` and `outs` are n, h, w and channels of the tensor under the windows and of the one with
// an element for each window, `kernel_stride` is height and width of the kernel and of the step,
// `padding` top and left. The result has `rows` rows, counted in the order of `image`: n last if
// `position_major`, which does not change what is computed.
#define GEOMETRY_PARAMETERS                                                                \
    int4 image, int4 outs, int4 kernel_stride, int4 padding, int rows, int position_major, \
        int item_rows

// Loops over the rows of an item's part of the result, and over the item's channels.
#define EACH_ROW                                                                            \
    for (int index = (int)get_global_id(1) * item_rows, end = min(index + item_rows, rows); \
         index < end; index++)
#define EACH_CHANNEL(result)                                    \
    for (int c = (int)get_global_id(0) * WIDTH; c < (result).w; \
         c += (int)get_global_size(0) * WIDTH)

struct row {
    int n, y, x;
};

struct row find_row(int index, int4 result, int position_major)
{
    const int inner = position_major ? result.x : result.z;
    const int middle = position_major ? result.z : result.y;
    const int line = index / inner, plane = line / middle;
    const int i = index - line * inner, j = line - plane * middle;
    struct row row;
    row.n = position_major ? i : plane;
    row.y = position_major ? plane : j;
    row.x = position_major ? j : i;
    return row;
}

// Where the channels of a row begin.
ulong row_at(int n, int y, int x, int4 stride)
{
    return (ulong)n * stride.x + (ulong)y * stride.y + (ulong)x * stride.z;
}

struct span {
    int first, end;
};

// Taps of window `out` that lie inside of an image of `extent` positions.
struct span taps_inside(int out, int kernel_size, int stride, int pad, int extent)
{
    const int start = out * stride - pad;
    struct span taps = {clamp(-start, 0, kernel_size), clamp(extent - start, 0, kernel_size)};
    return taps;
}

// Windows among `outs` that see position `at`.
struct span windows_over(int at, int kernel_size, int stride, int pad, int outs)
{
    const int last = at + pad; // Start of a window that begins here, from the padding's edge on.
    const int first = last - kernel_size + 1;
    struct span windows;
    windows.end = min(last / stride + 1, outs);
    windows.first = first <= 0 ? 0 : min((first + stride - 1) / stride, windows.end);
    return windows;
}
