// SPDX-License-Identifier: Apache-2.0
#include "io/atomic_file.h"
#include "io/json_build.h"
#include "io/json_file.h"
#include "support/temp_directory.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void check_file(const char *path, const char *expected)
{
    size_t size;
    char *text = read_file(path, &size);
    assert_int_equal(strlen(expected), size);
    assert_string_equal(expected, text);
    free(text);
}

static void test_commit_makes_the_file(void **state)
{
    const char *path = temp_path(state, "new");
    struct clef_atomic_file *file;
    check_ok(clef_atomic_file_create(path, &file));
    check_ok(clef_atomic_file_write(file, "one ", 4));
    check_ok(clef_atomic_file_write(file, "", 0));
    check_ok(clef_atomic_file_write(file, "two", 3));
    assert_int_equal(-1, access(path, F_OK)); // Not before the commit.
    check_ok(clef_atomic_file_commit(file));
    check_file(path, "one two");
    assert_int_equal(1, count_entries(*state));
}

// A new file has the permissions that the umask leaves, like any other.
static void test_permissions(void **state)
{
    const char *path = temp_path(state, "new");
    mode_t before = umask(027);
    check_ok(clef_atomic_file_save(path, "x", 1));
    umask(before);
    struct stat information;
    assert_int_equal(0, stat(path, &information));
    assert_int_equal(0640, information.st_mode & 0777);
}

static void test_replaces_whole(void **state)
{
    const char *path = temp_path(state, "file");
    check_ok(clef_atomic_file_save(path, "a longer old text", 17));
    check_ok(clef_atomic_file_save(path, "new", 3));
    check_file(path, "new");
    assert_int_equal(1, count_entries(*state));
}

static void test_abort_leaves_the_old(void **state)
{
    const char *path = temp_path(state, "file");
    check_ok(clef_atomic_file_save(path, "old", 3));
    struct clef_atomic_file *file;
    check_ok(clef_atomic_file_create(path, &file));
    check_ok(clef_atomic_file_write(file, "new", 3));
    assert_int_equal(2, count_entries(*state));
    clef_atomic_file_abort(file);
    check_file(path, "old");
    assert_int_equal(1, count_entries(*state));
    clef_atomic_file_abort(NULL);
}

static void test_writers_do_not_collide(void **state)
{
    const char *path = temp_path(state, "file");
    struct clef_atomic_file *first, *second;
    check_ok(clef_atomic_file_create(path, &first));
    check_ok(clef_atomic_file_create(path, &second));
    check_ok(clef_atomic_file_write(first, "first", 5));
    check_ok(clef_atomic_file_write(second, "second", 6));
    check_ok(clef_atomic_file_commit(second));
    check_file(path, "second");
    check_ok(clef_atomic_file_commit(first));
    check_file(path, "first");
    assert_int_equal(1, count_entries(*state));
}

static void test_relative_path(void **state)
{
    char before[4096];
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(0, chdir(*state));
    clef_status status = clef_atomic_file_save("relative", "r", 1);
    assert_int_equal(0, chdir(before));
    check_ok(status);
    check_file(temp_path(state, "relative"), "r");
}

