// SPDX-License-Identifier: Apache-2.0
// The pictures of a directory that has one folder for each class.
#ifndef CLEF_DATA_PICTURE_LIST_H
#define CLEF_DATA_PICTURE_LIST_H

#include "clef/status.h"

#include <stdint.h>

struct clef_picture_list {
    int count;
    char **paths;    // [count]
    uint8_t *labels; // [count]: the number of the class.
};

// Lists DIRECTORY/CLASS/*.png, *.jpg and *.jpeg, in upper or lower case; classes and files in the
// order of their bytes. Names that begin with a dot, and other files, are passed over. A directory
// without classes, a class without pictures and more than `classes` classes are errors. Released
// with clef_picture_list_free, on failure too.
clef_status clef_picture_list_make(const char *directory, int classes,
                                   struct clef_picture_list *list);

void clef_picture_list_free(struct clef_picture_list *list);

#endif
