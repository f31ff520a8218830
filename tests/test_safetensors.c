// SPDX-License-Identifier: Apache-2.0
#include "io/safetensors.h"
#include "support/temp_directory.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cmocka.h>

static const struct clef_safetensors_tensor tensors[] = {
    {.name = "conv.weight", .rank = 4, .dims = {2, 1, 3, 2}},
    {.name = "scalar", .rank = 0},
    {.name = "nothing", .rank = 2, .dims = {0, 5}},
    {.name = "a.bias", .rank = 1, .dims = {3}},
};
static const size_t counts[] = {12, 1, 0, 3};
#define TENSORS 4

static const struct clef_safetensors_string metadata[] = {
    {"format", "clef"},
    {"quoted", "{\"a\": \"\xc3\xa9\"}"},
};

// Element k of tensor `index`, with a NaN and a negative zero among them: bits must survive.
static uint32_t element_bits(int index, size_t k)
{
    if (index == 0 && k == 1)
        return 0x7fc12345;
    if (index == 0 && k == 2)
        return 0x80000000;
    return 0x3f800000u + (uint32_t)index * 1000u + (uint32_t)k;
}

static clef_status provide(void *user, int index, float *values)
{
    (void)user;
    for (size_t k = 0; k < counts[index]; k++) {
        uint32_t bits = element_bits(index, k);
        memcpy(&values[k], &bits, sizeof bits);
    }
    return CLEF_OK;
}

static clef_status refuse(void *user, int index, float *values)
{
    (void)values;
    return index == *(int *)user ? CLEF_DEVICE : CLEF_OK;
}

static void test_round_trip(void **state)
{
    const char *path = temp_path(state, "model.safetensors");
    check_ok(clef_safetensors_write(path, tensors, TENSORS, metadata, 2, provide, NULL));
    struct clef_safetensors *file;
    check_ok(clef_safetensors_open(path, &file));
    assert_int_equal(TENSORS, clef_safetensors_count(file));
    for (int i = 0; i < TENSORS; i++) {
        int found = clef_safetensors_find(file, tensors[i].name);
        assert_in_range(found, 0, TENSORS - 1);
        struct clef_safetensors_tensor tensor = clef_safetensors_get(file, found);
        assert_string_equal(tensors[i].name, tensor.name);
        assert_int_equal(tensors[i].rank, tensor.rank);
        for (int d = 0; d < tensor.rank; d++)
            assert_int_equal(tensors[i].dims[d], tensor.dims[d]);
        assert_int_equal(counts[i], tensor.count);
        float values[12];
        check_ok(clef_safetensors_read(file, found, values, counts[i]));
        for (size_t k = 0; k < counts[i]; k++) {
            uint32_t bits;
            memcpy(&bits, &values[k], sizeof bits);
            assert_int_equal(element_bits(i, k), bits);
        }
    }
    assert_int_equal(0, clef_safetensors_find(file, "conv.weight")); // In the order of writing.
    assert_int_equal(3, clef_safetensors_find(file, "a.bias"));
    assert_int_equal(-1, clef_safetensors_find(file, "absent"));
    assert_int_equal(-1, clef_safetensors_find(file, "__metadata__"));
    assert_string_equal("clef", clef_safetensors_metadata(file, "format"));
    assert_string_equal(metadata[1].value, clef_safetensors_metadata(file, "quoted"));
    assert_null(clef_safetensors_metadata(file, "absent"));
    clef_safetensors_close(file);
    assert_int_equal(1, count_entries(*state));
}

// What other readers rely on: little-endian length, padding to 8 bytes, data without gaps.
static void test_layout(void **state)
{
    const char *path = temp_path(state, "model.safetensors");
    check_ok(clef_safetensors_write(path, tensors, TENSORS, metadata, 2, provide, NULL));
    size_t size;
    char *bytes = read_file(path, &size);
    size_t header = (uint8_t)bytes[0] | (size_t)(uint8_t)bytes[1] << 8;
    for (int i = 2; i < 8; i++)
        assert_int_equal(0, bytes[i]);
    assert_int_equal(0, header % 8);
    assert_int_equal(8 + header + 16 * sizeof(float), size);
    assert_int_equal('{', bytes[8]);
    bytes[8 + header] = '\0'; // Overwrites the first tensor's first byte: only text is needed now.
    assert_non_null(strstr(bytes + 8, "\"a.bias\":{\"dtype\":\"F32\",\"shape\":[3],"
                                      "\"data_offsets\":[52,64]}"));
    free(bytes);
}

