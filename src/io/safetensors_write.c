// SPDX-License-Identifier: Apache-2.0
#include "core/error.h"
#include "io/atomic_file.h"
#include "io/json_build.h"
#include "io/safetensors.h"
#include "io/safetensors_format.h"

#include <errno.h>
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

struct writer {
    const char *path;
    const struct clef_safetensors_tensor *tensors;
    int tensor_count;
    const struct clef_safetensors_string *metadata;
    int metadata_count;
    size_t largest; // Most elements of one tensor.
    struct clef_atomic_file *file;
    uLong crc;
    size_t checksum_place; // Of its digits in the file; 0 if there are none.
};

static clef_status put(struct writer *writer, const void *bytes, size_t size)
{
    if (writer->checksum_place > 0)
        writer->crc = crc32_z(writer->crc, bytes, size);
    return clef_atomic_file_write(writer->file, bytes, size);
}

// Adds `value` to an object and takes over the reference. NULL stands for a text that is not UTF-8,
// or for too little memory; jansson does not tell which, but the allocator has left ENOMEM.
static clef_status add_new(const char *path, json_t *object, const char *key, json_t *value)
{
    if (json_object_get(object, key) != NULL) {
        json_decref(value);
        return clef_fail(CLEF_INVALID_ARGUMENT, "cannot write %s: the name %s is given twice", path,
                         key);
    }
    if (json_object_set_new(object, key, value) != 0)
        return errno == ENOMEM
                   ? clef_fail(CLEF_OUT_OF_MEMORY, "cannot write %s: out of memory", path)
                   : clef_fail(CLEF_INVALID_ARGUMENT,
                               "cannot write %s: \"%s\" or its value is not valid UTF-8 text", path,
                               key);
    return CLEF_OK;
}

static clef_status add_metadata(const struct writer *writer, json_t *header)
{
    if (writer->metadata_count == 0)
        return CLEF_OK;
    json_t *object = json_object();
    CLEF_TRY(add_new(writer->path, header, SAFETENSORS_METADATA, object));
    for (int i = 0; i < writer->metadata_count; i++)
        CLEF_TRY(add_new(writer->path, object, writer->metadata[i].key,
                         json_string(writer->metadata[i].value)));
    return CLEF_OK;
}

static clef_status add_tensor(struct writer *writer, json_t *header,
                              const struct clef_safetensors_tensor *tensor, uint64_t *offset)
{
    if (tensor->name[0] == '\0' || strcmp(tensor->name, SAFETENSORS_METADATA) == 0)
        return clef_fail(CLEF_INVALID_ARGUMENT, "cannot write %s: \"%s\" cannot name a tensor",
                         writer->path, tensor->name);
    if (tensor->rank < 0 || tensor->rank > CLEF_SAFETENSORS_MAX_RANK)
        return clef_fail(CLEF_INVALID_ARGUMENT,
                         "cannot write %s: %s has %d dimensions, at most %d are possible",
                         writer->path, tensor->name, tensor->rank, CLEF_SAFETENSORS_MAX_RANK);
    json_t *shape = json_array();
    size_t count = 1;
    bool valid = true;
    for (int i = 0; i < tensor->rank; i++) {
        clef_json_append(&shape, json_integer(tensor->dims[i]));
        valid =
            valid && tensor->dims[i] >= 0 && safetensors_multiply(&count, (size_t)tensor->dims[i]);
    }
    if (!valid || *offset > INT64_MAX - count * sizeof(float)) {
        json_decref(shape);
        return clef_fail(CLEF_INVALID_ARGUMENT, "cannot write %s: the size of %s is not possible",
                         writer->path, tensor->name);
    }
    uint64_t end = *offset + count * sizeof(float);
    json_t *entry = json_pack("{s:s, s:o, s:[I, I]}", "dtype", SAFETENSORS_FLOAT32, "shape", shape,
                              "data_offsets", (json_int_t)*offset, (json_int_t)end);
    *offset = end;
    if (count > writer->largest)
        writer->largest = count;
    return add_new(writer->path, header, tensor->name, entry);
}

