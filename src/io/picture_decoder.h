// SPDX-License-Identifier: Apache-2.0
// What reads each format for picture.c.
#ifndef CLEF_IO_PICTURE_DECODER_H
#define CLEF_IO_PICTURE_DECODER_H

#include "io/picture.h"

#include <stdbool.h>
#include <stddef.h>

// A whole file in memory.
struct clef_picture_file {
    const char *path;
    const uint8_t *bytes;
    size_t size;
};

clef_status clef_picture_decode_png(const struct clef_picture_file *file,
                                    struct clef_picture *picture);
clef_status clef_picture_decode_jpeg(const struct clef_picture_file *file,
                                     struct clef_picture *picture);

// Makes room for a picture, unless it has too many pixels. `possible` says whether a file of this
// size can hold so many: if not, that is the fault.
clef_status clef_picture_allocate(const struct clef_picture_file *file, size_t height, size_t width,
                                  bool possible, struct clef_picture *picture);

#endif
