// SPDX-License-Identifier: Apache-2.0
#include "support/picture_files.h"

#include "support/temp_directory.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

void copy_picture(const char *picture, const char *directory, const char *folder, const char *name)
{
    char from[512], to[512];
    size_t size;
    snprintf(from, sizeof from, "%s/pictures/%s", CLEF_TEST_DATA, picture);
    char *bytes = read_file(from, &size);
    mkdir(directory, 0777);
    snprintf(to, sizeof to, "%s/%s", directory, folder);
    mkdir(to, 0777);
    snprintf(to, sizeof to, "%s/%s/%s", directory, folder, name);
    write_file(to, bytes, size);
    free(bytes);
}

void write_two_classes(const char *directory, int count)
{
    static const char *const bright[] = {"rgb.png", "rgb.jpg", "interlaced.png", "progressive.jpg"};
    static const char *const grey[] = {"grey.png", "grey.jpg", "sixteen-bits.png", "one-bit.png"};
    for (int i = 0; i < count; i++) {
        char name[32];
        snprintf(name, sizeof name, "%03d.png", i); // The bytes tell the format, not the name.
        copy_picture(bright[i % 4], directory, "bright", name);
        copy_picture(grey[i % 4], directory, "grey", name);
    }
}
