// SPDX-License-Identifier: Apache-2.0
#include "core/error.h"
#include "io/json_build.h"
#include "io/safetensors_file.h"
#include "io/safetensors_format.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

clef_status clef_safetensors_read_at(const struct clef_safetensors *file, void *bytes, size_t size,
                                     uint64_t place)
{
    char *next = bytes;
    while (size > 0) {
        ssize_t got = pread(file->fd, next, size, (off_t)place);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return clef_fail(CLEF_IO, "cannot read %s: %s", file->path, strerror(errno));
        if (got == 0)
            return clef_fail(CLEF_FORMAT,
                             "%s: expected %zu more bytes at %" PRIu64
                             ", found the end of the file",
                             file->path, size, place);
        next += got;
        size -= (size_t)got;
        place += (size_t)got;
    }
    return CLEF_OK;
}

// ---------------------------------------------------------------- header

static clef_status parse_header(struct clef_safetensors *file, const char *text, size_t size)
{
    // The text is padded with spaces, or by some writers not at all; both are valid JSON.
    json_error_t error;
    file->header = clef_json_parse(text, size, &error);
    if (file->header == NULL && errno == ENOMEM)
        return clef_fail(CLEF_OUT_OF_MEMORY, "cannot read %s: out of memory", file->path);
    if (file->header == NULL)
        return clef_fail(CLEF_FORMAT, "%s: the header is not valid JSON: %s (byte %d)", file->path,
                         error.text, error.position);
    if (!json_is_object(file->header))
        return clef_fail(CLEF_FORMAT, "%s: the header is not a JSON object", file->path);
    return CLEF_OK;
}

static clef_status load_header(struct clef_safetensors *file)
{
    struct stat information;
    if (fstat(file->fd, &information) != 0)
        return clef_fail(CLEF_IO, "cannot read %s: %s", file->path, strerror(errno));
    if (!S_ISREG(information.st_mode))
        return clef_fail(CLEF_IO, "cannot read %s: it is not a regular file", file->path);
    uint64_t size = (uint64_t)information.st_size, length;
    if (size < sizeof length)
        return clef_fail(CLEF_FORMAT,
                         "%s: expected a safetensors file of at least 8 bytes, found %" PRIu64,
                         file->path, size);
    CLEF_TRY(clef_safetensors_read_at(file, &length, sizeof length, 0));
    if (length > SAFETENSORS_MAX_HEADER)
        return clef_fail(CLEF_FORMAT,
                         "%s: expected a safetensors header of at most %zu bytes, found %" PRIu64,
                         file->path, SAFETENSORS_MAX_HEADER, length);
    if (length > size - sizeof length)
        return clef_fail(CLEF_FORMAT,
                         "%s: expected a header of %" PRIu64 " bytes, found only %" PRIu64
                         " bytes in the file: it is cut off",
                         file->path, length, size - (uint64_t)sizeof length);
    file->data_start = sizeof length + length;
    file->data_size = size - file->data_start;
    char *text = malloc(length > 0 ? (size_t)length : 1);
    if (text == NULL)
        return clef_fail(CLEF_OUT_OF_MEMORY, "cannot read %s: out of memory", file->path);
    clef_status status = clef_safetensors_read_at(file, text, (size_t)length, sizeof length);
    if (status == CLEF_OK)
        status = parse_header(file, text, (size_t)length);
    free(text);
    return status;
}

static clef_status check_metadata(const struct clef_safetensors *file, json_t *metadata)
{
    if (!json_is_object(metadata))
        return clef_fail(CLEF_FORMAT, "%s: " SAFETENSORS_METADATA " is not a JSON object",
                         file->path);
    const char *key;
    json_t *value;
    json_object_foreach(metadata, key, value)
    {
        if (!json_is_string(value))
            return clef_fail(CLEF_FORMAT, "%s: the metadata \"%s\" is not a string", file->path,
                             key);
    }
    return CLEF_OK;
}

// ---------------------------------------------------------------- tensors

static clef_status parse_shape(const char *path, const json_t *shape,
                               struct clef_safetensors_tensor *tensor)
{
    if (!json_is_array(shape))
        return clef_fail(CLEF_FORMAT, "%s: tensor %s has no \"shape\" array", path, tensor->name);
    size_t rank = json_array_size(shape);
    if (rank > CLEF_SAFETENSORS_MAX_RANK)
        return clef_fail(CLEF_UNSUPPORTED,
                         "%s: tensor %s has %zu dimensions, at most %d can be "
                         "read",
                         path, tensor->name, rank, CLEF_SAFETENSORS_MAX_RANK);
    tensor->rank = (int)rank;
    tensor->count = 1;
    for (size_t i = 0; i < rank; i++) {
        const json_t *extent = json_array_get(shape, i);
        json_int_t value = json_integer_value(extent);
        if (!json_is_integer(extent) || value < 0 || value > INT_MAX)
            return clef_fail(CLEF_FORMAT,
                             "%s: extent %zu of tensor %s is not a whole number from 0 to %d", path,
                             i, tensor->name, INT_MAX);
        if (!safetensors_multiply(&tensor->count, (size_t)value))
            return clef_fail(CLEF_FORMAT, "%s: the shape of tensor %s is too large", path,
                             tensor->name);
        tensor->dims[i] = (int)value;
    }
    return CLEF_OK;
}

