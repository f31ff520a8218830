// SPDX-License-Identifier: Apache-2.0
#include "io/hdf5.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

bool clef_hdf5_is(const char *path)
{
    static const char signature[8] = "\x89HDF\r\n\x1a\n";
    char bytes[sizeof signature];
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    bool same = pread(file, bytes, sizeof bytes, 0) == (ssize_t)sizeof bytes &&
                memcmp(bytes, signature, sizeof bytes) == 0;
    close(file);
    return same;
}
