// SPDX-License-Identifier: Apache-2.0
// A 128-bit hash to tell texts and files apart. It is no protection against someone who makes two
// of the same hash on purpose.
#ifndef CLEF_CORE_HASH_H
#define CLEF_CORE_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct clef_hash {
    uint64_t high, low;
};

// The hash of nothing, with which a chain of clef_hash_add begins.
struct clef_hash clef_hash_begin(void);

// The hash of what came before and of these bytes.
struct clef_hash clef_hash_add(struct clef_hash hash, const void *bytes, size_t size);

// Adds a text with its end, so that "ab", "c" and "a", "bc" differ.
struct clef_hash clef_hash_add_text(struct clef_hash hash, const char *text);

bool clef_hash_equal(struct clef_hash a, struct clef_hash b);

#endif
