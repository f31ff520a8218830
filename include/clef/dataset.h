// SPDX-License-Identifier: Apache-2.0
/// @file dataset.h
/// Labelled 8-bit images in host memory.
#ifndef CLEF_DATASET_H
#define CLEF_DATASET_H

#include "clef/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct clef_dataset;

enum clef_split { CLEF_SPLIT_TRAIN, CLEF_SPLIT_TEST };

/// Reads a pair of IDX files, plain or gzipped, of type 0x08: images of 3 dimensions,
/// [count][height] [width], or of 4, with [channels] last; labels of 1 dimension. `classes` is 1 ..
/// 65536; labels are bytes, so that only the first 256 classes can occur. Both must hold the same
/// number of items, each label below `classes`, and nothing may be missing or left over.
/// @param[out] dataset released with `clef_dataset_destroy`.
clef_status clef_dataset_load_idx(const char *images_path, const char *labels_path, int classes,
                                  struct clef_dataset **dataset);

/// Reads MNIST's training set (60,000) or test set (10,000) from a directory that holds its four
/// IDX files under their original names, with or without ".gz". Any data set with these names will
/// do.
clef_status clef_dataset_load_mnist(const char *directory, enum clef_split split, int classes,
                                    struct clef_dataset **dataset);

/// Reads the pictures of a directory that has one folder for each class, as torchvision's
/// ImageFolder and Keras's image_dataset_from_directory do: DIRECTORY/CLASS/NAME, where the classes
/// are numbered in the order of their names, and NAME ends with .png, .jpg or .jpeg. Each picture
/// becomes an image of `height` x `width` pixels, 1 .. 32768 each, with 3 channels: it is scaled,
/// bilinear with antialiasing, so that it just covers them, and the middle is taken. Several
/// threads decode.
/// @param classes at least as many as there are folders
/// @param mixed false: in the order of the classes and, within one, of the names of the files.
/// True: in an order that mixes the classes, for a data set of which a part is taken; always the
/// same one.
/// @return CLEF_NOT_FOUND without a folder, or if one has no picture; CLEF_FORMAT with the name of
/// a picture that is damaged; CLEF_UNSUPPORTED in a build without libpng and libjpeg
clef_status clef_dataset_load_folder(const char *directory, int height, int width, int classes,
                                     bool mixed, struct clef_dataset **dataset);

/// Reads whichever of these a directory holds: pictures, of DIRECTORY/train for training and of
/// DIRECTORY/test, val or validation for the test, if there is a folder "train"; else what
/// `clef_dataset_load_mnist` reads, whose images keep their size and order.
/// @param height, width, mixed of pictures
clef_status clef_dataset_load(const char *directory, enum clef_split split, int height, int width,
                              int classes, bool mixed, struct clef_dataset **dataset);

/// Makes a data set from memory; the bytes are copied.
/// @param images [count][height][width][channels] @param labels [count], each below `classes`
clef_status clef_dataset_from_memory(const uint8_t *images, const uint8_t *labels, int count,
                                     int height, int width, int channels, int classes,
                                     struct clef_dataset **dataset);

/// Makes a view of items first .. first+count-1. It shares the images; destroy it before its
/// source.
clef_status clef_dataset_slice(const struct clef_dataset *source, int first, int count,
                               struct clef_dataset **slice);

/// NULL is accepted.
void clef_dataset_destroy(struct clef_dataset *dataset);

struct clef_dataset_shape {
    int count;                   ///< Of the images.
    int height, width, channels; ///< Of each image.
    int classes;                 ///< Each label is below it.
};

/// @return the sizes that the data set was made with; of a slice, `count` is its own.
struct clef_dataset_shape clef_dataset_get_shape(const struct clef_dataset *dataset);

/// What tells one data set from another: its sizes, and a hash of its images and labels in their
/// order. Two data sets of the same identity give the same training.
struct clef_dataset_identity {
    struct clef_dataset_shape shape;
    uint64_t digest[2];
};

/// Reads the whole data set, about 100 ms for MNIST. @param dataset NULL gives zeros.
struct clef_dataset_identity clef_dataset_identify(const struct clef_dataset *dataset);

/// @return the pixels of item `index`, [height][width][channels]. `index` must be below the count.
const uint8_t *clef_dataset_image(const struct clef_dataset *dataset, int index);

/// @return the label of item `index`, which must be below the count.
int clef_dataset_label(const struct clef_dataset *dataset, int index);

#ifdef __cplusplus
}
#endif
#endif
