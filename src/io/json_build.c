// SPDX-License-Identifier: Apache-2.0
#include "io/json_build.h"

#include "core/error.h"

#include <errno.h>
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

// jansson (2.14) does not look at whether there was memory for a key that it writes or a character
// that it reads, and goes on without it. The allocator tells.
char *clef_json_text(const json_t *root, size_t flags)
{
    errno = 0;
    char *text = json_dumps(root, flags);
    if (text == NULL || errno != ENOMEM)
        return text;
    free(text);
    return NULL;
}

json_t *clef_json_parse(const char *text, size_t size, json_error_t *error)
{
    errno = 0;
    json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, error);
    if (errno != ENOMEM)
        return root;
    json_decref(root);
    errno = ENOMEM;
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
