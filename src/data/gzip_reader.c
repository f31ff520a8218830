// SPDX-License-Identifier: Apache-2.0
#include "data/gzip_reader.h"

#include "core/error.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#define INPUT_BYTES ((size_t)128 << 10)
#define GZIP_ONLY 16 // Added to zlib's window bits: expect a gzip header.

struct gzip_reader {
    const char *path;
    int fd;
    bool gzipped;
    bool in_member; // A gzip stream consists of members, each with header and check sum.
    z_stream zlib;  // Also holds what is left of the input of a plain file.
    uint8_t input[INPUT_BYTES];
};

// Reads the next piece of the file after the current one is used up. At the end of the file
// `avail_in` remains 0.
static clef_status refill(struct gzip_reader *reader)
{
    size_t filled = 0;
    while (filled < INPUT_BYTES) {
        ssize_t got = read(reader->fd, reader->input + filled, INPUT_BYTES - filled);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return clef_fail(CLEF_IO, "cannot read %s: %s", reader->path, strerror(errno));
        if (got == 0)
            break;
        filled += (size_t)got;
    }
    reader->zlib.next_in = reader->input;
    reader->zlib.avail_in = (uInt)filled;
    return CLEF_OK;
}

static clef_status start(struct gzip_reader *reader)
{
    CLEF_TRY(refill(reader));
    reader->gzipped =
        reader->zlib.avail_in >= 2 && reader->input[0] == 0x1f && reader->input[1] == 0x8b;
    if (reader->gzipped && inflateInit2(&reader->zlib, MAX_WBITS + GZIP_ONLY) != Z_OK) {
        reader->gzipped = false;
        return clef_fail(CLEF_OUT_OF_MEMORY, "cannot read %s: out of memory", reader->path);
    }
    reader->in_member = reader->gzipped;
    return CLEF_OK;
}

clef_status gzip_reader_open(const char *path, struct gzip_reader **out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return clef_fail(errno == ENOENT ? CLEF_NOT_FOUND : CLEF_IO, "cannot open %s: %s", path,
                         strerror(errno));
    struct gzip_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL) {
        close(fd);
        return clef_fail(CLEF_OUT_OF_MEMORY, "cannot read %s: out of memory", path);
    }
    reader->path = path;
    reader->fd = fd;
    clef_status status = start(reader);
    if (status != CLEF_OK) {
        gzip_reader_close(reader);
        return status;
    }
    *out = reader;
    return CLEF_OK;
}

static clef_status read_plain(struct gzip_reader *reader, uint8_t *bytes, size_t size, size_t *done)
{
    while (*done < size) {
        if (reader->zlib.avail_in == 0)
            CLEF_TRY(refill(reader));
        if (reader->zlib.avail_in == 0)
            break;
        size_t piece = size - *done < reader->zlib.avail_in ? size - *done : reader->zlib.avail_in;
        memcpy(bytes + *done, reader->zlib.next_in, piece);
        reader->zlib.next_in += piece;
        reader->zlib.avail_in -= (uInt)piece;
        *done += piece;
    }
    return CLEF_OK;
}

// After the end of a member: the file ends, or another member begins.
static clef_status next_member(struct gzip_reader *reader, bool *end)
{
    *end = reader->zlib.avail_in == 0;
    if (*end)
        return CLEF_OK;
    if (reader->zlib.next_in[0] != 0x1f)
        return clef_fail(CLEF_FORMAT,
                         "%s: expected the end of the file after the gzip stream, found more",
                         reader->path);
    inflateReset(&reader->zlib);
    reader->in_member = true;
    return CLEF_OK;
}

static clef_status read_gzipped(struct gzip_reader *reader, uint8_t *bytes, size_t size,
                                size_t *done)
{
    while (*done < size) {
        if (reader->zlib.avail_in == 0)
            CLEF_TRY(refill(reader));
        if (!reader->in_member) {
            bool end;
            CLEF_TRY(next_member(reader, &end));
            if (end)
                break;
        }
        if (reader->zlib.avail_in == 0)
            return clef_fail(CLEF_FORMAT,
                             "%s: expected a complete gzip stream, found that it is cut off",
                             reader->path);
        size_t want = size - *done < INT_MAX ? size - *done : INT_MAX;
        reader->zlib.next_out = bytes + *done;
        reader->zlib.avail_out = (uInt)want;
        int code = inflate(&reader->zlib, Z_NO_FLUSH);
        *done += want - reader->zlib.avail_out;
        if (code == Z_STREAM_END)
            reader->in_member = false;
        else if (code == Z_MEM_ERROR)
            return clef_fail(CLEF_OUT_OF_MEMORY, "cannot read %s: out of memory", reader->path);
        else if (code != Z_OK && code != Z_BUF_ERROR)
            return clef_fail(CLEF_FORMAT, "%s: expected an intact gzip stream, found: %s",
                             reader->path, reader->zlib.msg ? reader->zlib.msg : zError(code));
    }
    return CLEF_OK;
}

clef_status gzip_reader_read(struct gzip_reader *reader, void *bytes, size_t size, size_t *done)
{
    *done = 0;
    return reader->gzipped ? read_gzipped(reader, bytes, size, done)
                           : read_plain(reader, bytes, size, done);
}

void gzip_reader_close(struct gzip_reader *reader)
{
    if (reader == NULL)
        return;
    if (reader->gzipped)
        inflateEnd(&reader->zlib);
    close(reader->fd);
    free(reader);
}
