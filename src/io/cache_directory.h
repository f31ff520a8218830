// SPDX-License-Identifier: Apache-2.0
// Where a program keeps what it could make again.
#ifndef CLEF_IO_CACHE_DIRECTORY_H
#define CLEF_IO_CACHE_DIRECTORY_H

#include <stdbool.h>
#include <stddef.h>

// Puts the path of clef/NAME below $XDG_CACHE_HOME, or below ~/.cache, into `path`; false if
// neither is known or the path is too long. The directory need not exist.
bool clef_cache_directory(const char *name, char *path, size_t size);

// Makes a directory and those above it that are missing; false with errno set if that is not
// possible.
bool clef_make_directories(const char *path);

#endif
