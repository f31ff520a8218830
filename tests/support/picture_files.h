// SPDX-License-Identifier: Apache-2.0
// Directories of pictures, from those of tests/data/pictures.
#ifndef CLEF_TESTS_PICTURE_FILES_H
#define CLEF_TESTS_PICTURE_FILES_H

// Copies a picture to DIRECTORY/FOLDER/NAME, and makes both folders unless they are there.
void copy_picture(const char *picture, const char *directory, const char *folder, const char *name);

// Two classes of `count` pictures each, which a network can tell apart: DIRECTORY/bright and
// DIRECTORY/grey.
void write_two_classes(const char *directory, int count);

#endif
