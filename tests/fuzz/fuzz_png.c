// SPDX-License-Identifier: Apache-2.0
// Pictures in PNG files.
#include "fuzz.h"

#include "io/picture.h"

#include <zlib.h>

#define MOST_PIXELS_OF_A_BYTE (8 * 1032) // Of one bit each, compressed.

static void read_input(const char *path, const uint8_t *bytes, size_t size)
{
    (void)bytes;
    (void)size;
    struct clef_picture picture;
    if (clef_picture_read(path, &picture) != CLEF_OK)
        return;
    if (picture.height < 1 || picture.width < 1 || picture.pixels == NULL)
        fuzz_fail("a picture of %d x %d pixels", picture.height, picture.width);
    clef_picture_free(&picture);
}

// The file, the pixels that it has room for, and some lines of the library's.
static size_t bound(const uint8_t *bytes, size_t size)
{
    (void)bytes;
    size_t pixels = MOST_PIXELS_OF_A_BYTE * size;
    if (pixels > CLEF_PICTURE_MAX_PIXELS)
        pixels = CLEF_PICTURE_MAX_PIXELS;
    return size + 3 * pixels + (4 << 20);
}

#ifdef CLEF_FUZZ

// Of libFuzzer.
size_t LLVMFuzzerMutate(uint8_t *bytes, size_t size, size_t most);
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t most, unsigned seed);

static uint32_t read_number(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

// The sum of each chunk, without which the library would look at nothing: length, kind, content.
static void repair_sums(uint8_t *bytes, size_t size)
{
    size_t at = 8;
    while (at < size && size - at >= 12 && read_number(bytes + at) <= size - at - 12) {
        size_t length = read_number(bytes + at);
        uLong sum = crc32(0, bytes + at + 4, (uInt)(4 + length));
        for (int i = 0; i < 4; i++)
            bytes[at + 8 + length + (size_t)i] = (uint8_t)(sum >> (24 - 8 * i));
        at += 12 + length;
    }
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t most, unsigned seed)
{
    size = LLVMFuzzerMutate(bytes, size, most);
    if (seed % 16 != 0)
        repair_sums(bytes, size);
    return size;
}

#endif

const struct fuzz_target fuzz_target = {.read = read_input, .bound = bound};
