// SPDX-License-Identifier: Apache-2.0
// Pictures in PNG or JPEG files.
#ifndef CLEF_IO_PICTURE_H
#define CLEF_IO_PICTURE_H

#include "clef/status.h"

#include <stdint.h>

// More pixels than this are refused, as those of a file that is small but would become gigabytes.
#define CLEF_PICTURE_MAX_PIXELS ((size_t)1 << 26)
// A file is read as a whole, and may be as large as this.
#define CLEF_PICTURE_MAX_BYTES ((size_t)1 << 28)

struct clef_picture {
    int height, width;
    uint8_t *pixels; // [height][width][3], red, green and blue.
};

// Reads a PNG or JPEG file, which its first bytes tell apart, whatever its name. Any kind of pixel
// becomes 8 bits each of red, green and blue: grey is repeated, of 16 bits the upper 8 are taken,
// opacity is left out, and the inks of CMYK cover white. Profiles and gamma are not looked at. A
// file that is cut off or damaged is an error. Released with clef_picture_free.
clef_status clef_picture_read(const char *path, struct clef_picture *picture);

void clef_picture_free(struct clef_picture *picture);

#endif
