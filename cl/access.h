// SPDX-License-Identifier: Apache-2.0
// Loads and stores of 8 or 16 numbers, for processors: of vload16 and vstore16 PoCL makes several
// instructions, with others that take the vector apart.
#ifndef CLEF_ACCESS_H
#define CLEF_ACCESS_H

// Elements need no more alignment than a number.
typedef float8 unaligned_float8 __attribute__((aligned(4)));
typedef float16 unaligned_float16 __attribute__((aligned(4)));
typedef int8 unaligned_int8 __attribute__((aligned(4)));
typedef int16 unaligned_int16 __attribute__((aligned(4)));

#define ACCESS __attribute__((overloadable, always_inline))
#define ACCESS_TO(space, element, width)                              \
    ACCESS element##width load_vector##width(const space element *at) \
    {                                                                 \
        return *(const space unaligned_##element##width *)at;         \
    }                                                                 \
    ACCESS void store_vector(element##width value, space element *at) \
    {                                                                 \
        *(space unaligned_##element##width *)at = value;              \
    }
#define ACCESS_TO_SPACE(space)  \
    ACCESS_TO(space, float, 8)  \
    ACCESS_TO(space, float, 16) \
    ACCESS_TO(space, int, 8)    \
    ACCESS_TO(space, int, 16)
ACCESS_TO_SPACE(global)
ACCESS_TO_SPACE(local)
ACCESS_TO_SPACE(private)

#endif