static clef_status parse_offsets(const struct clef_safetensors *file, const json_t *offsets,
                                 struct clef_safetensors_entry *entry)
{
    const json_t *begin = json_array_get(offsets, 0), *end = json_array_get(offsets, 1);
    if (json_array_size(offsets) != 2 || !json_is_integer(begin) || !json_is_integer(end) ||
        json_integer_value(begin) < 0 || json_integer_value(end) < json_integer_value(begin))
        return clef_fail(CLEF_FORMAT,
                         "%s: \"data_offsets\" of tensor %s are not two ascending whole numbers",
                         file->path, entry->tensor.name);
    entry->begin = (uint64_t)json_integer_value(begin);
    entry->end = (uint64_t)json_integer_value(end);
    if (entry->end > file->data_size)
        return clef_fail(CLEF_FORMAT,
                         "%s: tensor %s ends at byte %" PRIu64 " of the data, but the file holds "
                         "only %" PRIu64 ": it is cut off or damaged",
                         file->path, entry->tensor.name, entry->end, file->data_size);
    uint64_t size = (uint64_t)entry->tensor.count * entry->element;
    if (entry->end - entry->begin != size)
        return clef_fail(CLEF_FORMAT,
                         "%s: the shape of tensor %s needs %" PRIu64
                         " bytes, but its \"data_offsets\" span %" PRIu64,
                         file->path, entry->tensor.name, size, entry->end - entry->begin);
    return CLEF_OK;
}

// Bytes of an element, or 0 if the type is not known. A file may hold tensors that nobody reads,
// such as PyTorch's counters of batches, which are I64.
static size_t element_size(const char *type)
{
    static const struct {
        const char *type;
        size_t size;
    } rows[] = {{SAFETENSORS_FLOAT32, 4},
                {"F64", 8},
                {"F16", 2},
                {"BF16", 2},
                {"I64", 8},
                {"I32", 4},
                {"I16", 2},
                {"I8", 1},
                {"U64", 8},
                {"U32", 4},
                {"U16", 2},
                {"U8", 1},
                {"BOOL", 1},
                {"F8_E4M3", 1},
                {"F8_E5M2", 1}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].type, type) == 0)
            return rows[i].size;
    return 0;
}

static clef_status parse_tensor(const struct clef_safetensors *file, const char *name,
                                const json_t *description, struct clef_safetensors_entry *entry)
{
    entry->tensor.name = name;
    const json_t *dtype = json_object_get(description, "dtype");
    if (!json_is_string(dtype))
        return clef_fail(CLEF_FORMAT, "%s: tensor %s has no \"dtype\" string", file->path, name);
    entry->type = json_string_value(dtype);
    entry->element = element_size(entry->type);
    if (entry->element == 0)
        return clef_fail(CLEF_UNSUPPORTED, "%s: tensor %s has the type %s, which is not known",
                         file->path, name, entry->type);
    CLEF_TRY(parse_shape(file->path, json_object_get(description, "shape"), &entry->tensor));
    return parse_offsets(file, json_object_get(description, "data_offsets"), entry);
}

static int compare_bytes(const void *left, const void *right)
{
    const struct clef_safetensors_entry *a = left, *b = right;
    if (a->begin != b->begin)
        return a->begin < b->begin ? -1 : 1;
    if (a->end != b->end)
        return a->end < b->end ? -1 : 1;
    return strcmp(a->tensor.name, b->tensor.name);
}

static int compare_names(const void *left, const void *right)
{
    const struct clef_safetensors_entry *const *a = left, *const *b = right;
    return strcmp((*a)->tensor.name, (*b)->tensor.name);
}

static int compare_with_name(const void *name, const void *right)
{
    const struct clef_safetensors_entry *const *entry = right;
    return strcmp(name, (*entry)->tensor.name);
}

static void sort_entries(struct clef_safetensors *file)
{
    qsort(file->entries, (size_t)file->count, sizeof *file->entries, compare_bytes);
    for (int i = 0; i < file->count; i++)
        file->by_name[i] = &file->entries[i];
    qsort(file->by_name, (size_t)file->count, sizeof *file->by_name, compare_names);
}

