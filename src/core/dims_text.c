// SPDX-License-Identifier: Apache-2.0
#include "core/dims_text.h"

#include <stddef.h>
#include <stdio.h>

char *clef_dims_text(int rank, const int *dims, char text[CLEF_DIMS_TEXT])
{
    size_t size = CLEF_DIMS_TEXT, used = (size_t)snprintf(text, size, "[");
    for (int i = 0; i < rank && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%d", i ? ", " : "", dims[i]);
    if (used < size)
        snprintf(text + used, size - used, "]");
    return text;
}
