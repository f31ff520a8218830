// SPDX-License-Identifier: Apache-2.0
// JSON documents that are whole or not there, whenever memory runs out.
//
// They are built without a look at each step: what fails makes the whole NULL, which json_pack
// passes on and who saves or prints the document reports. So none ever has a hole in it.
#ifndef CLEF_IO_JSON_BUILD_H
#define CLEF_IO_JSON_BUILD_H

#include "clef/status.h"

#include <jansson.h>
#include <stddef.h>

// Appends to *array, or sets a key of *object, and takes over the reference to `value`. If there is
// no array, no object, no value or too little memory, all of them are released and become NULL.
void clef_json_append(json_t **array, json_t *value);
void clef_json_set(json_t **object, const char *key, json_t *value);

// The text of a document, as json_dumps gives it; NULL if there is no document or too little
// memory. Release with free.
char *clef_json_text(const json_t *root, size_t flags);

// The document of a text, in which no key occurs twice; NULL with errno ENOMEM if there is too
// little memory, else with what is wrong in `error`.
json_t *clef_json_parse(const char *text, size_t size, json_error_t *error);

// The same for a whole string, with CLEF_OUT_OF_MEMORY or CLEF_FORMAT for what went wrong.
clef_status clef_json_read(const char *text, json_t **root);

#endif