static clef_status make_header(struct writer *writer, json_t *header)
{
    uint64_t offset = 0;
    CLEF_TRY(add_metadata(writer, header));
    for (int i = 0; i < writer->tensor_count; i++)
        CLEF_TRY(add_tensor(writer, header, &writer->tensors[i], &offset));
    return CLEF_OK;
}

// Finds the place where the header wants a checksum.
static void plan_checksum(struct writer *writer, const char *text)
{
    static const char wanted[] = SAFETENSORS_CHECKSUM "00000000\"";
    const char *found = strstr(text, wanted);
    if (found != NULL)
        writer->checksum_place =
            sizeof(uint64_t) + (size_t)(found - text) + strlen(SAFETENSORS_CHECKSUM);
}

// Spaces after the JSON text bring the tensors to a multiple of eight bytes.
static clef_status write_header(struct writer *writer, const json_t *header)
{
    char *text = clef_json_text(header, JSON_COMPACT);
    if (text == NULL)
        return clef_fail(CLEF_OUT_OF_MEMORY, "cannot write %s: out of memory", writer->path);
    size_t size = strlen(text);
    size_t padding = -size % SAFETENSORS_ALIGNMENT;
    clef_status status = CLEF_OK;
    if (size + padding > SAFETENSORS_MAX_HEADER)
        status = clef_fail(CLEF_INVALID_ARGUMENT,
                           "cannot write %s: its header would have %zu bytes, at most %zu are "
                           "possible",
                           writer->path, size + padding, SAFETENSORS_MAX_HEADER);
    uint64_t length = size + padding;
    plan_checksum(writer, text);
    if (status == CLEF_OK)
        status = put(writer, &length, sizeof length);
    if (status == CLEF_OK)
        status = put(writer, text, size);
    if (status == CLEF_OK)
        status = put(writer, "        ", padding);
    free(text);
    return status;
}

static clef_status write_tensors(struct writer *writer, clef_safetensors_source source, void *user)
{
    float *values = calloc(writer->largest > 0 ? writer->largest : 1, sizeof *values);
    if (values == NULL)
        return clef_fail(CLEF_OUT_OF_MEMORY, "cannot write %s: out of memory", writer->path);
    clef_status status = CLEF_OK;
    for (int i = 0; i < writer->tensor_count && status == CLEF_OK; i++) {
        size_t count = 1;
        for (int d = 0; d < writer->tensors[i].rank; d++)
            count *= (size_t)writer->tensors[i].dims[d];
        status = source(user, i, values);
        if (status == CLEF_OK)
            status = put(writer, values, count * sizeof *values);
    }
    free(values);
    return status;
}

static clef_status write_checksum(const struct writer *writer)
{
    char digits[SAFETENSORS_CHECKSUM_DIGITS + 1];
    if (writer->checksum_place == 0)
        return CLEF_OK;
    snprintf(digits, sizeof digits, "%08lx", writer->crc);
    return clef_atomic_file_overwrite(writer->file, writer->checksum_place, digits,
                                      SAFETENSORS_CHECKSUM_DIGITS);
}

clef_status clef_safetensors_write(const char *path, const struct clef_safetensors_tensor *tensors,
                                   int tensor_count, const struct clef_safetensors_string *metadata,
                                   int metadata_count, clef_safetensors_source source, void *user)
{
    struct writer writer = {.path = path,
                            .tensors = tensors,
                            .tensor_count = tensor_count,
                            .metadata = metadata,
                            .metadata_count = metadata_count};
    errno = 0;
    json_t *header = json_object();
    if (header == NULL)
        return clef_fail(CLEF_OUT_OF_MEMORY, "cannot write %s: out of memory", path);
    clef_status status = make_header(&writer, header);
    if (status == CLEF_OK)
        status = clef_atomic_file_create(path, &writer.file);
    if (status == CLEF_OK)
        status = write_header(&writer, header);
    if (status == CLEF_OK)
        status = write_tensors(&writer, source, user);
    if (status == CLEF_OK)
        status = write_checksum(&writer);
    json_decref(header);
    if (status != CLEF_OK) {
        clef_atomic_file_abort(writer.file);
        return status;
    }
    return clef_atomic_file_commit(writer.file);
}
