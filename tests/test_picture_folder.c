// SPDX-License-Identifier: Apache-2.0
// Data sets of pictures in one folder for each class.
#include "clef/dataset.h"
#include "support/picture_files.h"
#include "support/temp_directory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define HEIGHT 13
#define WIDTH 19
#define IMAGE_BYTES (3 * HEIGHT * WIDTH)

static bool is_picture(const uint8_t *image, const char *name)
{
    char path[256];
    size_t size;
    snprintf(path, sizeof path, "%s/pictures/%s.rgb", CLEF_TEST_DATA, name);
    char *expected = read_file(path, &size);
    bool same = size == IMAGE_BYTES && memcmp(expected, image, size) == 0;
    free(expected);
    return same;
}

// Classes in the order of their names, whatever the case of an ending; what is hidden, a file
// beside the folders, and a file that is no picture are passed over.
static void test_classes(void **state)
{
    static const char *const pictures[] = {"grey.png", "rgb.png", "palette.png"};
    const char *directory = *state;
    bool seen[3] = {false};
    struct clef_dataset *dataset;
    copy_picture("rgb.png", directory, "b", "one.PNG");
    copy_picture("palette.png", directory, "c", "a.jpeg");
    copy_picture("grey.png", directory, "B", "x.y.Jpg");
    copy_picture("grey.png", directory, "B", ".hidden.png");
    copy_picture("grey.png", directory, "B", "notes.txt");
    copy_picture("grey.png", directory, "B", "png");
    copy_picture("grey.png", directory, ".hidden", "a.png");
    write_file(temp_path(state, "a.png"), "no picture", 10);
    check_ok(clef_dataset_load_folder(directory, HEIGHT, WIDTH, 3, true, &dataset));
    struct clef_dataset_shape shape = clef_dataset_get_shape(dataset);
    assert_true(shape.count == 3 && shape.height == HEIGHT && shape.width == WIDTH &&
                shape.channels == 3 && shape.classes == 3);
    for (int i = 0; i < 3; i++) {
        int label = clef_dataset_label(dataset, i);
        assert_in_range(label, 0, 2);
        assert_true(is_picture(clef_dataset_image(dataset, i), pictures[label]));
        seen[label] = true;
    }
    assert_true(seen[0] && seen[1] && seen[2]);
    clef_dataset_destroy(dataset);
}

static void test_resizes(void **state)
{
    struct clef_dataset *dataset;
    size_t size;
    copy_picture("rgb.png", *state, "a", "a.png");
    check_ok(clef_dataset_load_folder(*state, 5, 12, 1, false, &dataset));
    char *expected = read_file(CLEF_TEST_DATA "/pictures/5x12.rgb", &size);
    assert_int_equal(3 * 5 * 12, size);
    assert_memory_equal(expected, clef_dataset_image(dataset, 0), size);
    free(expected);
    clef_dataset_destroy(dataset);
}

// Mixed, the last fifth, which validates, has both classes, and the order is the same each time;
// else it is that of the names.
static void test_mixed_order(void **state)
{
    enum { COUNT = 40 };
    struct clef_dataset *dataset[2];
    int last[2] = {0};
    write_two_classes(*state, COUNT);
    for (int i = 0; i < 2; i++)
        check_ok(clef_dataset_load_folder(*state, 4, 4, 2, true, &dataset[i]));
    for (int i = 0; i < 2 * COUNT; i++)
        assert_int_equal(clef_dataset_label(dataset[0], i), clef_dataset_label(dataset[1], i));
    for (int i = 2 * COUNT * 4 / 5; i < 2 * COUNT; i++)
        last[clef_dataset_label(dataset[0], i)]++;
    assert_true(last[0] >= 2 && last[1] >= 2);
    struct clef_dataset_identity one = clef_dataset_identify(dataset[0]),
                                 other = clef_dataset_identify(dataset[1]);
    assert_memory_equal(one.digest, other.digest, sizeof one.digest);
    clef_dataset_destroy(dataset[0]);
    clef_dataset_destroy(dataset[1]);
    check_ok(clef_dataset_load_folder(*state, HEIGHT, WIDTH, 2, false, &dataset[0]));
    for (int i = 0; i < 2 * COUNT; i++)
        assert_int_equal(i >= COUNT, clef_dataset_label(dataset[0], i));
    for (int i = 0; i < COUNT; i += 4) // As write_two_classes made them.
        assert_true(is_picture(clef_dataset_image(dataset[0], i), "rgb.png") &&
                    is_picture(clef_dataset_image(dataset[0], i + 2), "interlaced.png"));
    clef_dataset_destroy(dataset[0]);
}

