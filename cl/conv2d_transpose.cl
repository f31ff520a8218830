// SPDX-License-Identifier: Apache-2.0
// Panels of filters become panels of channels, for backward_data where conv2d.cl does not do it
// itself: row (tap, o) of panel p of the result has the weights of channels 16 * p .. 16 * p + 15.
// A group has a listed tap and a panel, and its items share the filters o, WIDTH at a time.
#define SPACE global
#include "transposed_panel.h"

kernel void conv2d_transpose(global const float *restrict weights, ulong weights_at,
                             global float *restrict transposed, ulong transposed_at,
                             global const int *restrict taps, int kernel_taps, int in, int out)
{
    const int tap = taps[get_group_id(0)], panel = (int)get_group_id(1), first = panel * PANEL;
    const size_t filter_panel = (size_t)kernel_taps * in * PANEL;
    weights += weights_at + ((ulong)tap * in + first) * PANEL;
    transposed += transposed_at + (ulong)(panel * kernel_taps + tap) * out * PANEL;
    const int step = (int)get_local_size(0) * WIDTH;
    for (int o = (int)get_local_id(0) * WIDTH; o < out; o += step)
        turn_columns(weights + o / PANEL * filter_panel + (o & (PANEL - 1)), in - first, 0, out - o,
                     transposed + o * PANEL);
}
