// SPDX-License-Identifier: Apache-2.0
#include "data/idx.h"
#include "support/temp_directory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

// 2 images of 2 x 3 pixels.
static const uint8_t images[] = {0, 0, 8, 3, 0, 0, 0, 2, 0,  0,  0,  2,  0,  0,
                                 0, 3, 1, 2, 3, 4, 5, 6, 10, 20, 30, 40, 50, 255};

static void check_images(const char *path)
{
    struct clef_idx idx;
    check_ok(clef_idx_read(path, 3, &idx));
    assert_int_equal(2, idx.dims[0]);
    assert_int_equal(2, idx.dims[1]);
    assert_int_equal(3, idx.dims[2]);
    assert_int_equal(12, idx.size);
    assert_memory_equal(images + 16, idx.bytes, 12);
    clef_idx_free(&idx);
}

static void test_reads_plain(void **state)
{
    const char *path = temp_path(state, "images");
    write_file(path, images, sizeof images);
    check_images(path);
}

// The same bytes as 2 images of 2 x 1 pixels with 3 channels.
static void test_reads_images(void **state)
{
    static const uint8_t header[] = {0, 0, 8, 4, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3};
    uint8_t colours[sizeof header + 12];
    memcpy(colours, header, sizeof header);
    memcpy(colours + sizeof header, images + 16, 12);
    const char *grey = temp_path(state, "grey"), *colour = temp_path(state, "colour");
    const char *labels = temp_path(state, "labels");
    write_file(grey, images, sizeof images);
    write_file(colour, colours, sizeof colours);
    write_file(labels, (uint8_t[]){0, 0, 8, 1, 0, 0, 0, 0}, 8);
    struct clef_idx idx;
    check_ok(clef_idx_read_images(grey, &idx));
    assert_memory_equal(idx.dims, ((const int[]){2, 2, 3, 1}), sizeof idx.dims);
    clef_idx_free(&idx);
    check_ok(clef_idx_read_images(colour, &idx));
    assert_memory_equal(idx.dims, ((const int[]){2, 2, 1, 3}), sizeof idx.dims);
    assert_int_equal(12, idx.size);
    assert_memory_equal(images + 16, idx.bytes, 12);
    clef_idx_free(&idx);
    check_failure(clef_idx_read_images(labels, &idx), CLEF_FORMAT, labels,
                  "with 3 or 4 dimensions (magic number 00 00 08 03 or 04), found 00 00 08 01");
    colours[3] = 5;
    write_file(colour, colours, sizeof colours);
    check_failure(clef_idx_read_images(colour, &idx), CLEF_FORMAT, colour, "found 00 00 08 05");
    colours[3] = 4;
    write_file(colour, colours, 18);
    check_failure(clef_idx_read_images(colour, &idx), CLEF_FORMAT, colour,
                  "expected 16 bytes of dimensions, found only 14");
}

static void test_reads_gzip(void **state)
{
    const char *path = temp_path(state, "images.gz");
    write_gzip_file(path, images, sizeof images);
    check_images(path);
}

// Several gzip streams in a row are one file, as for gzip itself.
static void test_reads_gzip_members(void **state)
{
    const char *first = temp_path(state, "first"), *second = temp_path(state, "second");
    const char *both = temp_path(state, "both.gz");
    write_gzip_file(first, images, 19);
    write_gzip_file(second, images + 19, sizeof images - 19);
    size_t first_size, second_size;
    char *first_bytes = read_file(first, &first_size);
    char *second_bytes = read_file(second, &second_size);
    first_bytes = realloc(first_bytes, first_size + second_size);
    assert_non_null(first_bytes);
    memcpy(first_bytes + first_size, second_bytes, second_size);
    write_file(both, first_bytes, first_size + second_size);
    free(first_bytes);
    free(second_bytes);
    check_images(both);
}

// Larger than the reader's first allocation and its input buffer, so that it must grow and refill.
static void test_reads_large(void **state)
{
    enum { COUNT = 3000000, HEADER = 8 };
    uint8_t *bytes = malloc(HEADER + COUNT);
    assert_non_null(bytes);
    memcpy(bytes, (uint8_t[]){0, 0, 8, 1, 0, COUNT >> 16, COUNT >> 8 & 255, COUNT & 255}, HEADER);
    uint32_t random = 1;
    for (int i = 0; i < COUNT; i++) {
        random = random * 1664525u + 1013904223u;
        bytes[HEADER + i] = (uint8_t)(random >> 24);
    }
    const char *paths[] = {temp_path(state, "large"), temp_path(state, "large.gz")};
    write_file(paths[0], bytes, HEADER + COUNT);
    write_gzip_file(paths[1], bytes, HEADER + COUNT);
    for (int i = 0; i < 2; i++) {
        struct clef_idx idx;
        check_ok(clef_idx_read(paths[i], 1, &idx));
        assert_int_equal(COUNT, idx.size);
        assert_memory_equal(bytes + HEADER, idx.bytes, COUNT);
        clef_idx_free(&idx);
    }
    free(bytes);
}

