// SPDX-License-Identifier: Apache-2.0
#include "support/small_mnist.h"

#include "support/temp_directory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static const char *const image_names[] = {"train-images-idx3-ubyte", "t10k-images-idx3-ubyte"};
static const char *const label_names[] = {"train-labels-idx1-ubyte", "t10k-labels-idx1-ubyte"};

void write_idx(const char *path, int rank, const int *dims, const uint8_t *bytes)
{
    size_t size = 1, header = 4 + 4 * (size_t)rank;
    for (int i = 0; i < rank; i++)
        size *= (size_t)dims[i];
    uint8_t *file = calloc(header + size, 1);
    assert_non_null(file);
    file[2] = 8;
    file[3] = (uint8_t)rank;
    for (int i = 0; i < rank; i++) {
        for (int k = 0; k < 4; k++)
            file[4 + 4 * i + k] = (uint8_t)((uint32_t)dims[i] >> (24 - 8 * k));
    }
    memcpy(file + header, bytes, size);
    write_file(path, file, header + size);
    free(file);
}

static void write_pair(const char *directory, int split, int count, const uint8_t *images,
                       const uint8_t *labels)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", directory, image_names[split]);
    write_idx(path, 3, (const int[]){count, 28, 28}, images);
    snprintf(path, sizeof path, "%s/%s", directory, label_names[split]);
    write_idx(path, 1, &count, labels);
}

void write_small_mnist(const char *source, const char *directory, int training_images,
                       int test_images)
{
    const int counts[] = {training_images, test_images};
    assert_int_equal(0, mkdir(directory, 0777));
    for (int split = 0; split < 2; split++) {
        struct clef_dataset *dataset;
        check_ok(clef_dataset_load_mnist(source, (enum clef_split)split, 10, &dataset));
        uint8_t *labels = malloc((size_t)counts[split]);
        assert_non_null(labels);
        for (int i = 0; i < counts[split]; i++)
            labels[i] = (uint8_t)clef_dataset_label(dataset, i);
        // The images of a data set lie one after the other.
        write_pair(directory, split, counts[split], clef_dataset_image(dataset, 0), labels);
        free(labels);
        clef_dataset_destroy(dataset);
    }
}

void write_tiny_data(const char *directory)
{
    enum { COUNT = 10 };
    static uint8_t images[COUNT * 28 * 28];
    uint8_t labels[COUNT];
    uint32_t random = 1;
    assert_int_equal(0, mkdir(directory, 0777));
    for (size_t i = 0; i < sizeof images; i++) {
        random = random * 1664525u + 1013904223u;
        images[i] = (uint8_t)(random >> 24);
    }
    for (int i = 0; i < COUNT; i++)
        labels[i] = (uint8_t)i;
    for (int split = 0; split < 2; split++)
        write_pair(directory, split, COUNT, images, labels);
}