static void check_refused(const char *directory, int classes, clef_status expected,
                          const char *name, const char *reason)
{
    struct clef_dataset *dataset = NULL;
    check_failure(clef_dataset_load_folder(directory, 8, 8, classes, false, &dataset), expected,
                  name, reason);
    assert_null(dataset);
}

static void test_refuses(void **state)
{
    const char *directory = *state, *b = temp_path(state, "b");
    check_refused(temp_path(state, "missing"), 2, CLEF_NOT_FOUND, "missing", "No such file");
    check_refused(directory, 2, CLEF_NOT_FOUND, directory, "holds no folder");
    copy_picture("rgb.png", directory, "a", "a.png");
    mkdir(b, 0777);
    check_refused(directory, 2, CLEF_NOT_FOUND, b, "holds no .png, .jpg or .jpeg file");
    check_refused(directory, 1, CLEF_INVALID_ARGUMENT, b, "the network has 1");
    check_refused(temp_path(state, "a/a.png"), 2, CLEF_IO, "a.png", "Not a directory");
    check_refused(directory, 0, CLEF_INVALID_ARGUMENT, "classes", "not 0");
    struct clef_dataset *dataset;
    check_failure(clef_dataset_load_folder(directory, 0, 8, 2, false, &dataset),
                  CLEF_INVALID_ARGUMENT, "0 x 8", "1 to 32768 each");
}

// Of two damaged pictures the one is told that comes first in the order, however many threads read.
static void test_damaged(void **state)
{
    char first[256] = "";
    write_two_classes(*state, 20);
    write_file(temp_path(state, "bright/007.png"), "x", 1);
    write_file(temp_path(state, "grey/011.png"), "x", 1);
    for (int i = 0; i < 20; i++) {
        struct clef_dataset *dataset = NULL;
        check_failure(clef_dataset_load_folder(*state, 8, 8, 2, true, &dataset), CLEF_FORMAT,
                      *state, "expected a PNG or JPEG file");
        if (i == 0)
            snprintf(first, sizeof first, "%s", clef_last_error());
        assert_string_equal(first, clef_last_error());
        assert_null(dataset);
    }
}

static void test_splits(void **state)
{
    static const char *const names[] = {"validation", "val", "test"};
    const char *directory = *state;
    struct clef_dataset *dataset = NULL;
    copy_picture("rgb.png", directory, "train", "ignored.png");
    copy_picture("rgb.png", temp_path(state, "train"), "a", "a.png");
    check_failure(clef_dataset_load(directory, CLEF_SPLIT_TEST, 8, 8, 4, false, &dataset),
                  CLEF_NOT_FOUND, directory, "neither test, val nor validation");
    check_ok(clef_dataset_load(directory, CLEF_SPLIT_TRAIN, 8, 8, 4, true, &dataset));
    assert_int_equal(1, clef_dataset_get_shape(dataset).count);
    clef_dataset_destroy(dataset);
    // The one that comes first is taken: each has one picture more than the one before.
    for (int i = 0; i < 3; i++) {
        mkdir(temp_path(state, names[i]), 0777);
        for (int k = 0; k <= i; k++)
            copy_picture("rgb.png", temp_path(state, names[i]), "a",
                         (const char *[]){"a.png", "b.png", "c.png"}[k]);
        check_ok(clef_dataset_load(directory, CLEF_SPLIT_TEST, 8, 8, 4, false, &dataset));
        assert_int_equal(i + 1, clef_dataset_get_shape(dataset).count);
        clef_dataset_destroy(dataset);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DIRECTORY(test_classes), IN_DIRECTORY(test_resizes), IN_DIRECTORY(test_mixed_order),
        IN_DIRECTORY(test_refuses), IN_DIRECTORY(test_damaged), IN_DIRECTORY(test_splits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
