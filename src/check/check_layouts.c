// SPDX-License-Identifier: Apache-2.0
#include "check/check_layouts.h"

bool find_padding(const struct clef_window *window, const struct clef_tensor *src,
                  const struct clef_tensor *dst, int *padding)
{
    static const int paddings[] = {SAME, VALID, SYMMETRIC};
    for (int i = 0; i < ARRAY_LENGTH(paddings); i++) {
        struct oracle_window found =
            oracle_window((enum oracle_padding)paddings[i], src->h, src->w, window->kernel_h,
                          window->kernel_w, window->stride_h, window->stride_w);
        if (found.pad_top != window->pad_top || found.pad_left != window->pad_left ||
            found.out_h != dst->h || found.out_w != dst->w)
            continue;
        *padding = paddings[i];
        return true;
    }
    return false;
}