// The format leaves no byte of the data unused and none used twice.
static clef_status check_coverage(const struct clef_safetensors *file)
{
    uint64_t covered = 0;
    for (int i = 0; i < file->count; i++) {
        const struct clef_safetensors_entry *entry = &file->entries[i];
        if (entry->begin < covered)
            return clef_fail(CLEF_FORMAT, "%s: the bytes of tensors %s and %s overlap", file->path,
                             file->entries[i - 1].tensor.name, entry->tensor.name);
        if (entry->begin > covered)
            return clef_fail(CLEF_FORMAT,
                             "%s: bytes %" PRIu64 " to %" PRIu64 " of the data, before tensor %s, "
                             "belong to no tensor",
                             file->path, covered, entry->begin, entry->tensor.name);
        covered = entry->end;
    }
    if (covered != file->data_size)
        return clef_fail(CLEF_FORMAT,
                         "%s: expected %" PRIu64 " bytes of data, found %" PRIu64
                         ": the last ones belong to no tensor",
                         file->path, covered, file->data_size);
    return CLEF_OK;
}

static clef_status parse_tensors(struct clef_safetensors *file)
{
    size_t most = json_object_size(file->header) + 1;
    file->entries = calloc(most, sizeof *file->entries);
    file->by_name = calloc(most, sizeof *file->by_name);
    if (file->entries == NULL || file->by_name == NULL)
        return clef_fail(CLEF_OUT_OF_MEMORY, "cannot read %s: out of memory", file->path);
    const char *name;
    json_t *value;
    json_object_foreach(file->header, name, value)
    {
        if (strcmp(name, SAFETENSORS_METADATA) == 0)
            CLEF_TRY(check_metadata(file, value));
        else
            CLEF_TRY(parse_tensor(file, name, value, &file->entries[file->count++]));
    }
    sort_entries(file);
    return check_coverage(file);
}

// ---------------------------------------------------------------- interface

clef_status clef_safetensors_open_descriptor(int descriptor, const char *path,
                                             struct clef_safetensors **out)
{
    struct clef_safetensors *file = calloc(1, sizeof *file);
    if (file == NULL || (file->path = strdup(path)) == NULL) {
        free(file);
        close(descriptor);
        return clef_fail(CLEF_OUT_OF_MEMORY, "cannot read %s: out of memory", path);
    }
    file->fd = descriptor;
    clef_status status = load_header(file);
    if (status == CLEF_OK)
        status = parse_tensors(file);
    if (status != CLEF_OK) {
        clef_safetensors_close(file);
        return status;
    }
    *out = file;
    return CLEF_OK;
}

clef_status clef_safetensors_open(const char *path, struct clef_safetensors **out)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return clef_fail(errno == ENOENT ? CLEF_NOT_FOUND : CLEF_IO, "cannot open %s: %s", path,
                         strerror(errno));
    return clef_safetensors_open_descriptor(descriptor, path, out);
}

void clef_safetensors_close(struct clef_safetensors *file)
{
    if (file == NULL)
        return;
    close(file->fd);
    json_decref(file->header);
    free(file->entries);
    free(file->by_name);
    free(file->path);
    free(file);
}

int clef_safetensors_count(const struct clef_safetensors *file)
{
    return file->count;
}

struct clef_safetensors_tensor clef_safetensors_get(const struct clef_safetensors *file, int index)
{
    return file->entries[index].tensor;
}

int clef_safetensors_find(const struct clef_safetensors *file, const char *name)
{
    const struct clef_safetensors_entry *const *found =
        bsearch(name, file->by_name, (size_t)file->count, sizeof *file->by_name, compare_with_name);
    return found != NULL ? (int)(*found - file->entries) : -1;
}

clef_status clef_safetensors_read(const struct clef_safetensors *file, int index, float *values,
                                  size_t count)
{
    if (index < 0 || index >= file->count)
        return clef_fail(CLEF_INVALID_ARGUMENT, "%s: there is no tensor number %d, only %d tensors",
                         file->path, index, file->count);
    const struct clef_safetensors_entry *entry = &file->entries[index];
    if (strcmp(entry->type, SAFETENSORS_FLOAT32) != 0)
        return clef_fail(CLEF_UNSUPPORTED,
                         "%s: tensor %s has the type %s, only " SAFETENSORS_FLOAT32 " can be read",
                         file->path, entry->tensor.name, entry->type);
    if (count != entry->tensor.count)
        return clef_fail(CLEF_INVALID_ARGUMENT, "%s: tensor %s has %zu elements, not %zu",
                         file->path, entry->tensor.name, entry->tensor.count, count);
    return clef_safetensors_read_at(file, values, count * sizeof *values,
                                    file->data_start + entry->begin);
}

const char *clef_safetensors_metadata(const struct clef_safetensors *file, const char *key)
{
    return json_string_value(
        json_object_get(json_object_get(file->header, SAFETENSORS_METADATA), key));
}
