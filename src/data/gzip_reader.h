// SPDX-License-Identifier: Apache-2.0
// Reads a file that may or may not be gzipped. Unlike zlib's gzread, it takes bytes after the end
// of a gzip stream for the damage that they are.
#ifndef CLEF_DATA_GZIP_READER_H
#define CLEF_DATA_GZIP_READER_H

#include "clef/status.h"

#include <stddef.h>

struct gzip_reader;

// `path` must stay valid until the reader is closed.
clef_status gzip_reader_open(const char *path, struct gzip_reader **reader);

// Reads up to `size` bytes; fewer mean that the data end there. A gzip stream that is cut off,
// damaged, or followed by something else is CLEF_FORMAT. Its check sum is examined when a read
// asks for more than the data hold.
clef_status gzip_reader_read(struct gzip_reader *reader, void *bytes, size_t size, size_t *done);

// NULL is accepted.
void gzip_reader_close(struct gzip_reader *reader);

#endif
