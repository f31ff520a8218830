// SPDX-License-Identifier: Apache-2.0
#include "clef/dataset.h"

#include "core/error.h"
#include "core/hash.h"
#include "data/dataset_internal.h"
#include "data/idx.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Labels are stored as bytes; a network may have more classes than occur.
#define MAX_CLASSES 65536

struct clef_dataset {
    struct clef_dataset_shape shape;
    const uint8_t *images; // [count][height][width][channels]
    const uint8_t *labels; // [count]
    size_t image_bytes;    // Of one image.
    uint8_t *owned_images; // NULL in a slice, which borrows from its source.
    uint8_t *owned_labels;
};

clef_status clef_dataset_take(uint8_t *images, uint8_t *labels, struct clef_dataset_shape shape,
                              struct clef_dataset **out)
{
    struct clef_dataset *dataset = malloc(sizeof *dataset);
    if (dataset == NULL) {
        free(images);
        free(labels);
        return clef_fail(CLEF_OUT_OF_MEMORY, "out of memory for a data set");
    }
    *dataset = (struct clef_dataset){
        .shape = shape,
        .images = images,
        .labels = labels,
        .image_bytes = (size_t)shape.height * (size_t)shape.width * (size_t)shape.channels,
        .owned_images = images,
        .owned_labels = labels,
    };
    *out = dataset;
    return CLEF_OK;
}

clef_status clef_dataset_check_classes(int classes)
{
    if (classes < 1 || classes > MAX_CLASSES)
        return clef_fail(CLEF_INVALID_ARGUMENT, "a data set may have 1 to %d classes, not %d",
                         MAX_CLASSES, classes);
    return CLEF_OK;
}

// @param where the file's name, or what else holds the labels.
static clef_status check_labels(const char *where, clef_status bad, const uint8_t *labels,
                                int count, int classes)
{
    for (int i = 0; i < count; i++)
        if (labels[i] >= classes)
            return clef_fail(bad, "%s: expected labels from 0 to %d, found label %d at index %d",
                             where, classes - 1, labels[i], i);
    return CLEF_OK;
}

// ---------------------------------------------------------------- files

static clef_status check_pair(const char *images_path, const struct clef_idx *images,
                              const char *labels_path, const struct clef_idx *labels, int classes)
{
    if (images->dims[0] != labels->dims[0])
        return clef_fail(CLEF_FORMAT, "%s has %d images but %s has %d labels: expected as many",
                         images_path, images->dims[0], labels_path, labels->dims[0]);
    if (images->size == 0)
        return clef_fail(CLEF_FORMAT,
                         "%s: expected at least one image of at least one pixel, found %d of %d x "
                         "%d pixels with %d channels",
                         images_path, images->dims[0], images->dims[1], images->dims[2],
                         images->dims[3]);
    return check_labels(labels_path, CLEF_FORMAT, labels->bytes, labels->dims[0], classes);
}

clef_status clef_dataset_load_idx(const char *images_path, const char *labels_path, int classes,
                                  struct clef_dataset **dataset)
{
    CLEF_TRY(clef_dataset_check_classes(classes));
    struct clef_idx images, labels;
    // The labels come first: they are small, and an error in them costs no large read.
    CLEF_TRY(clef_idx_read(labels_path, 1, &labels));
    clef_status status = clef_idx_read_images(images_path, &images);
    if (status == CLEF_OK)
        status = check_pair(images_path, &images, labels_path, &labels, classes);
    if (status != CLEF_OK) {
        clef_idx_free(&images);
        clef_idx_free(&labels);
        return status;
    }
    struct clef_dataset_shape shape = {.count = images.dims[0],
                                       .height = images.dims[1],
                                       .width = images.dims[2],
                                       .channels = images.dims[3],
                                       .classes = classes};
    return clef_dataset_take(images.bytes, labels.bytes, shape, dataset);
}

// Makes DIRECTORY/NAME, or DIRECTORY/NAME.gz if only that exists. Released with free.
static clef_status find_file(const char *directory, const char *name, char **found)
{
    size_t room = strlen(directory) + strlen(name) + sizeof "/.gz";
    char *path = malloc(room);
    if (path == NULL)
        return clef_fail(CLEF_OUT_OF_MEMORY, "out of memory for the name of %s", name);
    static const char *const endings[] = {"", ".gz"};
    int error = 0;
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        snprintf(path, room, "%s/%s%s", directory, name, endings[i]);
        if (access(path, F_OK) == 0) {
            *found = path;
            return CLEF_OK;
        }
        error = errno;
    }
    free(path);
    if (error != ENOENT)
        return clef_fail(CLEF_IO, "cannot look for %s in %s: %s", name, directory, strerror(error));
    return clef_fail(CLEF_NOT_FOUND,
                     "%s holds neither %s nor %s.gz: name a directory with MNIST's four IDX files, "
                     "such as data/mnist of Clef's source tree",
                     directory, name, name);
}

