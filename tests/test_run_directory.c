// SPDX-License-Identifier: Apache-2.0
// The directory of a training run by itself.
#include "cli/run_directory.h"
#include "support/temp_directory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const names[] = {"model.safetensors", "history.csv", "summary.json"};

// The beginning of a file.
static const char *read_text(void **state, const char *name)
{
    static char text[16];
    size_t size;
    char *all = read_file(temp_path(state, name), &size);
    snprintf(text, sizeof text, "%s", all);
    free(all);
    return text;
}

static int rivals; // How often another run is faster, from now on.

int __real_mkdir(const char *path, mode_t mode);
int __wrap_mkdir(const char *path, mode_t mode);

// Every directory is made through here: another run makes the same one just before, and saves in
// it.
int __wrap_mkdir(const char *path, mode_t mode)
{
    if (rivals > 0 && strncmp(path, "runs/", 5) == 0) {
        char file[600];
        rivals--;
        assert_int_equal(0, __real_mkdir(path, mode));
        snprintf(file, sizeof file, "%s/model.safetensors", path);
        write_file(file, "rival", 5);
    }
    return __real_mkdir(path, mode);
}

// Two runs of the same second get two directories.
static void test_rivals(void **state)
{
    char before[4096];
    struct run_directory directory;
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(0, chdir(*state));
    rivals = 2;
    check_ok(run_directory_create(&directory, NULL));
    assert_int_equal(0, rivals);
    assert_int_equal(0, strncmp(directory.path, "runs/", 5));
    assert_string_equal("-3", directory.path + strlen(directory.path) - 2);
    assert_int_equal(0, count_entries(directory.path));
    assert_int_equal(3, count_entries("runs"));
    run_directory_abandon(&directory);
    assert_int_equal(2, count_entries("runs"));
    assert_int_equal(0, chdir(before));
}

// What is named by the user is taken as it is.
static void test_given(void **state)
{
    struct run_directory directory;
    const char *path = temp_path(state, "a/b");
    check_ok(run_directory_create(&directory, path));
    check_ok(run_directory_create(&directory, path));
    assert_string_equal(path, directory.path);
    run_directory_abandon(&directory); // It existed before the second call.
    assert_int_equal(0, count_entries(path));
}

// What cannot be replaced at the end is found at the beginning.
static void test_unreplaceable(void **state)
{
    struct run_directory directory;
    assert_int_equal(0, mkdir(temp_path(state, "history.csv"), 0777));
    check_failure(run_directory_create(&directory, *state), CLEF_IO, "/history.csv",
                  "not a regular file");
    assert_int_equal(1, count_entries(*state));
}

// A name that leaves no room for those of the files is too long from the beginning.
static void test_long_name(void **state)
{
    enum { LENGTH = 4060, PIECE = 200 };
    char path[LENGTH + 1];
    struct run_directory directory;
    size_t length = (size_t)snprintf(path, sizeof path, "%s/", (const char *)*state);
    memset(path + length, 'a', LENGTH - length);
    for (size_t i = length + PIECE; i < LENGTH - 1; i += PIECE)
        path[i] = '/';
    path[LENGTH] = '\0';
    assert_int_not_equal(CLEF_OK, run_directory_create(&directory, path));
    assert_int_equal(0, count_entries(*state));
}

// Until all files are whole none is there, and those of an earlier run stay.
static void test_appear_together(void **state)
{
    static const struct clef_epoch epoch = {.loss = 1};
    struct run_directory directory;
    for (int i = 0; i < 3; i++)
        write_file(temp_path(state, names[i]), "old", 3);
    check_ok(run_directory_create(&directory, *state));
    check_ok(run_directory_begin(&directory));
    check_ok(run_directory_save_history(&directory, &epoch, 1));
    json_t *summary = json_object();
    check_ok(run_directory_save_summary(&directory, summary));
    json_decref(summary);
    for (int i = 0; i < 3; i++)
        assert_string_equal("old", read_text(state, names[i]));
    run_directory_abandon(&directory);
    assert_int_equal(3, count_entries(*state));
}

// A run that was killed leaves what it had begun to write, under whatever name.
static void test_cleans(void **state)
{
    assert_int_equal(0, __real_mkdir(temp_path(state, ".saving-killed"), 0700));
    write_file(temp_path(state, ".saving-killed/model.safetensors"), "whole", 5);
    write_file(temp_path(state, ".saving-killed/history.csv.tmp-killed"), "ha", 2);
    write_file(temp_path(state, "history.csv"), "old", 3);
    check_ok(run_directory_clean(*state));
    assert_int_equal(1, count_entries(*state));
    assert_string_equal("old", read_text(state, "history.csv"));
}

// One that was killed between two moves has left the rest, which belongs with what is in place.
static void test_completes(void **state)
{
    assert_int_equal(0, __real_mkdir(temp_path(state, ".saving-killed.complete"), 0700));
    write_file(temp_path(state, "model.safetensors"), "new", 3);
    write_file(temp_path(state, "history.csv"), "old", 3);
    write_file(temp_path(state, ".saving-killed.complete/model.safetensors.old"), "old", 3);
    write_file(temp_path(state, ".saving-killed.complete/history.csv"), "new", 3);
    write_file(temp_path(state, ".saving-killed.complete/history.csv.old"), "old", 3);
    write_file(temp_path(state, ".saving-killed.complete/summary.json"), "new", 3);
    check_ok(run_directory_clean(*state));
    assert_int_equal(3, count_entries(*state));
    for (int i = 0; i < 3; i++)
        assert_string_equal("new", read_text(state, names[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DIRECTORY(test_rivals),          IN_DIRECTORY(test_given),
        IN_DIRECTORY(test_unreplaceable),   IN_DIRECTORY(test_long_name),
        IN_DIRECTORY(test_appear_together), IN_DIRECTORY(test_cleans),
        IN_DIRECTORY(test_completes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
