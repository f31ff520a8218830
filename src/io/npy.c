// SPDX-License-Identifier: Apache-2.0
#include "io/npy.h"

#include "core/error.h"
#include "io/atomic_file.h"

#include <stdio.h>
#include <string.h>

// The magic, the version and the length of the header, which ends with a line break, together are
// a multiple of 64 bytes.
enum { HEADER = 128, PREFIX = 10 };

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "\"<f4\" is written as it lies in memory");

clef_status clef_npy_save(const char *path, const float *values, size_t rows, size_t columns)
{
    char header[HEADER] = "\x93NUMPY\x01";
    header[PREFIX - 2] = HEADER - PREFIX;
    int length =
        snprintf(header + PREFIX, HEADER - PREFIX,
                 "{'descr': '<f4', 'fortran_order': False, 'shape': (%zu, %zu), }", rows, columns);
    memset(header + PREFIX + length, ' ', (size_t)(HEADER - PREFIX - length));
    header[HEADER - 1] = '\n';
    struct clef_atomic_file *file;
    CLEF_TRY(clef_atomic_file_create(path, &file));
    clef_status status = clef_atomic_file_write(file, header, HEADER);
    if (status == CLEF_OK)
        status = clef_atomic_file_write(file, values, rows * columns * sizeof *values);
    if (status != CLEF_OK) {
        clef_atomic_file_abort(file);
        return status;
    }
    return clef_atomic_file_commit(file);
}
