// SPDX-License-Identifier: Apache-2.0
// A network is described, measured, filled with its values, and written.
#include "clef/onnx.h"

#include "core/error.h"
#include "io/atomic_file.h"
#include "onnx/onnx_records.h"

#include <stdlib.h>

// A message of protocol buffers has at most this many bytes.
#define MAX_BYTES INT32_MAX

// The library's own buffers, which grow as it writes to them, do not tell when memory runs out; so
// the message is packed at once.
static clef_status write_file(const struct onnx_file *file, size_t size, const char *path)
{
    uint8_t *bytes = malloc(size);
    if (!bytes)
        return clef_fail(CLEF_OUT_OF_MEMORY, "no memory for the file's %zu bytes", size);
    onnx__model_proto__pack(&file->message, bytes);
    clef_status status = clef_atomic_file_save(path, bytes, size);
    free(bytes);
    return status;
}

static clef_status save(struct onnx_file *file, const char *path)
{
    CLEF_TRY(onnx_add_layers(file));
    // Sizes are known before the values.
    size_t size = onnx__model_proto__get_packed_size(&file->message);
    if (size > MAX_BYTES)
        return clef_fail(CLEF_UNSUPPORTED,
                         "cannot write %s: the network takes %zu bytes, and ONNX files have at "
                         "most %d; a safetensors file has no such limit",
                         path, size, MAX_BYTES);
    CLEF_TRY(onnx_read_values(file));
    return write_file(file, size, path);
}

clef_status clef_onnx_save(struct clef_model *model, const char *path)
{
    if (!model || !path)
        return clef_fail(CLEF_INVALID_ARGUMENT, "an ONNX file needs a model and a path");
    struct onnx_file file;
    clef_status status = onnx_file_open(&file, model);
    if (status == CLEF_OK)
        status = save(&file, path);
    onnx_file_release(&file);
    return status;
}
