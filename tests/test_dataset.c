// SPDX-License-Identifier: Apache-2.0
#include "clef/dataset.h"
#include "support/temp_directory.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

// 3 images of 1 x 2 pixels and their labels.
static const uint8_t images[] = {0, 0, 8, 3, 0, 0,  0,  3,  0,  0,  0,
                                 1, 0, 0, 0, 2, 11, 12, 21, 22, 31, 32};
static const uint8_t labels[] = {0, 0, 8, 1, 0, 0, 0, 3, 2, 0, 1};

static void check_content(const struct clef_dataset *dataset)
{
    struct clef_dataset_shape shape = clef_dataset_get_shape(dataset);
    assert_int_equal(3, shape.count);
    assert_int_equal(1, shape.height);
    assert_int_equal(2, shape.width);
    assert_int_equal(1, shape.channels);
    assert_int_equal(3, shape.classes);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(10 * (i + 1) + 1, clef_dataset_image(dataset, i)[0]);
        assert_int_equal(10 * (i + 1) + 2, clef_dataset_image(dataset, i)[1]);
    }
    assert_int_equal(2, clef_dataset_label(dataset, 0));
    assert_int_equal(0, clef_dataset_label(dataset, 1));
    assert_int_equal(1, clef_dataset_label(dataset, 2));
}

static void test_load_idx(void **state)
{
    const char *images_path = temp_path(state, "i"), *labels_path = temp_path(state, "l.gz");
    write_file(images_path, images, sizeof images);
    write_gzip_file(labels_path, labels, sizeof labels);
    struct clef_dataset *dataset;
    check_ok(clef_dataset_load_idx(images_path, labels_path, 3, &dataset));
    check_content(dataset);
    clef_dataset_destroy(dataset);
}

// Loads the pair and expects it to be refused with the name of one of the files.
static void check_refused(void **state, const void *image_bytes, size_t images_size,
                          const void *label_bytes, size_t labels_size, int classes,
                          const char *blamed, const char *reason)
{
    const char *images_path = temp_path(state, "i"), *labels_path = temp_path(state, "l");
    write_file(images_path, image_bytes, images_size);
    write_file(labels_path, label_bytes, labels_size);
    struct clef_dataset *dataset = NULL;
    clef_status status = clef_dataset_load_idx(images_path, labels_path, classes, &dataset);
    check_failure(status, CLEF_FORMAT, temp_path(state, blamed), reason);
    assert_null(dataset);
}

static void test_refuses_bad_pairs(void **state)
{
    static const uint8_t two_labels[] = {0, 0, 8, 1, 0, 0, 0, 2, 0, 1};
    static const uint8_t no_labels[] = {0, 0, 8, 1, 0, 0, 0, 0};
    static const uint8_t no_images[] = {0, 0, 8, 3, 0, 0, 0, 0, 0, 0, 0, 28, 0, 0, 0, 28};
    static const uint8_t no_pixels[] = {0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 28};
    check_refused(state, images, sizeof images, two_labels, sizeof two_labels, 3, "i",
                  "has 3 images but");
    check_refused(state, images, sizeof images, two_labels, sizeof two_labels, 3, "l",
                  "has 2 labels");
    check_refused(state, images, sizeof images, labels, sizeof labels, 2, "l",
                  "expected labels from 0 to 1, found label 2 at index 0");
    check_refused(state, no_images, sizeof no_images, no_labels, sizeof no_labels, 3, "i",
                  "expected at least one image of at least one pixel, found 0 of 28 x 28 pixels");
    check_refused(state, no_pixels, sizeof no_pixels, labels, sizeof labels, 3, "i",
                  "found 3 of 0 x 28 pixels");
    check_refused(state, images, sizeof images - 1, labels, sizeof labels, 3, "i", "found only 5");
    check_refused(state, labels, sizeof labels, labels, sizeof labels, 3, "i", "found 00 00 08 01");
    check_refused(state, images, sizeof images, images, sizeof images, 3, "l", "found 00 00 08 03");
}

