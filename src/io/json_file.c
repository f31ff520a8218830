// SPDX-License-Identifier: Apache-2.0
#include "io/json_file.h"

#include "core/error.h"
#include "io/atomic_file.h"
#include "io/json_build.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_READ ((size_t)64 << 10)
#define INDENTATION 2

// Reads what is left of a stream. The buffer grows with the data, so that pipes work and a length
// that the file system reports wrongly does no harm.
static clef_status read_stream(FILE *stream, const char *path, size_t max_bytes, char **text,
                               size_t *size)
{
    size_t room = 0, used = 0;
    char *buffer = NULL;
    do {
        if (used == room) {
            room = room == 0 ? FIRST_READ : room * 2;
            char *larger = realloc(buffer, room);
            if (larger == NULL) {
                free(buffer);
                return clef_fail(CLEF_OUT_OF_MEMORY, "%s: out of memory after %zu bytes", path,
                                 used);
            }
            buffer = larger;
        }
        clearerr(stream);
        used += fread(buffer + used, 1, room - used, stream);
        if (ferror(stream) && errno != EINTR) {
            free(buffer);
            return clef_fail(CLEF_IO, "cannot read %s: %s", path, strerror(errno));
        }
        if (used > max_bytes) {
            free(buffer);
            return clef_fail(CLEF_FORMAT, "%s: larger than the %zu bytes that such a file may have",
                             path, max_bytes);
        }
    } while (!feof(stream));
    *text = buffer;
    *size = used;
    return CLEF_OK;
}

clef_status clef_json_load(const char *path, size_t max_bytes, json_t **root)
{
    FILE *stream = fopen(path, "rb");
    if (stream == NULL)
        return clef_fail(errno == ENOENT || errno == ENOTDIR ? CLEF_NOT_FOUND : CLEF_IO,
                         "cannot open %s: %s", path, strerror(errno));
    char *text = NULL;
    size_t size = 0;
    clef_status status = read_stream(stream, path, max_bytes, &text, &size);
    fclose(stream);
    CLEF_TRY(status);

    json_error_t error;
    json_t *parsed = clef_json_parse(text, size, &error);
    bool no_memory = parsed == NULL && errno == ENOMEM;
    free(text);
    if (no_memory)
        return clef_fail(CLEF_OUT_OF_MEMORY, "cannot read %s: out of memory", path);
    if (parsed == NULL)
        return clef_fail(CLEF_FORMAT, "%s:%d: not valid JSON: %s", path, error.line, error.text);
    *root = parsed;
    return CLEF_OK;
}

clef_status clef_json_save(const char *path, const json_t *root)
{
    // The text is made first: jansson's own writer would call `write` once for each token.
    char *text = clef_json_text(root, JSON_INDENT(INDENTATION) | JSON_ENCODE_ANY);
    if (text == NULL)
        return clef_fail(CLEF_OUT_OF_MEMORY, "cannot write %s: out of memory", path);
    struct clef_atomic_file *file;
    clef_status status = clef_atomic_file_create(path, &file);
    if (status == CLEF_OK) {
        status = clef_atomic_file_write(file, text, strlen(text));
        if (status == CLEF_OK)
            status = clef_atomic_file_write(file, "\n", 1);
        if (status == CLEF_OK)
            status = clef_atomic_file_commit(file);
        else
            clef_atomic_file_abort(file);
    }
    free(text);
    return status;
}