static void test_reads_no_elements(void **state)
{
    const char *path = temp_path(state, "none");
    write_file(path, (uint8_t[]){0, 0, 8, 1, 0, 0, 0, 0}, 8);
    struct clef_idx idx;
    check_ok(clef_idx_read(path, 1, &idx));
    assert_int_equal(0, idx.dims[0]);
    assert_int_equal(0, idx.size);
    assert_non_null(idx.bytes);
    clef_idx_free(&idx);
}

static const struct malformed {
    const char *name, *reason;
    uint8_t bytes[20];
    size_t size;
    int rank;
} malformed[] = {
    {"empty", "found an empty one", {0}, 0, 1},
    {"short-magic", "found only 3", {0, 0, 8}, 3, 1},
    {"text", "found 74 65 78 74", "text\n\n\n\n\n", 9, 1},
    {"first-byte", "found 01 00 08 01", {1, 0, 8, 1, 0, 0, 0, 1, 7}, 9, 1},
    {"second-byte", "found 00 01 08 01", {0, 1, 8, 1, 0, 0, 0, 1, 7}, 9, 1},
    {"type", "magic number 00 00 08 01), found 00 00 0d 01", {0, 0, 13, 1, 0, 0, 0, 1, 7}, 9, 1},
    {"rank-low",
     "3 dimensions (magic number 00 00 08 03), found 00 00 08 01",
     {0, 0, 8, 1, 0, 0, 0, 1, 7},
     9,
     3},
    {"rank-high",
     "1 dimension (magic number 00 00 08 01), found 00 00 08 03",
     {0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 7},
     17,
     1},
    {"short-dimensions",
     "expected 12 bytes of dimensions, found only 5",
     {0, 0, 8, 3, 0, 0, 0, 1, 0},
     9,
     3},
    {"negative-dimension",
     "at dimension 0 (4294967295)",
     {0, 0, 8, 1, 255, 255, 255, 255, 7},
     9,
     1},
    {"large-dimension",
     "expected at most 2147483648 elements, found more at dimension 0",
     {0, 0, 8, 1, 128, 0, 0, 1, 7},
     9,
     1},
    {"large-product",
     "found more at dimension 1 (65536)",
     {0, 0, 8, 3, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 7},
     17,
     3},
    // The product of these is 0 modulo 2^64 and must not wrap around to a small size.
    {"overflowing-product",
     "found more at dimension 1 (1073741824)",
     {0, 0, 8, 3, 64, 0, 0, 0, 64, 0, 0, 0, 64, 0, 0, 0, 7},
     17,
     3},
    {"short-data",
     "expected 4 bytes of elements after the header, found only 3",
     {0, 0, 8, 1, 0, 0, 0, 4, 1, 2, 3},
     11,
     1},
    {"no-data",
     "expected 4 bytes of elements after the header, found only 0",
     {0, 0, 8, 1, 0, 0, 0, 4},
     8,
     1},
    {"trailing-data",
     "expected the end of the file after 2 bytes of elements, found more",
     {0, 0, 8, 1, 0, 0, 0, 2, 1, 2, 3},
     11,
     1},
};

// Each damaged file must be refused both plain and gzipped.
static void test_malformed(void **state)
{
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++) {
        const struct malformed *m = &malformed[i];
        const char *path = temp_path(state, m->name);
        struct clef_idx idx;
        write_file(path, m->bytes, m->size);
        check_failure(clef_idx_read(path, m->rank, &idx), CLEF_FORMAT, path, m->reason);
        assert_null(idx.bytes);
        write_gzip_file(path, m->bytes, m->size);
        check_failure(clef_idx_read(path, m->rank, &idx), CLEF_FORMAT, path, m->reason);
        assert_null(idx.bytes);
    }
}