static void test_read_checks_arguments(void **state)
{
    const char *path = temp_path(state, "model.safetensors");
    check_ok(clef_safetensors_write(path, tensors, TENSORS, NULL, 0, provide, NULL));
    struct clef_safetensors *file;
    check_ok(clef_safetensors_open(path, &file));
    float values[12];
    const clef_status bad = CLEF_INVALID_ARGUMENT;
    check_failure(clef_safetensors_read(file, 0, values, 11), bad, path,
                  "conv.weight has 12 elements, not 11");
    check_failure(clef_safetensors_read(file, -1, values, 1), bad, path, "no tensor number -1");
    check_failure(clef_safetensors_read(file, 4, values, 1), bad, path, "no tensor number 4");
    assert_null(clef_safetensors_metadata(file, "format"));
    clef_safetensors_close(file);
    clef_safetensors_close(NULL);
}

// A file that is cut off while it is open.
static void test_read_of_a_shrunk_file(void **state)
{
    const char *path = temp_path(state, "model.safetensors");
    check_ok(clef_safetensors_write(path, tensors, TENSORS, NULL, 0, provide, NULL));
    struct clef_safetensors *file;
    check_ok(clef_safetensors_open(path, &file));
    write_file(path, "", 0);
    float values[12];
    check_failure(clef_safetensors_read(file, 0, values, 12), CLEF_FORMAT, path,
                  "expected 48 more bytes");
    clef_safetensors_close(file);
}

// ---------------------------------------------------------------- writing

static void check_write_refused(const char *path, const struct clef_safetensors_tensor *list,
                                int count, const struct clef_safetensors_string *strings,
                                int string_count, const char *reason)
{
    check_failure(clef_safetensors_write(path, list, count, strings, string_count, provide, NULL),
                  CLEF_INVALID_ARGUMENT, path, reason);
}

static void test_write_refuses(void **state)
{
    const char *path = temp_path(state, "model.safetensors");
    struct clef_safetensors_tensor bad[2] = {tensors[3], tensors[3]};
    check_write_refused(path, bad, 2, NULL, 0, "a.bias is given twice");
    bad[1].name = "";
    check_write_refused(path, bad, 2, NULL, 0, "\"\" cannot name a tensor");
    bad[1].name = "__metadata__";
    check_write_refused(path, bad, 2, NULL, 0, "\"__metadata__\" cannot name a tensor");
    bad[1].name = "\xff";
    check_write_refused(path, bad, 2, NULL, 0, "not valid UTF-8");
    bad[1].name = "b";
    bad[1].rank = CLEF_SAFETENSORS_MAX_RANK + 1;
    check_write_refused(path, bad, 2, NULL, 0, "b has 9 dimensions");
    bad[1].rank = 1;
    bad[1].dims[0] = -1;
    check_write_refused(path, bad, 2, NULL, 0, "the size of b is not possible");
    bad[1].rank = 3;
    for (int i = 0; i < 3; i++)
        bad[1].dims[i] = INT32_MAX;
    check_write_refused(path, bad, 2, NULL, 0, "the size of b is not possible");
    const struct clef_safetensors_string twice[] = {{"k", "1"}, {"k", "2"}};
    check_write_refused(path, tensors, 1, twice, 2, "k is given twice");
    const struct clef_safetensors_string not_text = {"k", "\xc3"};
    check_write_refused(path, tensors, 1, &not_text, 1, "\"k\" or its value is not valid UTF-8");
    assert_int_equal(0, count_entries(*state));
}

