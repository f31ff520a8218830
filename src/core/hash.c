// SPDX-License-Identifier: Apache-2.0
// FNV-1a with 128 bits (Fowler, Noll, Vo; draft-eastlake-fnv).
#include "core/hash.h"

#include <string.h>

__extension__ typedef unsigned __int128 wide;

struct clef_hash clef_hash_begin(void)
{
    return (struct clef_hash){UINT64_C(0x6c62272e07bb0142), UINT64_C(0x62b821756295c58d)};
}

struct clef_hash clef_hash_add(struct clef_hash hash, const void *bytes, size_t size)
{
    const unsigned char *byte = bytes;
    const wide prime = ((wide)1 << 88) + 0x13b;
    wide value = ((wide)hash.high << 64) | hash.low;
    for (size_t i = 0; i < size; i++)
        value = (value ^ byte[i]) * prime;
    return (struct clef_hash){(uint64_t)(value >> 64), (uint64_t)value};
}

struct clef_hash clef_hash_add_text(struct clef_hash hash, const char *text)
{
    return clef_hash_add(hash, text, strlen(text) + 1);
}

bool clef_hash_equal(struct clef_hash a, struct clef_hash b)
{
    return a.high == b.high && a.low == b.low;
}
