// SPDX-License-Identifier: Apache-2.0
// Keras's .weights.h5. The HDF5 library reads in a child process, where it may break down: what is
// tried is that this one goes on, whatever becomes of the child.
#include "fuzz.h"
#include "fuzz_child.h"

#include "clef/status.h"
#include "io/hdf5.h"

#include <stdlib.h>

static void read_values(const struct clef_safetensors *file, int index)
{
    size_t count = clef_safetensors_get(file, index).count;
    float *values = malloc(count > 0 ? count * sizeof *values : 1);
    if (!values || clef_safetensors_read(file, index, values, count) != CLEF_OK)
        fuzz_fail("what the child wrote cannot be read: %s", clef_last_error());
    free(values);
}

static void read_input(const char *path, const uint8_t *bytes, size_t size)
{
    (void)bytes;
    (void)size;
    struct clef_safetensors *file;
    if (!clef_hdf5_is(path) || clef_hdf5_open(path, "layers", &file) != CLEF_OK)
        return;
    for (int i = 0; i < clef_safetensors_count(file); i++)
        read_values(file, i);
    clef_safetensors_close(file);
}

// The library is opened once and stays.
static void prepare(void)
{
    fuzz_watch_children();
    struct clef_safetensors *file;
    if (clef_hdf5_open("/dev/null", "layers", &file) == CLEF_OK)
        fuzz_fail("nothing was taken for an HDF5 file");
}

// Of this process. The constant is for the names of as many datasets as the child takes, of which a
// small file can have many by links to the same few.
static size_t bound(const uint8_t *bytes, size_t size)
{
    (void)bytes;
    return 100 * size + (8 << 20);
}

const struct fuzz_target fuzz_target = {.prepare = prepare, .read = read_input, .bound = bound};
