// SPDX-License-Identifier: Apache-2.0
// Pictures in JPEG files.
#include "fuzz.h"

#include "io/picture.h"

static void read_input(const char *path, const uint8_t *bytes, size_t size)
{
    (void)bytes;
    (void)size;
    struct clef_picture picture;
    if (clef_picture_read(path, &picture) == CLEF_OK)
        clef_picture_free(&picture);
}

// The file; pixels, of which a byte can hold 8 blocks of 64; of a file with several scans all
// coefficients, 2 bytes each, where a narrow picture is padded to four blocks; and some lines.
static size_t bound(const uint8_t *bytes, size_t size)
{
    (void)bytes;
    return size + (3 * 512 + 8 * 4 * 128) * size + (8 << 20);
}

const struct fuzz_target fuzz_target = {.read = read_input, .bound = bound};
