// SPDX-License-Identifier: Apache-2.0
// Stores of 8 or 16 numbers, for processors: of vstore8 and vstore16 PoCL makes two or three
// instructions, with others that take the vector apart.
#ifndef CLEF_STORE_H
#define CLEF_STORE_H

// Elements need no more alignment than a number.
typedef float8 unaligned_float8 __attribute__((aligned(4)));
typedef float16 unaligned_float16 __attribute__((aligned(4)));
typedef int8 unaligned_int8 __attribute__((aligned(4)));
typedef int16 unaligned_int16 __attribute__((aligned(4)));

#define STORE_TO(space, type, element)                           \
    __attribute__((overloadable, always_inline))                 \
    void store_vector(type value, space element *at)             \
    {                                                            \
        *(space unaligned_##type *)at = value;                   \
    }
STORE_TO(global, float8, float)
STORE_TO(global, float16, float)
STORE_TO(global, int8, int)
STORE_TO(global, int16, int)
STORE_TO(local, float8, float)
STORE_TO(local, float16, float)
STORE_TO(private, float8, float)
STORE_TO(private, float16, float)

#endif