static void test_write_refuses_large_header(void **state)
{
    const char *path = temp_path(state, "model.safetensors");
    size_t size = (size_t)16 << 20;
    char *text = malloc(size + 1);
    assert_non_null(text);
    memset(text, 'x', size);
    text[size] = '\0';
    const struct clef_safetensors_string large = {"k", text};
    check_write_refused(path, tensors, 1, &large, 1, "at most 16777216");
    free(text);
    assert_int_equal(0, count_entries(*state));
}

static void test_failing_source_leaves_the_old(void **state)
{
    const char *path = temp_path(state, "model.safetensors");
    write_file(path, "old", 3);
    int failing = 3;
    assert_int_equal(CLEF_DEVICE,
                     clef_safetensors_write(path, tensors, TENSORS, NULL, 0, refuse, &failing));
    size_t size;
    char *text = read_file(path, &size);
    assert_string_equal("old", text);
    free(text);
    assert_int_equal(1, count_entries(*state));
}

static void test_full_disk_leaves_nothing(void **state)
{
    const char *path = temp_path(state, "model.safetensors");
    struct rlimit before;
    assert_int_equal(0, getrlimit(RLIMIT_FSIZE, &before));
    struct rlimit limit = {16, before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(0, setrlimit(RLIMIT_FSIZE, &limit));
    clef_status status = clef_safetensors_write(path, tensors, TENSORS, NULL, 0, provide, NULL);
    assert_int_equal(0, setrlimit(RLIMIT_FSIZE, &before));
    signal(SIGXFSZ, SIG_DFL);
    check_failure(status, CLEF_IO, path, "File too large");
    assert_int_equal(0, count_entries(*state));
    const char *missing = temp_path(state, "missing/model.safetensors");
    check_failure(clef_safetensors_write(missing, tensors, TENSORS, NULL, 0, provide, NULL),
                  CLEF_NOT_FOUND, missing, "No such file or directory");
}

// ---------------------------------------------------------------- reading damaged files

// Writes a length, a header and `data_size` zero bytes, and expects that opening fails.
static void check_open_refused(const char *path, uint64_t length, const char *header,
                               size_t data_size, clef_status expected, const char *reason)
{
    size_t text = strlen(header), size = sizeof length + text + data_size;
    char *bytes = calloc(size, 1);
    assert_non_null(bytes);
    memcpy(bytes, &length, sizeof length);
    memcpy(bytes + sizeof length, header, text);
    write_file(path, bytes, size);
    free(bytes);
    struct clef_safetensors *file = NULL;
    check_failure(clef_safetensors_open(path, &file), expected, path, reason);
    assert_null(file);
}

#define TENSOR(name, shape, offsets) \
    "\"" name "\":{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

static const struct malformed {
    clef_status status;
    const char *header;
    size_t data_size;
    const char *reason;
} malformed[] = {
    {CLEF_FORMAT, "", 0, "the header is not valid JSON"},
    {CLEF_FORMAT, "{\"a\":", 0, "the header is not valid JSON"},
    {CLEF_FORMAT, "[]", 0, "the header is not a JSON object"},
    {CLEF_FORMAT, "{} x", 0, "end of file expected"},
    {CLEF_FORMAT, "{" TENSOR("a", "[1]", "[0,4]") "," TENSOR("a", "[1]", "[4,8]") "}", 8,
     "duplicate object key"},
    {CLEF_FORMAT, "{\"__metadata__\":[]}", 0, "__metadata__ is not a JSON object"},
    {CLEF_FORMAT, "{\"__metadata__\":{\"k\":1}}", 0, "metadata \"k\" is not a string"},
    {CLEF_FORMAT, "{\"a\":7}", 0, "tensor a has no \"dtype\" string"},
    {CLEF_FORMAT, "{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "no \"dtype\" string"},
    {CLEF_FORMAT, "{\"a\":{\"dtype\":32,\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
     "no \"dtype\" string"},
    {CLEF_UNSUPPORTED, "{\"a\":{\"dtype\":\"F4\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4,
     "tensor a has the type F4, which is not known"},
    {CLEF_FORMAT, "{\"a\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
     "needs 2 bytes, but"},
    {CLEF_FORMAT, "{\"a\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[0,4]}}", 4,
     "needs 8 bytes, but"},
    {CLEF_FORMAT, "{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, "no \"shape\" array"},
    {CLEF_FORMAT, "{" TENSOR("a", "1", "[0,4]") "}", 4, "no \"shape\" array"},
    {CLEF_FORMAT, "{" TENSOR("a", "[-1]", "[0,4]") "}", 4, "extent 0 of tensor a is not"},
    {CLEF_FORMAT, "{" TENSOR("a", "[1,1.0]", "[0,4]") "}", 4, "extent 1 of tensor a is not"},
    {CLEF_FORMAT, "{" TENSOR("a", "[2147483648]", "[0,4]") "}", 4, "extent 0 of tensor a is not"},
    {CLEF_FORMAT, "{" TENSOR("a", "[2147483647,2147483647,2]", "[0,4]") "}", 4, "too large"},
    // 2^64 + 4 bytes, which must not wrap around to 4.
    {CLEF_FORMAT, "{" TENSOR("a", "[65536,65536,1073741824]", "[0,4]") "}", 4, "too large"},
    {CLEF_UNSUPPORTED, "{" TENSOR("a", "[1,1,1,1,1,1,1,1,1]", "[0,4]") "}", 4, "9 dimensions"},
    {CLEF_FORMAT, "{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "two ascending whole numbers"},
    {CLEF_FORMAT, "{" TENSOR("a", "[1]", "[0]") "}", 4, "two ascending whole numbers"},
    {CLEF_FORMAT, "{" TENSOR("a", "[1]", "[0,4,8]") "}", 4, "two ascending whole numbers"},
    {CLEF_FORMAT, "{" TENSOR("a", "[1]", "[-4,0]") "}", 4, "two ascending whole numbers"},
    {CLEF_FORMAT, "{" TENSOR("a", "[1]", "[4,0]") "}", 4, "two ascending whole numbers"},
    {CLEF_FORMAT, "{" TENSOR("a", "[1]", "[0,4.0]") "}", 4, "two ascending whole numbers"},
    {CLEF_FORMAT, "{" TENSOR("a", "[2]", "[0,8]") "}", 4,
     "ends at byte 8 of the data, but the file holds only 4"},
    {CLEF_FORMAT, "{" TENSOR("a", "[1]", "[9223372036854775803,9223372036854775807]") "}", 4,
     "the file holds only 4"},
    {CLEF_FORMAT, "{" TENSOR("a", "[2]", "[0,4]") "}", 4, "needs 8 bytes, but"},
    {CLEF_FORMAT, "{" TENSOR("a", "[1]", "[0,8]") "}", 8, "\"data_offsets\" span 8"},
    {CLEF_FORMAT, "{" TENSOR("a", "[2]", "[0,8]") "," TENSOR("b", "[2]", "[4,12]") "}", 12,
     "tensors a and b overlap"},
    {CLEF_FORMAT, "{" TENSOR("a", "[1]", "[0,4]") "," TENSOR("b", "[1]", "[0,4]") "}", 4,
     "tensors a and b overlap"},
    {CLEF_FORMAT, "{" TENSOR("a", "[1]", "[0,4]") "," TENSOR("b", "[1]", "[8,12]") "}", 12,
     "bytes 4 to 8 of the data, before tensor b, belong to no tensor"},
    {CLEF_FORMAT, "{" TENSOR("a", "[1]", "[4,8]") "}", 8, "bytes 0 to 4"},
    {CLEF_FORMAT, "{" TENSOR("a", "[1]", "[0,4]") "}", 5, "expected 4 bytes of data, found 5"},
    {CLEF_FORMAT, "{}", 1, "expected 0 bytes of data, found 1"},
};

static void test_malformed(void **state)
{
    const char *path = temp_path(state, "bad.safetensors");
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++)
        check_open_refused(path, strlen(malformed[i].header), malformed[i].header,
                           malformed[i].data_size, malformed[i].status, malformed[i].reason);
}

// Tensors of other types may be in a file; only their values cannot be read.
static void test_other_types(void **state)
{
    const char *path = temp_path(state, "types.safetensors");
    static const char header[] =
        "{\"a\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[0,8]},"
        "\"b\":{\"dtype\":\"F16\",\"shape\":[3],\"data_offsets\":[8,14]},"
        "\"c\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[14,18]}}";
    uint64_t length = sizeof header - 1;
    char bytes[8 + sizeof header - 1 + 18] = {0};
    float values[3] = {0}, written = 7;
    memcpy(bytes, &length, 8);
    memcpy(bytes + 8, header, sizeof header - 1);
    memcpy(bytes + sizeof bytes - 4, &written, 4);
    write_file(path, bytes, sizeof bytes);
    struct clef_safetensors *file;
    check_ok(clef_safetensors_open(path, &file));
    check_failure(clef_safetensors_read(file, 0, values, 1), CLEF_UNSUPPORTED, path,
                  "tensor a has the type I64, only F32 can be read");
    check_failure(clef_safetensors_read(file, 1, values, 3), CLEF_UNSUPPORTED, path, "type F16");
    check_ok(clef_safetensors_read(file, 2, values, 1));
    assert_true(values[0] == 7);
    clef_safetensors_close(file);
}

static void test_bad_lengths(void **state)
{
    const char *path = temp_path(state, "bad.safetensors");
    struct clef_safetensors *file = NULL;
    for (size_t size = 0; size < 8; size += 7) {
        write_file(path, "\2\0\0\0\0\0\0", size);
        check_failure(clef_safetensors_open(path, &file), CLEF_FORMAT, path, "at least 8 bytes");
    }
    check_open_refused(path, 3, "{}", 0, CLEF_FORMAT, "expected a header of 3 bytes, found only 2");
    check_open_refused(path, UINT64_MAX, "{}", 0, CLEF_FORMAT, "at most 16777216 bytes");
    check_open_refused(path, UINT64_MAX - 7, "{}", 0, CLEF_FORMAT, "at most 16777216 bytes");
    check_open_refused(path, (16u << 20) + 1, "{}", 0, CLEF_FORMAT, "found 16777217");
    check_open_refused(path, 16u << 20, "{}", 0, CLEF_FORMAT, "cut off");
}

// Every proper prefix of a valid file is refused.
static void test_every_truncation(void **state)
{
    const char *path = temp_path(state, "whole"), *cut = temp_path(state, "cut");
    check_ok(clef_safetensors_write(path, tensors, TENSORS, metadata, 2, provide, NULL));
    size_t size;
    char *bytes = read_file(path, &size);
    for (size_t length = 0; length < size; length++) {
        write_file(cut, bytes, length);
        struct clef_safetensors *file = NULL;
        check_failure(clef_safetensors_open(cut, &file), CLEF_FORMAT, cut, "");
        assert_null(file);
    }
    free(bytes);
}

static void test_unreadable(void **state)
{
    struct clef_safetensors *file = NULL;
    const char *missing = temp_path(state, "missing");
    check_failure(clef_safetensors_open(missing, &file), CLEF_NOT_FOUND, missing, "No such file");
    check_failure(clef_safetensors_open(*state, &file), CLEF_IO, *state, "not a regular file");
    assert_null(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DIRECTORY(test_round_trip),
        IN_DIRECTORY(test_layout),
        IN_DIRECTORY(test_read_checks_arguments),
        IN_DIRECTORY(test_read_of_a_shrunk_file),
        IN_DIRECTORY(test_write_refuses),
        IN_DIRECTORY(test_write_refuses_large_header),
        IN_DIRECTORY(test_failing_source_leaves_the_old),
        IN_DIRECTORY(test_full_disk_leaves_nothing),
        IN_DIRECTORY(test_malformed),
        IN_DIRECTORY(test_other_types),
        IN_DIRECTORY(test_bad_lengths),
        IN_DIRECTORY(test_every_truncation),
        IN_DIRECTORY(test_unreadable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
