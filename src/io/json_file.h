// SPDX-License-Identifier: Apache-2.0
// JSON documents in files.
#ifndef CLEF_IO_JSON_FILE_H
#define CLEF_IO_JSON_FILE_H

#include "clef/status.h"

#include <jansson.h>
#include <stddef.h>

// Reads an object or array. A key that occurs twice in an object is an error, and so is a file of
// more than `max_bytes`. Errors name the file, and the line where there is one.
// `*root` is released with json_decref.
clef_status clef_json_load(const char *path, size_t max_bytes, json_t **root);

// Writes a document with indentation and a final newline; the file appears whole or not at all.
// The reference to `root` stays with the caller; NULL stands for a document for which there was too
// little memory.
clef_status clef_json_save(const char *path, const json_t *root);

#endif
