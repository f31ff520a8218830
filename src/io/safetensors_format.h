// SPDX-License-Identifier: Apache-2.0
// What the reader and the writer of safetensors files share.
#ifndef CLEF_IO_SAFETENSORS_FORMAT_H
#define CLEF_IO_SAFETENSORS_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SAFETENSORS_METADATA "__metadata__"
#define SAFETENSORS_FLOAT32 "F32"
#define SAFETENSORS_ALIGNMENT 8 // Bytes; what the header is padded to.

// Bytes. ResNet-18 needs 10 KiB; the bound keeps a damaged length from becoming an allocation.
#define SAFETENSORS_MAX_HEADER ((size_t)16 << 20)

// What stands before the checksum's digits in a header. Within a text a quotation mark has a
// backslash before it, so that nothing else can read like this.
#define SAFETENSORS_CHECKSUM "\"crc32\":\""
#define SAFETENSORS_CHECKSUM_DIGITS 8

// Numbers in the file are little-endian, and are read and written as they lie in memory.
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "a little-endian processor is expected");

// Multiplies a count of elements by an extent. Returns false, and leaves the count alone, if their
// bytes as float32 could not be counted by an int64_t.
static inline bool safetensors_multiply(size_t *count, size_t extent)
{
    if (extent != 0 && *count > (size_t)INT64_MAX / sizeof(float) / extent)
        return false;
    *count *= extent;
    return true;
}

#endif