// Three images of 1 x 2 pixels with 3 channels.
static void test_colours(void **state)
{
    static const uint8_t colours[] = {0, 0, 8, 4,  0,  0,  0,  3,  0,  0,  0,  1, 0,
                                      0, 0, 2, 0,  0,  0,  3,  1,  2,  3,  4,  5, 6,
                                      7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18};
    static const uint8_t no_channels[] = {0, 0, 8, 4, 0, 0, 0, 3, 0, 0,
                                          0, 1, 0, 0, 0, 2, 0, 0, 0, 0};
    const char *images_path = temp_path(state, "c"), *labels_path = temp_path(state, "n");
    write_file(images_path, colours, sizeof colours);
    write_file(labels_path, labels, sizeof labels);
    struct clef_dataset *dataset;
    check_ok(clef_dataset_load_idx(images_path, labels_path, 1000, &dataset));
    struct clef_dataset_shape shape = clef_dataset_get_shape(dataset);
    assert_true(shape.count == 3 && shape.height == 1 && shape.width == 2 && shape.channels == 3 &&
                shape.classes == 1000);
    assert_memory_equal(clef_dataset_image(dataset, 1), colours + 26, 6);
    clef_dataset_destroy(dataset);
    check_refused(state, no_channels, sizeof no_channels, labels, sizeof labels, 3, "i",
                  "found 3 of 1 x 2 pixels with 0 channels");
}

static void test_refuses_label_ten(void **state)
{
    uint8_t ten[sizeof labels];
    memcpy(ten, labels, sizeof labels);
    ten[sizeof ten - 1] = 10;
    check_refused(state, images, sizeof images, ten, sizeof ten, 10, "l",
                  "expected labels from 0 to 9, found label 10 at index 2");
}

static void test_finds_either_name(void **state)
{
    write_file(temp_path(state, "train-images-idx3-ubyte"), images, sizeof images);
    write_gzip_file(temp_path(state, "train-labels-idx1-ubyte.gz"), labels, sizeof labels);
    write_gzip_file(temp_path(state, "t10k-images-idx3-ubyte.gz"), images, sizeof images);
    write_file(temp_path(state, "t10k-labels-idx1-ubyte"), labels, sizeof labels);
    for (int split = CLEF_SPLIT_TRAIN; split <= CLEF_SPLIT_TEST; split++) {
        struct clef_dataset *dataset;
        check_ok(clef_dataset_load_mnist(*state, (enum clef_split)split, 3, &dataset));
        check_content(dataset);
        clef_dataset_destroy(dataset);
    }
}

static void test_missing_files(void **state)
{
    struct clef_dataset *dataset = NULL;
    clef_status status = clef_dataset_load_mnist(*state, CLEF_SPLIT_TEST, 10, &dataset);
    check_failure(status, CLEF_NOT_FOUND, *state,
                  "neither t10k-images-idx3-ubyte nor t10k-images-idx3-ubyte.gz");
    check_failure(status, CLEF_NOT_FOUND, "data/mnist", "four IDX files");
    write_file(temp_path(state, "train-images-idx3-ubyte"), images, sizeof images);
    status = clef_dataset_load_mnist(*state, CLEF_SPLIT_TRAIN, 10, &dataset);
    check_failure(status, CLEF_NOT_FOUND, *state, "neither train-labels-idx1-ubyte nor");
    const char *missing = temp_path(state, "missing");
    status = clef_dataset_load_mnist(missing, CLEF_SPLIT_TRAIN, 10, &dataset);
    check_failure(status, CLEF_NOT_FOUND, missing, "neither train-images-idx3-ubyte");
    const char *file = temp_path(state, "train-images-idx3-ubyte");
    status = clef_dataset_load_mnist(file, CLEF_SPLIT_TRAIN, 10, &dataset);
    check_failure(status, CLEF_IO, file, "Not a directory");
    assert_null(dataset);
}

static void test_from_memory(void **state)
{
    (void)state;
    uint8_t pixels[2 * 2 * 1 * 3], numbers[] = {4, 1};
    for (int i = 0; i < 12; i++)
        pixels[i] = (uint8_t)(100 + i);
    struct clef_dataset *dataset;
    check_ok(clef_dataset_from_memory(pixels, numbers, 2, 2, 1, 3, 5, &dataset));
    memset(pixels, 0, sizeof pixels); // The bytes must have been copied.
    memset(numbers, 0, sizeof numbers);
    struct clef_dataset_shape shape = clef_dataset_get_shape(dataset);
    assert_int_equal(3, shape.channels);
    assert_int_equal(106, clef_dataset_image(dataset, 1)[0]);
    assert_int_equal(111, clef_dataset_image(dataset, 1)[5]);
    assert_int_equal(4, clef_dataset_label(dataset, 0));
    assert_int_equal(1, clef_dataset_label(dataset, 1));
    clef_dataset_destroy(dataset);
}

