// SPDX-License-Identifier: Apache-2.0
// IDX files, plain or gzipped, as labels and as images.
#include "fuzz.h"

#include "data/idx.h"

#include <stdbool.h>
#include <string.h>
#include <zlib.h>

#define HEADER (4 + 4 * CLEF_IDX_MAX_RANK)
#define DEFLATE_BEST 1032 // What a byte of a gzipped file can become.

static void read_input(const char *path, const uint8_t *bytes, size_t size)
{
    (void)bytes;
    (void)size;
    struct clef_idx images;
    if (clef_idx_read_images(path, &images) == CLEF_OK)
        clef_idx_free(&images);
    for (int rank = 1; rank <= CLEF_IDX_MAX_RANK; rank++) {
        struct clef_idx idx;
        if (clef_idx_read(path, rank, &idx) == CLEF_OK)
            clef_idx_free(&idx);
    }
}

static bool is_gzipped(const uint8_t *bytes, size_t size)
{
    return size >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b;
}

// The beginning of what is in the file, and zeros where there is nothing.
static void find_header(const uint8_t *bytes, size_t size, uint8_t header[HEADER])
{
    memset(header, 0, HEADER);
    if (!is_gzipped(bytes, size)) {
        memcpy(header, bytes, size < HEADER ? size : HEADER);
        return;
    }
    z_stream stream = {.next_in = (uint8_t *)(uintptr_t)bytes,
                       .avail_in = (uInt)size,
                       .next_out = header,
                       .avail_out = HEADER};
    if (inflateInit2(&stream, MAX_WBITS + 16) != Z_OK)
        fuzz_fail("zlib does not begin");
    // Of all members, which may be as short as they like.
    while (inflate(&stream, Z_NO_FLUSH) == Z_STREAM_END && stream.avail_in > 0 &&
           stream.avail_out > 0)
        inflateReset(&stream);
    inflateEnd(&stream);
}

// Not more elements than the header declares, and twice that while the buffer that grows moves; nor
// more than thrice what is there, after a mebibyte to begin with.
static size_t bound(const uint8_t *bytes, size_t size)
{
    uint8_t header[HEADER];
    find_header(bytes, size, header);
    double declared = 2;
    for (int i = 1; i <= header[3] && i <= CLEF_IDX_MAX_RANK; i++) {
        const uint8_t *b = header + 4 * i;
        declared *= (double)((uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | b[2] << 8 | b[3]);
    }
    size_t there = 3 * size * (is_gzipped(bytes, size) ? DEFLATE_BEST : 1) + (1 << 20);
    return (declared < (double)there ? (size_t)declared : there) + (192 << 10);
}

const struct fuzz_target fuzz_target = {.read = read_input, .bound = bound};
