// SPDX-License-Identifier: Apache-2.0
// Rows of a panel of channels, for backward_data, from columns of panels of filters. Where they go
// is the includer's choice of SPACE, an address space.
#ifndef CLEF_TRANSPOSED_PANEL_H
#define CLEF_TRANSPOSED_PANEL_H

#include "vector.h"

#ifndef PANEL
#define PANEL 16 // Filters side by side in the layout of weights.
#endif

// Writes `count` rows of a panel: the columns from `skip` on of the WIDTH that are at `from`, in
// the first of `lanes` rows.
void turn_columns(global const float *from, int lanes, int skip, int count, SPACE float *to)
{
    vec rows[PANEL];
#pragma unroll
    for (int i = 0; i < PANEL; i++)
        rows[i] = i < lanes ? LOAD(from + i * PANEL) : 0;
#pragma unroll
    for (int part = 0; part < PANEL; part += WIDTH) {
        transpose(rows + part);
#pragma unroll
        for (int i = 0; i < WIDTH; i++)
            if (i >= skip && i < skip + count)
                STORE(rows[part + i], to + (i - skip) * PANEL + part);
    }
}

#endif
