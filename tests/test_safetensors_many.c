// SPDX-License-Identifier: Apache-2.0
// A safetensors file of many tensors, and their names.
#include "io/safetensors.h"
#include "support/temp_directory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MANY = 5000 };

struct many {
    char names[MANY][16];
    struct clef_safetensors_tensor tensors[MANY];
};

static clef_status provide_number(void *user, int index, float *values)
{
    (void)user;
    *values = (float)index;
    return CLEF_OK;
}

// Scalars whose names are neither ascending nor descending, and of several lengths.
static struct many *make_many(void)
{
    struct many *many = calloc(1, sizeof *many);
    assert_non_null(many);
    for (int i = 0; i < MANY; i++) {
        snprintf(many->names[i], sizeof many->names[i], "t%d", i * 2617 % MANY);
        many->tensors[i].name = many->names[i];
    }
    return many;
}

static void check_finds_many(const struct clef_safetensors *file, const struct many *many)
{
    static const char *const absent[] = {"", "t", "t00", "t10x", "t5000", "t9999", "s1", "u1"};
    assert_int_equal(MANY, clef_safetensors_count(file));
    for (int i = 0; i < MANY; i++) {
        float value = -1;
        assert_int_equal(i, clef_safetensors_find(file, many->names[i]));
        assert_string_equal(many->names[i], clef_safetensors_get(file, i).name);
        check_ok(clef_safetensors_read(file, i, &value, 1));
        assert_true(value == (float)i);
    }
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++)
        assert_int_equal(-1, clef_safetensors_find(file, absent[i]));
}

// Gives a tensor the name of another one, as long, in the header of a file.
static void rename_tensor(const char *path, const char *name, const char *other)
{
    size_t size;
    char *bytes = read_file(path, &size), quoted[24];
    assert_int_equal(strlen(name), strlen(other));
    snprintf(quoted, sizeof quoted, "\"%s\":", name);
    char *place = strstr(bytes + sizeof(uint64_t), quoted);
    assert_non_null(place);
    memcpy(place + 1, other, strlen(other));
    write_file(path, bytes, size);
    free(bytes);
}

static void test_all_are_found(void **state)
{
    const char *path = temp_path(state, "many.safetensors");
    struct many *many = make_many();
    check_ok(clef_safetensors_write(path, many->tensors, MANY, NULL, 0, provide_number, NULL));
    struct clef_safetensors *file;
    check_ok(clef_safetensors_open(path, &file));
    check_finds_many(file, many);
    clef_safetensors_close(file);
    free(many);
}

// A name that occurs twice is refused, whether its tensors are neighbours or far apart.
static void test_one_twice(void **state)
{
    static const int seconds[] = {3, MANY / 2, MANY - 1};
    const char *path = temp_path(state, "many.safetensors");
    struct many *many = make_many();
    for (size_t i = 0; i < sizeof seconds / sizeof *seconds; i++) {
        struct clef_safetensors *file = NULL;
        check_ok(clef_safetensors_write(path, many->tensors, MANY, NULL, 0, provide_number, NULL));
        rename_tensor(path, many->names[seconds[i]], many->names[1]);
        check_failure(clef_safetensors_open(path, &file), CLEF_FORMAT, path,
                      "duplicate object key");
        assert_null(file);
    }
    free(many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DIRECTORY(test_all_are_found),
        IN_DIRECTORY(test_one_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
