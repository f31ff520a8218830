// SPDX-License-Identifier: Apache-2.0
// Files that may be gzipped, read in pieces whose sizes the bytes themselves decide.
#include "fuzz.h"

#include "data/gzip_reader.h"

#define MOST 4096

static void read_input(const char *path, const uint8_t *bytes, size_t size)
{
    struct gzip_reader *reader;
    if (gzip_reader_open(path, &reader) != CLEF_OK)
        return;
    uint8_t piece[MOST];
    size_t want, done, i = 0;
    do {
        want = size > 0 ? MOST - 16u * bytes[i++ % size] : MOST;
    } while (gzip_reader_read(reader, piece, want, &done) == CLEF_OK && done == want);
    gzip_reader_close(reader);
}

// A buffer of input and zlib's window: nothing depends on the file.
static size_t bound(const uint8_t *bytes, size_t size)
{
    (void)bytes;
    (void)size;
    return 192 << 10;
}

const struct fuzz_target fuzz_target = {.read = read_input, .bound = bound};
