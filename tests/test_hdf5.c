// SPDX-License-Identifier: Apache-2.0
// HDF5 files: what is written is what is read, and what is no file of Keras is refused, even if it
// breaks the library.
#include "clef/weights.h"
#include "io/hdf5.h"
#include "support/model_fixture.h"
#include "support/temp_directory.h"

#include <stdio.h>
#include <stdlib.h>

enum { TENSORS = 3 };
static const struct clef_safetensors_tensor tensors[TENSORS] = {
    {.name = "layers/conv2d/vars/0", .rank = 4, .dims = {2, 3, 1, 5}},
    {.name = "layers/conv2d/vars/1", .rank = 1, .dims = {5}},
    {.name = "layers/dense_10/vars/0", .rank = 2, .dims = {7, 4}},
};

static clef_status provide(void *user, int index, float *values)
{
    size_t count = 1;
    (void)user;
    for (int i = 0; i < tensors[index].rank; i++)
        count *= (size_t)tensors[index].dims[i];
    for (size_t i = 0; i < count; i++)
        values[i] = (float)(100 * index) + 0.25f * (float)i;
    return CLEF_OK;
}

static clef_status fail_to_provide(void *user, int index, float *values)
{
    (void)values;
    (void)user;
    return index < 2 ? CLEF_OK : CLEF_DEVICE;
}

static void test_round_trip(void **state)
{
    const char *path = temp_path(state, "a.h5");
    struct clef_safetensors *file;
    check_ok(clef_hdf5_write(path, tensors, TENSORS, "vars", provide, NULL));
    assert_true(clef_hdf5_is(path));
    check_ok(clef_hdf5_open(path, "layers", &file));
    assert_int_equal(TENSORS, clef_safetensors_count(file));
    for (int i = 0; i < TENSORS; i++) {
        float expected[64], values[64];
        int index = clef_safetensors_find(file, tensors[i].name);
        assert_in_range(index, 0, TENSORS - 1);
        struct clef_safetensors_tensor found = clef_safetensors_get(file, index);
        assert_int_equal(tensors[i].rank, found.rank);
        assert_memory_equal(tensors[i].dims, found.dims, (size_t)found.rank * sizeof(int));
        check_ok(provide(NULL, i, expected));
        check_ok(clef_safetensors_read(file, index, values, found.count));
        assert_memory_equal(expected, values, found.count * sizeof *values);
    }
    clef_safetensors_close(file);
    check_failure(clef_hdf5_open(path, "nowhere", &file), CLEF_FORMAT, path, "no group");
    check_ok(clef_hdf5_open(path, "vars", &file));
    assert_int_equal(0, clef_safetensors_count(file));
    clef_safetensors_close(file);
}

static void test_same_bytes(void **state)
{
    size_t size[2];
    char *bytes[2];
    for (int i = 0; i < 2; i++) {
        const char *path = temp_path(state, i == 0 ? "a.h5" : "b.h5");
        check_ok(clef_hdf5_write(path, tensors, TENSORS, NULL, provide, NULL));
        bytes[i] = read_file(path, &size[i]);
    }
    assert_int_equal(size[0], size[1]);
    assert_memory_equal(bytes[0], bytes[1], size[0]);
    free(bytes[0]);
    free(bytes[1]);
}

// Nothing is left of a file that could not be finished, and what was there stays.
static void test_write_fails(void **state)
{
    const char *path = temp_path(state, "a.h5");
    write_file(path, "old", 3);
    assert_int_equal(CLEF_DEVICE,
                     clef_hdf5_write(path, tensors, TENSORS, NULL, fail_to_provide, NULL));
    size_t size;
    char *bytes = read_file(path, &size);
    assert_int_equal(3, size);
    free(bytes);
    assert_int_equal(1, count_entries(*state));
    check_failure(clef_hdf5_write("/dev/null", tensors, TENSORS, NULL, provide, NULL), CLEF_IO,
                  "/dev/null", "not a regular file");
    assert_int_equal(CLEF_NOT_FOUND,
                     clef_hdf5_write("/nonexistent/x", tensors, TENSORS, NULL, provide, NULL));
}

// An error of one line, or tensors that the file has room for; never a crash, and never a wait.
static void check_harmless(const char *path, const char *bytes, size_t size)
{
    struct clef_safetensors *file;
    write_file(path, bytes, size);
    clef_status status = clef_hdf5_open(path, "layers", &file);
    if (status != CLEF_OK) {
        check_failure(status, status, path, "");
        return;
    }
    size_t sum = 0;
    for (int i = 0; i < clef_safetensors_count(file); i++)
        sum += clef_safetensors_get(file, i).count * sizeof(float);
    assert_in_range(sum, 0, size);
    clef_safetensors_close(file);
}