// Writes the gzipped images with one change and expects a failure.
static void check_damaged_gzip(void **state, const char *name, size_t cut, size_t flip_from_end,
                               const char *append, const char *reason)
{
    const char *path = temp_path(state, name);
    write_gzip_file(path, images, sizeof images);
    size_t size;
    char *bytes = read_file(path, &size);
    assert_true(size > cut && size > flip_from_end);
    if (flip_from_end > 0)
        bytes[size - flip_from_end] ^= 1;
    size_t appended = strlen(append);
    bytes = realloc(bytes, size + appended + 1);
    assert_non_null(bytes);
    memcpy(bytes + size, append, appended);
    write_file(path, bytes, size - cut + appended);
    free(bytes);
    struct clef_idx idx;
    check_failure(clef_idx_read(path, 3, &idx), CLEF_FORMAT, path, reason);
    assert_null(idx.bytes);
}

static void test_damaged_gzip(void **state)
{
    // The last 8 bytes are the check sum and the length.
    check_damaged_gzip(state, "crc.gz", 0, 8, "", "incorrect data check");
    check_damaged_gzip(state, "length.gz", 0, 4, "", "incorrect length check");
    check_damaged_gzip(state, "no-length.gz", 4, 0, "", "cut off");
    check_damaged_gzip(state, "no-trailer.gz", 8, 0, "", "cut off");
    check_damaged_gzip(state, "half.gz", 20, 0, "", "cut off");
    check_damaged_gzip(state, "garbage.gz", 0, 0, "garbage",
                       "expected the end of the file after the gzip stream, found more");
    check_damaged_gzip(state, "second-member.gz", 0, 0, "\x1f\x8c", "incorrect header check");

    const char *path = temp_path(state, "header.gz");
    write_file(path, "\x1f\x8b\x07 not deflate", 15);
    struct clef_idx idx;
    check_failure(clef_idx_read(path, 3, &idx), CLEF_FORMAT, path, "unknown compression method");
}

// The sanitizers reserve terabytes of address space and cannot run with a limit on it.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ADDRESS_SPACE_TESTS
#else
#define ADDRESS_SPACE_TESTS IN_DIRECTORY(test_declared_size_is_not_allocated),

// A header of 16 bytes that declares 2 GiB must fail for its missing data, not for want of memory:
// the address space is limited to 256 MiB more than is already in use.
static void test_declared_size_is_not_allocated(void **state)
{
    const char *path = temp_path(state, "two-gibibytes");
    write_file(path, (uint8_t[]){0, 0, 8, 3, 0, 0, 128, 0, 0, 0, 1, 0, 0, 0, 1, 0, 5}, 17);
    struct rlimit before;
    assert_int_equal(0, getrlimit(RLIMIT_AS, &before));
    unsigned long pages;
    FILE *statm = fopen("/proc/self/statm", "r");
    assert_non_null(statm);
    assert_int_equal(1, fscanf(statm, "%lu", &pages));
    fclose(statm);
    struct rlimit limit = {pages * (unsigned long)sysconf(_SC_PAGESIZE) + (256ul << 20),
                           before.rlim_max};
    assert_int_equal(0, setrlimit(RLIMIT_AS, &limit));
    struct clef_idx idx;
    clef_status status = clef_idx_read(path, 3, &idx);
    assert_int_equal(0, setrlimit(RLIMIT_AS, &before));
    check_failure(status, CLEF_FORMAT, path,
                  "expected 2147483648 bytes of elements after the header, found only 1");
}
#endif

static void test_unreadable(void **state)
{
    struct clef_idx idx;
    const char *missing = temp_path(state, "missing");
    check_failure(clef_idx_read(missing, 3, &idx), CLEF_NOT_FOUND, missing,
                  "No such file or directory");
    const char *directory = temp_path(state, "directory");
    assert_int_equal(0, mkdir(directory, 0700));
    check_failure(clef_idx_read(directory, 3, &idx), CLEF_IO, directory, "Is a directory");
    const char *file = temp_path(state, "file");
    write_file(file, images, sizeof images);
    const char *below = temp_path(state, "file/images");
    check_failure(clef_idx_read(below, 3, &idx), CLEF_IO, below, "Not a directory");
    check_failure(clef_idx_read(file, 5, &idx), CLEF_INVALID_ARGUMENT, file, "5 dimensions");
    check_failure(clef_idx_read(file, 0, &idx), CLEF_INVALID_ARGUMENT, file, "0 dimensions");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DIRECTORY(test_reads_plain),
        IN_DIRECTORY(test_reads_images),
        IN_DIRECTORY(test_reads_gzip),
        IN_DIRECTORY(test_reads_gzip_members),
        IN_DIRECTORY(test_reads_large),
        IN_DIRECTORY(test_reads_no_elements),
        IN_DIRECTORY(test_malformed),
        IN_DIRECTORY(test_damaged_gzip),
        ADDRESS_SPACE_TESTS IN_DIRECTORY(test_unreadable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