clef_status clef_dataset_load_mnist(const char *directory, enum clef_split split, int classes,
                                    struct clef_dataset **dataset)
{
    bool train = split == CLEF_SPLIT_TRAIN;
    char *images_path = NULL, *labels_path = NULL;
    clef_status status = find_file(
        directory, train ? "train-images-idx3-ubyte" : "t10k-images-idx3-ubyte", &images_path);
    if (status == CLEF_OK)
        status = find_file(directory, train ? "train-labels-idx1-ubyte" : "t10k-labels-idx1-ubyte",
                           &labels_path);
    if (status == CLEF_OK)
        status = clef_dataset_load_idx(images_path, labels_path, classes, dataset);
    free(images_path);
    free(labels_path);
    return status;
}

// ---------------------------------------------------------------- memory

clef_status clef_dataset_from_memory(const uint8_t *images, const uint8_t *labels, int count,
                                     int height, int width, int channels, int classes,
                                     struct clef_dataset **dataset)
{
    CLEF_TRY(clef_dataset_check_classes(classes));
    const int dims[] = {count, height, width, channels};
    size_t size = 1;
    for (int i = 0; i < 4; i++) {
        if (dims[i] < 1 || size > SIZE_MAX / (size_t)dims[i])
            return clef_fail(CLEF_INVALID_ARGUMENT,
                             "a data set of %d images of %d x %d pixels with %d channels is not "
                             "possible: each number must be at least 1 and the whole addressable",
                             count, height, width, channels);
        size *= (size_t)dims[i];
    }
    CLEF_TRY(check_labels("labels in memory", CLEF_INVALID_ARGUMENT, labels, count, classes));
    uint8_t *image_copy = malloc(size), *label_copy = malloc((size_t)count);
    if (image_copy == NULL || label_copy == NULL) {
        free(image_copy);
        free(label_copy);
        return clef_fail(CLEF_OUT_OF_MEMORY, "out of memory for %zu bytes of images", size);
    }
    memcpy(image_copy, images, size);
    memcpy(label_copy, labels, (size_t)count);
    struct clef_dataset_shape shape = {count, height, width, channels, classes};
    return clef_dataset_take(image_copy, label_copy, shape, dataset);
}

clef_status clef_dataset_slice(const struct clef_dataset *source, int first, int count,
                               struct clef_dataset **out)
{
    if (first < 0 || count < 1 || count > source->shape.count ||
        first > source->shape.count - count)
        return clef_fail(CLEF_INVALID_ARGUMENT,
                         "a slice of %d items from item %d on does not lie within the %d items of "
                         "the data set, or is empty",
                         count, first, source->shape.count);
    struct clef_dataset *slice = malloc(sizeof *slice);
    if (slice == NULL)
        return clef_fail(CLEF_OUT_OF_MEMORY, "out of memory for a slice of a data set");
    *slice = *source;
    slice->shape.count = count;
    slice->images += (size_t)first * source->image_bytes;
    slice->labels += first;
    slice->owned_images = NULL;
    slice->owned_labels = NULL;
    *out = slice;
    return CLEF_OK;
}

void clef_dataset_destroy(struct clef_dataset *dataset)
{
    if (dataset == NULL)
        return;
    free(dataset->owned_images);
    free(dataset->owned_labels);
    free(dataset);
}

struct clef_dataset_shape clef_dataset_get_shape(const struct clef_dataset *dataset)
{
    return dataset->shape;
}

struct clef_dataset_identity clef_dataset_identify(const struct clef_dataset *dataset)
{
    if (dataset == NULL)
        return (struct clef_dataset_identity){0};
    size_t count = (size_t)dataset->shape.count;
    struct clef_hash hash = clef_hash_begin();
    hash = clef_hash_add(hash, dataset->images, count * dataset->image_bytes);
    hash = clef_hash_add(hash, dataset->labels, count);
    return (struct clef_dataset_identity){dataset->shape, {hash.high, hash.low}};
}

const uint8_t *clef_dataset_image(const struct clef_dataset *dataset, int index)
{
    return dataset->images + (size_t)index * dataset->image_bytes;
}

int clef_dataset_label(const struct clef_dataset *dataset, int index)
{
    return dataset->labels[index];
}
