// SPDX-License-Identifier: Apache-2.0
// Safetensors files, with all values and what can be asked by name.
#include "fuzz.h"

#include "io/safetensors.h"

#include <stdlib.h>

static void read_values(const struct clef_safetensors *file, int index)
{
    struct clef_safetensors_tensor tensor = clef_safetensors_get(file, index);
    float *values = malloc(tensor.count > 0 ? tensor.count * sizeof *values : 1);
    if (!values)
        fuzz_fail("no memory for tensor %s", tensor.name);
    clef_status status = clef_safetensors_read(file, index, values, tensor.count);
    if (status != CLEF_OK && status != CLEF_UNSUPPORTED)
        fuzz_fail("tensor %s was announced and cannot be read", tensor.name);
    free(values);
    if (clef_safetensors_find(file, tensor.name) != index)
        fuzz_fail("tensor %s is not found by its name", tensor.name);
}

static void read_input(const char *path, const uint8_t *bytes, size_t size)
{
    (void)bytes;
    (void)size;
    struct clef_safetensors *file;
    if (clef_safetensors_open(path, &file) != CLEF_OK)
        return;
    for (int i = 0; i < clef_safetensors_count(file); i++)
        read_values(file, i);
    clef_safetensors_metadata(file, "format");
    clef_safetensors_close(file);
}

static size_t bound(const uint8_t *bytes, size_t size)
{
    (void)bytes;
    return 100 * size + (64 << 10);
}

const struct fuzz_target fuzz_target = {.read = read_input, .bound = bound};
