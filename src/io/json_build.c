// SPDX-License-Identifier: Apache-2.0
#include "io/json_build.h"

#include "core/error.h"
#include "io/json_memory.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static void give_up(json_t **document)
{
    json_decref(*document);
    *document = NULL;
}

void clef_json_append(json_t **array, json_t *value)
{
    if (json_array_append_new(*array, value) != 0)
        give_up(array);
}

void clef_json_set(json_t **object, const char *key, json_t *value)
{
    if (json_object_set_new(*object, key, value) != 0)
        give_up(object);
}

char *clef_json_text(const json_t *root, size_t flags)
{
    clef_json_watch(0);
    char *text = json_dumps(root, flags);
    if (!clef_json_watch_end())
        return text;
    free(text);
    return NULL;
}

struct source {
    const char *next, *end;
};

// Gives one byte at a time, and none once memory ran out: jansson must not save another then.
static size_t read_byte(void *buffer, size_t size, void *argument)
{
    struct source *source = argument;
    if (size == 0 || source->next == source->end || clef_json_ran_out())
        return 0;
    *(char *)buffer = *source->next++;
    return 1;
}

// jansson saves the characters of a token in a buffer that doubles, from 16 bytes on. Whatever part
// of the parse lacked memory gets the reserve, which is enough for such a buffer, and then the text
// seems to end: nothing is read after a character that could not be saved.
json_t *clef_json_parse(const char *text, size_t size, json_error_t *error)
{
    struct source source = {text, text + size};
    json_t *root = NULL;
    bool ran_out = !clef_json_watch(2 * size + 64);
    if (!ran_out) {
        root = json_load_callback(read_byte, &source, JSON_REJECT_DUPLICATES, error);
        ran_out = clef_json_watch_end();
    }
    errno = ran_out ? ENOMEM : 0;
    if (!ran_out)
        return root;
    json_decref(root);
    return NULL;
}

clef_status clef_json_read(const char *text, json_t **root)
{
    json_error_t error;
    *root = clef_json_parse(text, strlen(text), &error);
    if (*root != NULL)
        return CLEF_OK;
    if (errno == ENOMEM)
        return clef_fail(CLEF_OUT_OF_MEMORY, "out of memory");
    return clef_fail(CLEF_FORMAT, "not JSON: %s", error.text);
}
