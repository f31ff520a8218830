// SPDX-License-Identifier: Apache-2.0
// In place of picture.c and its decoders in a build without libpng and libjpeg.
#include "core/error.h"
#include "io/picture.h"

clef_status clef_picture_read(const char *path, struct clef_picture *picture)
{
    *picture = (struct clef_picture){0};
    return clef_fail(CLEF_UNSUPPORTED,
                     "cannot read %s: this Clef was built without PNG and JPEG; configure with "
                     "-DCLEF_PICTURES=ON, or use IDX files",
                     path);
}

void clef_picture_free(struct clef_picture *picture)
{
    (void)picture;
}
