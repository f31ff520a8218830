// SPDX-License-Identifier: Apache-2.0
#include "cpu/cpu_conv2d_choice.h"

clef_status cpu_conv2d_choose(const struct cpu_context *cpu, enum clef_op op,
                              const struct clef_tensor *src, const struct clef_tensor *dst,
                              const struct clef_window *window,
                              enum clef_conv2d_algorithm *algorithm)
{
    CLEF_TRY(clef_conv2d_choose(op, cpu->preferred, true, src, dst, window, algorithm));
    if (*algorithm == CLEF_CONV2D_CLBLAST)
        *algorithm = CLEF_CONV2D_DIRECT;
    return CLEF_OK;
}

const char *const *cpu_conv2d_alternatives(void)
{
    static const char *const names[] = {"direct", "winograd-2x2", "winograd-4x4", "toeplitz-2x2",
                                        NULL};
    return names;
}