static void test_from_memory_refuses(void **state)
{
    (void)state;
    const uint8_t pixels[4] = {0}, numbers[4] = {0, 1, 2, 3};
    struct clef_dataset *d = NULL;
    const clef_status bad = CLEF_INVALID_ARGUMENT;
    check_failure(clef_dataset_from_memory(pixels, numbers, 0, 1, 1, 1, 4, &d), bad, "0 images",
                  "at least 1");
    check_failure(clef_dataset_from_memory(pixels, numbers, 4, -1, 1, 1, 4, &d), bad, "-1 x 1",
                  "at least 1");
    check_failure(clef_dataset_from_memory(pixels, numbers, 4, 1, 1, 0, 4, &d), bad, "0 channels",
                  "at least 1");
    check_failure(
        clef_dataset_from_memory(pixels, numbers, INT_MAX, INT_MAX, INT_MAX, INT_MAX, 4, &d), bad,
        "2147483647 images", "addressable");
    check_failure(clef_dataset_from_memory(pixels, numbers, 4, 1, 1, 1, 3, &d), bad, "label 3",
                  "at index 3");
    check_failure(clef_dataset_from_memory(pixels, numbers, 4, 1, 1, 1, 0, &d), bad, "classes",
                  "not 0");
    check_failure(clef_dataset_from_memory(pixels, numbers, 4, 1, 1, 1, 65537, &d), bad, "classes",
                  "not 65537");
    assert_null(d);
}

static void test_slice(void **state)
{
    (void)state;
    const uint8_t pixels[5] = {10, 11, 12, 13, 14}, numbers[5] = {0, 1, 2, 3, 4};
    struct clef_dataset *source, *slice, *inner, *bad = NULL;
    check_ok(clef_dataset_from_memory(pixels, numbers, 5, 1, 1, 1, 5, &source));
    check_ok(clef_dataset_slice(source, 1, 4, &slice));
    check_ok(clef_dataset_slice(slice, 2, 2, &inner)); // A slice of a slice.
    assert_int_equal(4, clef_dataset_get_shape(slice).count);
    assert_int_equal(2, clef_dataset_get_shape(inner).count);
    assert_ptr_equal(clef_dataset_image(source, 3), clef_dataset_image(inner, 0));
    assert_int_equal(14, *clef_dataset_image(inner, 1));
    assert_int_equal(4, clef_dataset_label(inner, 1));

    const int outside[][2] = {{0, 6}, {5, 1}, {2, 4}, {-1, 2}, {0, 0}, {INT_MAX, 5}, {3, INT_MAX}};
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++)
        check_failure(clef_dataset_slice(source, outside[i][0], outside[i][1], &bad),
                      CLEF_INVALID_ARGUMENT, "slice", "within the 5 items");
    check_failure(clef_dataset_slice(slice, 0, 5, &bad), CLEF_INVALID_ARGUMENT, "5 items",
                  "within the 4 items");
    assert_null(bad);
    clef_dataset_destroy(inner);
    clef_dataset_destroy(slice);
    assert_int_equal(12, *clef_dataset_image(source, 2)); // A slice does not own the images.
    clef_dataset_destroy(source);
    clef_dataset_destroy(NULL);
}

// The figures are those that the data set's authors publish, and the first labels of each file.
static void test_mnist(void **state)
{
    (void)state;
    static const struct {
        enum clef_split split;
        int count, first[5], of_digit[10];
    } expected[] = {
        {CLEF_SPLIT_TRAIN,
         60000,
         {5, 0, 4, 1, 9},
         {5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949}},
        {CLEF_SPLIT_TEST,
         10000,
         {7, 2, 1, 0, 4},
         {980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009}},
    };
    for (int s = 0; s < 2; s++) {
        struct clef_dataset *dataset;
        check_ok(clef_dataset_load_mnist(CLEF_MNIST, expected[s].split, 10, &dataset));
        struct clef_dataset_shape shape = clef_dataset_get_shape(dataset);
        assert_int_equal(expected[s].count, shape.count);
        assert_int_equal(28, shape.height);
        assert_int_equal(28, shape.width);
        assert_int_equal(1, shape.channels);
        int of_digit[10] = {0};
        for (int i = 0; i < shape.count; i++)
            of_digit[clef_dataset_label(dataset, i)]++;
        for (int i = 0; i < 10; i++)
            assert_int_equal(expected[s].of_digit[i], of_digit[i]);
        for (int i = 0; i < 5; i++)
            assert_int_equal(expected[s].first[i], clef_dataset_label(dataset, i));
        clef_dataset_destroy(dataset);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DIRECTORY(test_load_idx),          IN_DIRECTORY(test_refuses_bad_pairs),
        IN_DIRECTORY(test_colours),           IN_DIRECTORY(test_refuses_label_ten),
        IN_DIRECTORY(test_finds_either_name), IN_DIRECTORY(test_missing_files),
        cmocka_unit_test(test_from_memory),   cmocka_unit_test(test_from_memory_refuses),
        cmocka_unit_test(test_slice),         cmocka_unit_test(test_mnist),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
