// SPDX-License-Identifier: Apache-2.0
// Pictures of each kind, beside what Pillow reads of them (tests/data/pictures/make.py).
#include "io/picture.h"
#include "support/temp_directory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

// jpeglib.h does not include what it needs.
#include <jpeglib.h>

#include <cmocka.h>

#define HEIGHT 13
#define WIDTH 19

// Another version of the library may round the inverse transform and the colours otherwise.
#define JPEG_TOLERANCE 2

static const struct {
    const char *name;
    int tolerance;
} pictures[] = {
    {"rgb.png", 0},
    {"alpha.png", 0},
    {"grey.png", 0},
    {"palette.png", 0},
    {"one-bit.png", 0},
    {"interlaced.png", 0},
    {"sixteen-bits.png", 0},
    {"rgb.jpg", JPEG_TOLERANCE},
    {"progressive.jpg", JPEG_TOLERANCE},
    {"grey.jpg", JPEG_TOLERANCE},
    {"cmyk.jpg", JPEG_TOLERANCE},
};
#define PICTURES (sizeof pictures / sizeof *pictures)

static char *picture_path(const char *name, char path[256])
{
    snprintf(path, 256, "%s/pictures/%s", CLEF_TEST_DATA, name);
    return path;
}

static void check_pixels(const char *name, int tolerance)
{
    char path[256], expected_path[264];
    struct clef_picture picture;
    size_t size;
    check_ok(clef_picture_read(picture_path(name, path), &picture));
    snprintf(expected_path, sizeof expected_path, "%s.rgb", path);
    uint8_t *expected = (uint8_t *)read_file(expected_path, &size);
    assert_int_equal(HEIGHT, picture.height);
    assert_int_equal(WIDTH, picture.width);
    assert_int_equal(3 * HEIGHT * WIDTH, size);
    for (size_t i = 0; i < size; i++)
        if (abs(picture.pixels[i] - expected[i]) > tolerance)
            fail_msg("%s: byte %zu is %d, expected %d", name, i, picture.pixels[i], expected[i]);
    free(expected);
    clef_picture_free(&picture);
    assert_null(picture.pixels);
}

static void test_kinds(void **state)
{
    (void)state;
    for (size_t i = 0; i < PICTURES; i++)
        check_pixels(pictures[i].name, pictures[i].tolerance);
}

static void check_refused(const char *path, clef_status expected, const char *reason)
{
    struct clef_picture picture;
    check_failure(clef_picture_read(path, &picture), expected, path, reason);
    assert_null(picture.pixels);
}

static void test_cut_off(void **state)
{
    const char *cut = temp_path(state, "cut");
    for (size_t i = 0; i < PICTURES; i++) {
        char path[256];
        size_t size;
        char *bytes = read_file(picture_path(pictures[i].name, path), &size);
        for (size_t left = 0; left < size; left += left < 64 || left + 64 > size ? 1 : 7) {
            write_file(cut, bytes, left);
            check_refused(cut, CLEF_FORMAT, ": expected ");
        }
        free(bytes);
    }
}

static void test_not_a_picture(void **state)
{
    const char *path = temp_path(state, "a.png");
    write_file(path, "", 0);
    check_refused(path, CLEF_FORMAT, "expected a PNG or JPEG file, found an empty one");
    write_file(path, "GIF89a", 6);
    check_refused(path, CLEF_FORMAT, "expected a PNG or JPEG file, found another beginning");
    check_refused(temp_path(state, "missing"), CLEF_NOT_FOUND, "No such file");
    check_refused(*state, CLEF_IO, "not a file");
}

// The signature and header of a PNG file with these sides, and `more` bytes.
static void write_png_header(const char *path, uint32_t height, uint32_t width, size_t more)
{
    uint8_t bytes[8 + 25] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n',
                             0,    0,   0,   13,  'I',  'H',  'D',  'R'};
    for (int i = 0; i < 4; i++) {
        bytes[16 + i] = (uint8_t)(width >> (24 - 8 * i));
        bytes[20 + i] = (uint8_t)(height >> (24 - 8 * i));
    }
    bytes[24] = 8; // Bits of a sample; then grey, deflate, no filter, no interlacing.
    uint32_t sum = 0xffffffff;
    for (int i = 12; i < 29; i++) {
        sum ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            sum = sum >> 1 ^ (sum & 1 ? 0xedb88320 : 0);
    }
    for (int i = 0; i < 4; i++)
        bytes[29 + i] = (uint8_t)(~sum >> (24 - 8 * i));
    uint8_t *whole = calloc(1, sizeof bytes + more + 8);
    memcpy(whole, bytes, sizeof bytes);
    memcpy(whole + sizeof bytes + 4, "IDAT", 4);
    write_file(path, whole, sizeof bytes + 8 + more);
    free(whole);
}

static void test_declares_too_much(void **state)
{
    const char *path = temp_path(state, "a.png");
    write_png_header(path, 8193, 8192, 0);
    check_refused(path, CLEF_FORMAT, "expected 1 to 67108864 pixels, found 8193 x 8192");
    write_png_header(path, 8192, 8192, 0);
    check_refused(path, CLEF_FORMAT, "expected 8192 x 8192 pixels, of which 41 bytes cannot hold");
    write_png_header(path, 1, 65536, 0);
    check_refused(path, CLEF_FORMAT, "expected an intact PNG file, found: ");
    char jpeg[256];
    size_t size;
    uint8_t *bytes = (uint8_t *)read_file(picture_path("grey.jpg", jpeg), &size);
    uint8_t *frame = memmem(bytes, size, "\xff\xc0", 2);
    assert_non_null(frame);
    memcpy(frame + 5, "\xfd\xe8\x04\x00", 4); // Its height and width.
    write_file(path, bytes, size);
    check_refused(path, CLEF_FORMAT, "expected 65000 x 1024 pixels, of which ");
    free(bytes);
}

// A grey JPEG file of so many scans, of which each but the first has one frequency.
static void write_scans(const char *path, int scans)
{
    jpeg_scan_info script[64] = {{.comps_in_scan = 1}};
    uint8_t line[8] = {0, 30, 60, 90, 120, 150, 180, 210};
    JSAMPROW row = line;
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_stdio_dest(&jpeg, file);
    jpeg.image_height = jpeg.image_width = 8;
    jpeg.input_components = 1;
    jpeg.in_color_space = JCS_GRAYSCALE;
    jpeg_set_defaults(&jpeg);
    for (int i = 1; i < scans; i++)
        script[i] = (jpeg_scan_info){.comps_in_scan = 1, .Ss = i, .Se = i};
    jpeg.scan_info = script;
    jpeg.num_scans = scans;
    jpeg_start_compress(&jpeg, TRUE);
    for (int y = 0; y < 8; y++)
        jpeg_write_scanlines(&jpeg, &row, 1);
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    fclose(file);
}

static void test_many_scans(void **state)
{
    const char *path = temp_path(state, "a.jpg");
    struct clef_picture picture;
    write_scans(path, 32);
    check_ok(clef_picture_read(path, &picture));
    clef_picture_free(&picture);
    write_scans(path, 33);
    check_refused(path, CLEF_FORMAT, "expected a JPEG file of at most 32 scans, found more");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),     IN_DIRECTORY(test_cut_off),
        IN_DIRECTORY(test_not_a_picture), IN_DIRECTORY(test_declares_too_much),
        IN_DIRECTORY(test_many_scans),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