static void test_truncations(void **state)
{
    const char *path = temp_path(state, "a.h5"), *cut = temp_path(state, "cut.h5");
    size_t size;
    struct clef_safetensors *file;
    check_ok(clef_hdf5_write(path, tensors, TENSORS, "vars", provide, NULL));
    char *bytes = read_file(path, &size);
    for (size_t length = 0; length < size; length += 1 + length / 16)
        check_harmless(cut, bytes, length);
    write_file(cut, bytes, size / 2);
    check_failure(clef_hdf5_open(cut, "layers", &file), CLEF_FORMAT, cut, "damaged");
    write_file(cut, "", 0);
    assert_false(clef_hdf5_is(cut));
    free(bytes);
}

// One byte changed, at many places: of the metadata, since the values may be anything.
static void test_damage(void **state)
{
    const char *path = temp_path(state, "a.h5"), *damaged = temp_path(state, "damaged.h5");
    static const unsigned char flips[] = {0xff, 0x01, 0x80};
    size_t size;
    check_ok(clef_hdf5_write(path, tensors, TENSORS, "vars", provide, NULL));
    char *bytes = read_file(path, &size);
    for (size_t i = 0; i < size; i += 23) {
        char kept = bytes[i];
        bytes[i] = (char)(bytes[i] ^ flips[i % 3]);
        check_harmless(damaged, bytes, size);
        bytes[i] = kept;
    }
    free(bytes);
}

// A model's weights, under the names that Keras gives them, into another model.
static void test_model(void **state)
{
    struct fixture fixture, other;
    struct clef_weights_found found;
    struct clef_safetensors *file;
    const char *path = temp_path(state, "model.weights.h5");
    fixture_open(&fixture, 2, 1);
    fixture_open(&other, 2, 2);
    fixture_train(&fixture, 1e-2f);
    EXPECT_OK(clef_weights_save_keras(fixture.model, path));
    EXPECT_OK(clef_hdf5_open(path, "layers", &file));
    assert_int_equal(clef_model_parameter_count(fixture.model), clef_safetensors_count(file));
    static const struct {
        const char *name;
        int rank, dims[4];
    } rows[] = {{"layers/conv2d/vars/0", 4, {7, 7, 1, 8}},
                {"layers/conv2d_5/vars/0", 4, {1, 1, 8, 20}},
                {"layers/batch_normalization_3/vars/3", 1, {20}},
                {"layers/dense/vars/0", 2, {80, 24}},
                {"layers/dense_1/vars/1", 1, {5}}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int index = clef_safetensors_find(file, rows[i].name);
        assert_in_range(index, 0, clef_safetensors_count(file) - 1);
        struct clef_safetensors_tensor tensor = clef_safetensors_get(file, index);
        assert_int_equal(rows[i].rank, tensor.rank);
        assert_memory_equal(rows[i].dims, tensor.dims, (size_t)tensor.rank * sizeof(int));
    }
    clef_safetensors_close(file);
    EXPECT_OK(clef_weights_load(other.model, path, &found));
    assert_string_equal("keras", found.layout);
    size_t count, other_count;
    float *values = fixture_read_all(fixture.model, &count);
    float *loaded = fixture_read_all(other.model, &other_count);
    assert_int_equal(count, other_count);
    assert_memory_equal(values, loaded, count * sizeof *values);
    free(values);
    free(loaded);
    fixture_close(&fixture);
    fixture_close(&other);
}

static void test_no_file(void **state)
{
    struct clef_safetensors *file;
    assert_false(clef_hdf5_is("/nonexistent/x"));
    check_failure(clef_hdf5_open("/nonexistent/x", "layers", &file), CLEF_NOT_FOUND,
                  "/nonexistent/x", "No such file");
    const char *path = temp_path(state, "x");
    write_file(path, "no HDF5", 7);
    assert_false(clef_hdf5_is(path));
    check_failure(clef_hdf5_open(path, "layers", &file), CLEF_FORMAT, path, "no HDF5 file");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DIRECTORY(test_round_trip),  IN_DIRECTORY(test_same_bytes),
        IN_DIRECTORY(test_write_fails), IN_DIRECTORY(test_truncations),
        IN_DIRECTORY(test_damage),      IN_DIRECTORY(test_no_file),
        IN_DIRECTORY(test_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
