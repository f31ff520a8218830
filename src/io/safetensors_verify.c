// SPDX-License-Identifier: Apache-2.0
// The checksum of a whole file, which its own header holds.
#include "core/error.h"
#include "io/safetensors_file.h"
#include "io/safetensors_format.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

// Takes the checksum's digits out of the bytes up to the data, and puts zeros there.
static clef_status take_checksum(const struct clef_safetensors *file, char *header, uLong *checksum)
{
    static const char zeros[] = "00000000";
    _Static_assert(sizeof zeros - 1 == SAFETENSORS_CHECKSUM_DIGITS, "a zero for each digit");
    const char *text = clef_safetensors_metadata(file, "crc32");
    size_t before = strlen(SAFETENSORS_CHECKSUM);
    char *found = memmem(header, (size_t)file->data_start, SAFETENSORS_CHECKSUM, before);
    char *end = NULL;
    if (text != NULL && strlen(text) == SAFETENSORS_CHECKSUM_DIGITS)
        *checksum = strtoul(text, &end, 16);
    if (found == NULL || end == NULL || *end != '\0' ||
        strncmp(found + before, text, SAFETENSORS_CHECKSUM_DIGITS) != 0)
        return clef_fail(CLEF_FORMAT, "%s: the metadata has no checksum \"crc32\"", file->path);
    memcpy(found + before, zeros, SAFETENSORS_CHECKSUM_DIGITS);
    return CLEF_OK;
}

static clef_status compare_checksum(const struct clef_safetensors *file, char *buffer, size_t room)
{
    uLong expected = 0;
    CLEF_TRY(clef_safetensors_read_at(file, buffer, (size_t)file->data_start, 0));
    CLEF_TRY(take_checksum(file, buffer, &expected));
    uLong crc = crc32_z(0, (const Bytef *)buffer, (size_t)file->data_start);
    for (uint64_t place = 0; place < file->data_size;) {
        uint64_t left = file->data_size - place;
        size_t size = left < room ? (size_t)left : room;
        CLEF_TRY(clef_safetensors_read_at(file, buffer, size, file->data_start + place));
        crc = crc32_z(crc, (const Bytef *)buffer, size);
        place += size;
    }
    if (crc != expected)
        return clef_fail(CLEF_FORMAT,
                         "%s: the checksum of its bytes is %08lx, but should be %08lx: it is "
                         "damaged",
                         file->path, crc, expected);
    return CLEF_OK;
}

clef_status clef_safetensors_verify(const struct clef_safetensors *file)
{
    size_t room = (size_t)1 << 20;
    if (file->data_start > room)
        room = (size_t)file->data_start; // At most SAFETENSORS_MAX_HEADER and a few bytes.
    char *buffer = malloc(room);
    if (buffer == NULL)
        return clef_fail(CLEF_OUT_OF_MEMORY, "cannot read %s: out of memory", file->path);
    clef_status status = compare_checksum(file, buffer, room);
    free(buffer);
    return status;
}
