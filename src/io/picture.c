// SPDX-License-Identifier: Apache-2.0
#include "io/picture.h"

#include "core/error.h"
#include "io/picture_decoder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static clef_status read_bytes(int fd, const char *path, uint8_t *bytes, size_t size)
{
    size_t done = 0;
    while (done < size) {
        ssize_t got = read(fd, bytes + done, size - done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return clef_fail(CLEF_IO, "cannot read %s: %s", path, strerror(errno));
        if (got == 0)
            return clef_fail(CLEF_IO, "cannot read %s: it has become shorter", path);
        done += (size_t)got;
    }
    return CLEF_OK;
}

static clef_status read_open_file(int fd, const char *path, uint8_t **bytes, size_t *size)
{
    struct stat about;
    if (fstat(fd, &about) != 0)
        return clef_fail(CLEF_IO, "cannot read %s: %s", path, strerror(errno));
    if (!S_ISREG(about.st_mode))
        return clef_fail(CLEF_IO, "cannot read %s: not a file", path);
    *size = (size_t)about.st_size;
    if (*size > CLEF_PICTURE_MAX_BYTES)
        return clef_fail(CLEF_FORMAT, "%s: expected a picture of at most %zu bytes, found %zu",
                         path, CLEF_PICTURE_MAX_BYTES, *size);
    *bytes = malloc(*size > 0 ? *size : 1);
    if (*bytes == NULL)
        return clef_fail(CLEF_OUT_OF_MEMORY, "cannot read %s: out of memory", path);
    return read_bytes(fd, path, *bytes, *size);
}

// What was read is released by the caller, on failure too.
static clef_status read_file(const char *path, uint8_t **bytes, size_t *size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return clef_fail(errno == ENOENT || errno == ENOTDIR ? CLEF_NOT_FOUND : CLEF_IO,
                         "cannot open %s: %s", path, strerror(errno));
    clef_status status = read_open_file(fd, path, bytes, size);
    close(fd);
    return status;
}

static clef_status decode(const struct clef_picture_file *file, struct clef_picture *picture)
{
    static const uint8_t png[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    static const uint8_t jpeg[] = {0xff, 0xd8, 0xff};
    if (file->size >= sizeof png && memcmp(file->bytes, png, sizeof png) == 0)
        return clef_picture_decode_png(file, picture);
    if (file->size >= sizeof jpeg && memcmp(file->bytes, jpeg, sizeof jpeg) == 0)
        return clef_picture_decode_jpeg(file, picture);
    return clef_fail(CLEF_FORMAT, "%s: expected a PNG or JPEG file, found %s", file->path,
                     file->size == 0 ? "an empty one" : "another beginning");
}

clef_status clef_picture_read(const char *path, struct clef_picture *picture)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    *picture = (struct clef_picture){0};
    clef_status status = read_file(path, &bytes, &size);
    if (status == CLEF_OK)
        status = decode(&(struct clef_picture_file){path, bytes, size}, picture);
    free(bytes);
    if (status != CLEF_OK)
        clef_picture_free(picture);
    return status;
}

void clef_picture_free(struct clef_picture *picture)
{
    free(picture->pixels);
    *picture = (struct clef_picture){0};
}

clef_status clef_picture_allocate(const struct clef_picture_file *file, size_t height, size_t width,
                                  bool possible, struct clef_picture *picture)
{
    size_t pixels = height * width; // The formats have at most 31 bits for each.
    if (pixels == 0 || pixels > CLEF_PICTURE_MAX_PIXELS)
        return clef_fail(CLEF_FORMAT, "%s: expected 1 to %zu pixels, found %zu x %zu", file->path,
                         CLEF_PICTURE_MAX_PIXELS, height, width);
    if (!possible)
        return clef_fail(CLEF_FORMAT,
                         "%s: expected %zu x %zu pixels, of which %zu bytes cannot hold so many",
                         file->path, height, width, file->size);
    picture->pixels = malloc(3 * pixels);
    if (picture->pixels == NULL)
        return clef_fail(CLEF_OUT_OF_MEMORY, "cannot read %s: out of memory", file->path);
    picture->height = (int)height;
    picture->width = (int)width;
    return CLEF_OK;
}
