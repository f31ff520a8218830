// SPDX-License-Identifier: Apache-2.0
// Resized pictures, beside those of Pillow (tests/data/pictures/make.py).
#include "data/resize.h"
#include "support/temp_directory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HEIGHT 13
#define WIDTH 19
#define MOST (3 * 40 * 40)

static struct clef_picture read_scene(void)
{
    struct clef_picture picture;
    check_ok(clef_picture_read(CLEF_TEST_DATA "/pictures/rgb.png", &picture));
    return picture;
}

static void test_like_pillow(void **state)
{
    static const int sizes[][2] = {{1, 1}, {5, 12}, {8, 8}, {12, 5}, {26, 30}};
    struct clef_picture picture = read_scene();
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char path[256];
        uint8_t resized[MOST];
        size_t size;
        int height = sizes[i][0], width = sizes[i][1];
        snprintf(path, sizeof path, "%s/pictures/%dx%d.rgb", CLEF_TEST_DATA, height, width);
        uint8_t *expected = (uint8_t *)read_file(path, &size);
        assert_int_equal(3 * height * width, size);
        check_ok(clef_resize(&picture, height, width, resized));
        assert_memory_equal(expected, resized, size);
        free(expected);
    }
    clef_picture_free(&picture);
}

static void test_same_size(void **state)
{
    struct clef_picture picture = read_scene();
    uint8_t resized[MOST];
    (void)state;
    check_ok(clef_resize(&picture, HEIGHT, WIDTH, resized));
    assert_memory_equal(picture.pixels, resized, 3 * HEIGHT * WIDTH);
    clef_picture_free(&picture);
}

// What is left and right of the middle is not looked at, beyond the width of the triangle.
static void test_takes_the_middle(void **state)
{
    uint8_t pixels[2 * 10 * 3], resized[2 * 2 * 3];
    struct clef_picture picture = {.height = 2, .width = 10, .pixels = pixels};
    (void)state;
    memset(pixels, 255, sizeof pixels);
    for (int y = 0; y < 2; y++)
        memset(pixels + 3 * (10 * y + 4), 7 + y, 6);
    check_ok(clef_resize(&picture, 2, 2, resized));
    for (int i = 0; i < 12; i++)
        assert_int_equal(7 + i / 6, resized[i]);
}

// Of one colour it stays, however the weights are rounded.
static void test_one_colour(void **state)
{
    static const int sides[] = {1, 2, 3, 7, 16, 40};
    uint8_t *pixels = malloc(3 * 211 * 97), resized[MOST];
    struct clef_picture picture = {.height = 211, .width = 97, .pixels = pixels};
    (void)state;
    for (int value = 0; value <= 255; value += 51) {
        memset(pixels, value, 3 * 211 * 97);
        for (size_t i = 0; i < sizeof sides / sizeof *sides; i++) {
            check_ok(clef_resize(&picture, sides[i], sides[i], resized));
            for (int k = 0; k < 3 * sides[i] * sides[i]; k++)
                assert_int_equal(value, resized[k]);
        }
    }
    free(pixels);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_like_pillow),
        cmocka_unit_test(test_same_size),
        cmocka_unit_test(test_takes_the_middle),
        cmocka_unit_test(test_one_colour),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
