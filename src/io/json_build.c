// SPDX-License-Identifier: Apache-2.0
#include "io/json_build.h"

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
