// SPDX-License-Identifier: Apache-2.0
#include "data/idx.h"

#include "core/error.h"
#include "data/gzip_reader.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TYPE_UNSIGNED_BYTE 0x08
#define FIRST_ALLOCATION ((size_t)1 << 20)

// The numbers of dimensions that a file may have; at most one apart.
struct ranks {
    int low, high;
};

static clef_status check_magic(const char *path, const uint8_t *magic, size_t found,
                               struct ranks ranks)
{
    if (found == 0)
        return clef_fail(CLEF_FORMAT, "%s: expected an IDX file, found an empty one", path);
    if (found < 4)
        return clef_fail(CLEF_FORMAT,
                         "%s: expected the 4 bytes of an IDX file's magic number, found only %zu",
                         path, found);
    if (magic[0] == 0 && magic[1] == 0 && magic[2] == TYPE_UNSIGNED_BYTE && magic[3] >= ranks.low &&
        magic[3] <= ranks.high)
        return CLEF_OK;
    char also[16] = "", also_magic[16] = "";
    if (ranks.high > ranks.low) {
        snprintf(also, sizeof also, " or %d", ranks.high);
        snprintf(also_magic, sizeof also_magic, " or %02x", (unsigned)ranks.high);
    }
    return clef_fail(CLEF_FORMAT,
                     "%s: expected an IDX file of unsigned bytes with %d%s dimension%s (magic "
                     "number 00 00 08 %02x%s), found %02x %02x %02x %02x",
                     path, ranks.low, also, ranks.high == 1 ? "" : "s", (unsigned)ranks.low,
                     also_magic, magic[0], magic[1], magic[2], magic[3]);
}

static clef_status read_header(struct gzip_reader *stream, const char *path, struct ranks ranks,
                               struct clef_idx *idx)
{
    uint8_t magic[4], dims[4 * CLEF_IDX_MAX_RANK];
    size_t found;
    CLEF_TRY(gzip_reader_read(stream, magic, sizeof magic, &found));
    CLEF_TRY(check_magic(path, magic, found, ranks));
    int rank = magic[3];
    CLEF_TRY(gzip_reader_read(stream, dims, 4 * (size_t)rank, &found));
    if (found < 4 * (size_t)rank)
        return clef_fail(CLEF_FORMAT, "%s: expected %d bytes of dimensions, found only %zu", path,
                         4 * rank, found);
    for (int i = rank; i < CLEF_IDX_MAX_RANK; i++)
        idx->dims[i] = 1;
    idx->size = 1;
    for (int i = 0; i < rank; i++) {
        const uint8_t *b = dims + 4 * (size_t)i;
        uint32_t dim = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
        // Dividing the bound, rather than multiplying, cannot overflow.
        if (dim > INT_MAX || (dim != 0 && idx->size > CLEF_IDX_MAX_SIZE / dim))
            return clef_fail(CLEF_FORMAT,
                             "%s: expected at most %zu elements, found more at dimension %d (%lu)",
                             path, CLEF_IDX_MAX_SIZE, i, (unsigned long)dim);
        idx->dims[i] = (int)dim;
        idx->size *= dim;
    }
    return CLEF_OK;
}

// The header alone does not justify an allocation: a file of 16 bytes can declare 2 GiB. So the
// buffer at most doubles what has been read.
static clef_status read_elements(struct gzip_reader *stream, const char *path, struct clef_idx *idx)
{
    size_t room = 0, used = 0;
    do {
        room = room == 0 ? FIRST_ALLOCATION : room * 2;
        if (room > idx->size)
            room = idx->size;
        uint8_t *larger = realloc(idx->bytes, room > 0 ? room : 1);
        if (larger == NULL)
            return clef_fail(CLEF_OUT_OF_MEMORY, "%s: out of memory for %zu bytes", path, room);
        idx->bytes = larger;
        size_t found;
        CLEF_TRY(gzip_reader_read(stream, idx->bytes + used, room - used, &found));
        used += found;
        if (used < room)
            return clef_fail(CLEF_FORMAT,
                             "%s: expected %zu bytes of elements after the header, found only %zu",
                             path, idx->size, used);
    } while (room < idx->size);
    // The end of a gzip stream, with its check sum, is only examined by reading past the data.
    uint8_t extra;
    size_t found;
    CLEF_TRY(gzip_reader_read(stream, &extra, 1, &found));
    if (found != 0)
        return clef_fail(CLEF_FORMAT,
                         "%s: expected the end of the file after %zu bytes of elements, found more",
                         path, idx->size);
    return CLEF_OK;
}

static clef_status read_file(const char *path, struct ranks ranks, struct clef_idx *idx)
{
    memset(idx, 0, sizeof *idx);
    struct gzip_reader *stream;
    CLEF_TRY(gzip_reader_open(path, &stream));
    clef_status status = read_header(stream, path, ranks, idx);
    if (status == CLEF_OK)
        status = read_elements(stream, path, idx);
    gzip_reader_close(stream);
    if (status != CLEF_OK)
        clef_idx_free(idx);
    return status;
}

clef_status clef_idx_read(const char *path, int rank, struct clef_idx *idx)
{
    memset(idx, 0, sizeof *idx);
    if (rank < 1 || rank > CLEF_IDX_MAX_RANK)
        return clef_fail(CLEF_INVALID_ARGUMENT, "%s: %d dimensions asked for, 1 to %d are possible",
                         path, rank, CLEF_IDX_MAX_RANK);
    return read_file(path, (struct ranks){rank, rank}, idx);
}

clef_status clef_idx_read_images(const char *path, struct clef_idx *idx)
{
    return read_file(path, (struct ranks){3, 4}, idx);
}

void clef_idx_free(struct clef_idx *idx)
{
    free(idx->bytes);
    memset(idx, 0, sizeof *idx);
}