// Runs into a limit on file sizes as into a full disk: a write stores a part and then fails.
static void test_full_disk(void **state)
{
    const char *path = temp_path(state, "file");
    check_ok(clef_atomic_file_save(path, "old", 3));
    struct rlimit before;
    assert_int_equal(0, getrlimit(RLIMIT_FSIZE, &before));
    struct rlimit limit = {1000, before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(0, setrlimit(RLIMIT_FSIZE, &limit));
    static const char zeros[4000];
    clef_status status = clef_atomic_file_save(path, zeros, sizeof zeros);
    assert_int_equal(0, setrlimit(RLIMIT_FSIZE, &before));
    signal(SIGXFSZ, SIG_DFL);
    check_failure(status, CLEF_IO, path, "File too large");
    check_file(path, "old");
    assert_int_equal(1, count_entries(*state));
}

// What the file replaces may become a directory after the check at its creation: then the rename
// fails, and the temporary file must go.
static void test_failed_rename(void **state)
{
    const char *path = temp_path(state, "file");
    struct clef_atomic_file *file;
    check_ok(clef_atomic_file_create(path, &file));
    assert_int_equal(0, mkdir(path, 0700));
    check_failure(clef_atomic_file_commit(file), CLEF_IO, path, "Is a directory");
    assert_int_equal(1, count_entries(*state));
    assert_int_equal(0, count_entries(path));
}

// Files that belong together are moved together: if one of them cannot be, none is.
static void test_replaces_together(void **state)
{
    char from[2][512], to[2][512];
    for (int i = 0; i < 2; i++) {
        snprintf(from[i], sizeof from[i], "%s", temp_path(state, i == 0 ? "new0" : "new1"));
        snprintf(to[i], sizeof to[i], "%s", temp_path(state, i == 0 ? "0" : "1"));
        write_file(from[i], "new", 3);
    }
    write_file(to[0], "old", 3);
    assert_int_equal(0, mkdir(to[1], 0700));
    const struct clef_file_move moves[] = {{from[0], to[0]}, {from[1], to[1]}};
    check_failure(clef_files_replace(moves, 2), CLEF_IO, to[1], "not a regular file");
    check_file(to[0], "old");
    assert_int_equal(4, count_entries(*state));
    assert_int_equal(0, rmdir(to[1]));
    check_ok(clef_files_replace(moves, 2));
    check_file(to[0], "new");
    check_file(to[1], "new");
    check_file(temp_path(state, "new0.old"), "old"); // Whoever asked for the change removes it.
    assert_int_equal(3, count_entries(*state));
}

static void test_impossible_places(void **state)
{
    struct clef_atomic_file *file = NULL;
    const char *missing = temp_path(state, "missing/file");
    check_failure(clef_atomic_file_create(missing, &file), CLEF_NOT_FOUND, missing,
                  "No such file or directory");
    write_file(temp_path(state, "plain"), "p", 1);
    const char *below = temp_path(state, "plain/file");
    check_failure(clef_atomic_file_create(below, &file), CLEF_IO, below, "Not a directory");
    check_failure(clef_atomic_file_create(*state, &file), CLEF_IO, *state, "not a regular file");
    check_failure(clef_atomic_file_create("/dev/full", &file), CLEF_IO, "/dev/full",
                  "not a regular file");
    assert_null(file);
    assert_int_equal(1, count_entries(*state));
}

// The superuser may write anywhere, so the test steps down for the call if it runs as one.
static void test_read_only_directory(void **state)
{
    enum { NOBODY = 65534 };
    const char *path = temp_path(state, "file");
    uid_t before = geteuid();
    assert_int_equal(0, chmod(*state, 0555));
    if (before == 0)
        assert_int_equal(0, seteuid(NOBODY));
    clef_status status = clef_atomic_file_save(path, "x", 1);
    assert_int_equal(0, seteuid(before));
    assert_int_equal(0, chmod(*state, 0700));
    check_failure(status, CLEF_IO, path, "Permission denied");
    assert_int_equal(0, count_entries(*state));
}

// ---------------------------------------------------------------- JSON

static void test_json_round_trip(void **state)
{
    const char *path = temp_path(state, "document.json");
    json_t *written = json_pack("{s:s, s:[f, i]}", "name", "clef", "values", 0.1, 7);
    check_ok(clef_json_save(path, written));
    size_t size;
    char *text = read_file(path, &size);
    assert_true(size > 2 && text[size - 1] == '\n' && strstr(text, "\n  \"name\"") != NULL);
    free(text);
    json_t *read = NULL;
    check_ok(clef_json_load(path, size, &read));
    assert_true(json_equal(written, read));
    json_decref(written);
    json_decref(read);
    assert_int_equal(1, count_entries(*state));
}

static void test_json_large(void **state)
{
    const char *path = temp_path(state, "large.json");
    json_t *written = json_array();
    for (int i = 0; i < 50000; i++)
        json_array_append_new(written, json_integer(i));
    check_ok(clef_json_save(path, written));
    json_t *read = NULL;
    check_ok(clef_json_load(path, 10 << 20, &read));
    assert_true(json_equal(written, read));
    json_decref(written);
    json_decref(read);
}

// What cannot be part of a document leaves none, rather than one with a hole.
static void test_json_without_holes(void **state)
{
    (void)state;
    json_t *array = json_array(), *object = json_object();
    clef_json_append(&array, json_integer(1));
    clef_json_set(&object, "key", json_integer(1));
    assert_int_equal(1, json_array_size(array));
    assert_int_equal(1, json_object_size(object));
    clef_json_append(&array, NULL);
    clef_json_set(&object, "other", json_string("\xff"));
    assert_null(array);
    assert_null(object);
    clef_json_append(&array, json_integer(2));
    clef_json_set(&object, "key", json_integer(2));
    assert_null(array);
    assert_null(object);
}

static void test_json_malformed(void **state)
{
    static const struct {
        const char *text, *reason;
    } malformed[] = {
        {"", ":1: not valid JSON"},
        {"{\"a\": 1,\n \"b\": }\n", ":2: not valid JSON: unexpected token"},
        {"{\"a\": 1,\n\n \"a\": 2}", ":3: not valid JSON: duplicate object key"},
        {"{\"a\": 1}\nmore", ":2: not valid JSON: end of file expected"},
        {"{\"a\": \"\xff\"}", "not valid JSON: unable to decode byte 0xff"},
        {"{\"a\": [1, 2", ":1: not valid JSON"},
    };
    const char *path = temp_path(state, "bad.json");
    json_t *root = NULL;
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++) {
        write_file(path, malformed[i].text, strlen(malformed[i].text));
        check_failure(clef_json_load(path, 1000, &root), CLEF_FORMAT, path, malformed[i].reason);
    }
    write_file(path, "[1, 2, 3]", 9);
    check_failure(clef_json_load(path, 8, &root), CLEF_FORMAT, path, "larger than the 8 bytes");
    const char *missing = temp_path(state, "missing.json");
    check_failure(clef_json_load(missing, 8, &root), CLEF_NOT_FOUND, missing, "No such file");
    check_failure(clef_json_load(*state, 8, &root), CLEF_IO, *state, "Is a directory");
    assert_null(root);
    check_failure(clef_json_save(path, NULL), CLEF_OUT_OF_MEMORY, path, "out of memory");
    check_file(path, "[1, 2, 3]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DIRECTORY(test_commit_makes_the_file),
        IN_DIRECTORY(test_permissions),
        IN_DIRECTORY(test_replaces_whole),
        IN_DIRECTORY(test_abort_leaves_the_old),
        IN_DIRECTORY(test_writers_do_not_collide),
        IN_DIRECTORY(test_relative_path),
        IN_DIRECTORY(test_full_disk),
        IN_DIRECTORY(test_failed_rename),
        IN_DIRECTORY(test_replaces_together),
        IN_DIRECTORY(test_impossible_places),
        IN_DIRECTORY(test_read_only_directory),
        IN_DIRECTORY(test_json_round_trip),
        IN_DIRECTORY(test_json_large),
        IN_DIRECTORY(test_json_without_holes),
        IN_DIRECTORY(test_json_malformed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
