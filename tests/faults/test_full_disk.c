// SPDX-License-Identifier: Apache-2.0
// Training and exporting onto a disk that is full, of every size, or that cannot be written.
#include "support/program.h"
#include "support/small_disk.h"
#include "support/small_mnist.h"
#include "support/temp_directory.h"

#include "clef/checkpoint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

// In the order in which they are written.
enum { CHECKPOINT, FILES = 4 };
static const char *const names[FILES] = {"checkpoints/", "model.safetensors", "history.csv",
                                         "summary.json"};

static int set_up(void **state)
{
    if (temp_directory_setup(state) != 0)
        return -1;
    const char *out = temp_path(state, "out");
    if (mkdir(out, 0777) != 0)
        return -1;
    return 0;
}

// A test that failed may have left its disk.
static int tear_down(void **state)
{
    small_disk_abandon(temp_path(state, "out"));
    return temp_directory_teardown(state);
}

static struct program_result train(void **state)
{
    char data[512], out[512];
    snprintf(data, sizeof data, "%s", temp_path(state, "data"));
    snprintf(out, sizeof out, "%s", temp_path(state, "out"));
    return RUN_CLEF("train", "--data", data, "--out", out, "--epochs", "1", "--batch-size", "5",
                    "--blocks", "1", "--filters", "8", "--head", "avgpool");
}

// Which of the files a failure names, as one line with the system's reason.
static int failed_file(const struct program_result *result)
{
    check_exit(result, 1);
    check_one_line(result, "No space left on device");
    for (int i = 0; i < FILES; i++)
        if (strstr(result->err, names[i]) != NULL)
            return i;
    fail_msg("no file is named: %s", result->err);
    return -1;
}

// From one page on, each disk is too small for the checkpoint, then for the model, then for the
// history, then for the summary; and as long as one of the last three does not fit there is none of
// them.
static void test_every_size(void **state)
{
    enum { MOST_PAGES = 64 };
    int failures[FILES] = {0}, last = 0;
    small_disk_skip_if_refused();
    write_tiny_data(temp_path(state, "data"));
    for (int pages = 1;; pages++) {
        assert_in_range(pages, 1, MOST_PAGES);
        small_disk_mount_pages(temp_path(state, "out"), pages);
        struct program_result result = train(state);
        if (result.exit_code == 0) {
            assert_int_equal(FILES, count_entries(temp_path(state, "out")));
            program_release(&result);
            small_disk_unmount(temp_path(state, "out"));
            break;
        }
        int file = failed_file(&result);
        assert_true(file >= last);
        last = file;
        failures[file]++;
        assert_null(strstr(result.out, "Saved in"));
        assert_int_equal(file != CHECKPOINT, count_entries(temp_path(state, "out")));
        program_release(&result);
        small_disk_unmount(temp_path(state, "out"));
    }
    for (int i = 0; i < FILES; i++)
        if (failures[i] == 0)
            fail_msg("no size of the disk was too small for %s alone", names[i]);
}

// The files of an earlier run stay as they were, whichever of the new ones does not fit. They are
// empty, so that replacing them makes no room.
static void test_keeps_an_earlier_run(void **state)
{
    enum { MOST_PAGES = 64 };
    size_t size;
    bool done = false;
    small_disk_skip_if_refused();
    write_tiny_data(temp_path(state, "data"));
    for (int pages = 1; !done; pages++) {
        assert_in_range(pages, 1, MOST_PAGES);
        small_disk_mount_pages(temp_path(state, "out"), pages);
        for (int i = CHECKPOINT + 1; i < FILES; i++) {
            char file[64];
            snprintf(file, sizeof file, "out/%s", names[i]);
            write_file(temp_path(state, file), NULL, 0);
        }
        struct program_result result = train(state);
        done = result.exit_code == 0;
        bool has_checkpoint = done || failed_file(&result) != CHECKPOINT;
        assert_int_equal(FILES - 1 + has_checkpoint, count_entries(temp_path(state, "out")));
        for (int i = CHECKPOINT + 1; i < FILES; i++) {
            char file[64];
            snprintf(file, sizeof file, "out/%s", names[i]);
            free(read_file(temp_path(state, file), &size));
            assert_int_equal(!done, size == 0);
        }
        program_release(&result);
        small_disk_unmount(temp_path(state, "out"));
    }
}

static struct program_result train_with_checkpoints(void **state, const char *out)
{
    return RUN_CLEF("train", "--data", temp_path(state, "data"), "--out", out, "--epochs", "1",
                    "--batch-size", "1", "--checkpoint-every", "1", "--blocks", "1", "--filters",
                    "8", "--head", "avgpool");
}

// How many pages a checkpoint takes, of which each is a few bytes larger or smaller than the next.
static int pages_of_checkpoint(const char *path)
{
    struct stat information;
    assert_int_equal(0, stat(path, &information));
    return (int)(information.st_size / sysconf(_SC_PAGESIZE)) + 1;
}

static void check_checkpoint(const char *out, int step)
{
    char path[600];
    struct clef_checkpoint *checkpoint;
    snprintf(path, sizeof path, "%s/checkpoints/step-%07d.safetensors", out, step);
    check_ok(clef_checkpoint_read(path, &checkpoint));
    assert_int_equal(step, checkpoint->step);
    clef_checkpoint_destroy(checkpoint);
}

// A disk that holds so many checkpoints and half of the next: those that were made are whole and
// alone, and with more room the run ends as one that always had it.
static void check_disk_of_checkpoints(void **state, int count, int pages, const char *model)
{
    char out[512], checkpoints[600];
    size_t size, expected_size;
    snprintf(out, sizeof out, "%s", temp_path(state, "out"));
    snprintf(checkpoints, sizeof checkpoints, "%s/checkpoints", out);
    small_disk_mount_pages(out, count * pages + pages / 2);
    struct program_result result = train_with_checkpoints(state, out);
    assert_int_equal(CHECKPOINT, failed_file(&result));
    program_release(&result);
    assert_int_equal(1, count_entries(out));
    assert_int_equal(count, count_entries(checkpoints));
    for (int step = 1; step <= count; step++)
        check_checkpoint(out, step);
    small_disk_resize_pages(out, 8 * pages);
    result = RUN_CLEF("train", "--resume", out);
    check_exit(&result, 0);
    program_release(&result);
    char *expected = read_file(model, &expected_size);
    char *found = read_file(temp_path(state, "out/model.safetensors"), &size);
    assert_int_equal(expected_size, size);
    assert_memory_equal(expected, found, size);
    free(expected);
    free(found);
    small_disk_unmount(out);
}

// The disk becomes full at the second checkpoint, and at the third, before which none goes away.
static void test_keeps_earlier_checkpoints(void **state)
{
    char model[512], best[512];
    small_disk_skip_if_refused();
    write_tiny_data(temp_path(state, "data"));
    struct program_result result = train_with_checkpoints(state, temp_path(state, "whole"));
    check_exit(&result, 0);
    program_release(&result);
    snprintf(model, sizeof model, "%s", temp_path(state, "whole/model.safetensors"));
    snprintf(best, sizeof best, "%s", temp_path(state, "whole/checkpoints/best.safetensors"));
    for (int count = 1; count <= 2; count++)
        check_disk_of_checkpoints(state, count, pages_of_checkpoint(best), model);
}

// Where not even a file can be made it is found before the first epoch.
static void test_no_room_for_a_file(void **state)
{
    small_disk_skip_if_refused();
    write_tiny_data(temp_path(state, "data"));
    const char *out = temp_path(state, "out");
    small_disk_mount(out, "nr_inodes=1");
    struct program_result result = train(state);
    check_exit(&result, 1);
    check_one_line(&result, "cannot write into the directory");
    check_one_line(&result, "No space left on device");
    assert_null(strstr(result.out, "Epoch"));
    assert_int_equal(0, count_entries(temp_path(state, "out")));
    program_release(&result);
    small_disk_unmount(temp_path(state, "out"));
}

// Nothing is trained for a disk that cannot be written.
static void test_read_only(void **state)
{
    small_disk_skip_if_refused();
    write_tiny_data(temp_path(state, "data"));
    small_disk_mount(temp_path(state, "out"), "");
    small_disk_make_read_only(temp_path(state, "out"));
    struct program_result result = train(state);
    check_exit(&result, 1);
    check_one_line(&result, "cannot write into the directory");
    check_one_line(&result, "Read-only file system");
    assert_null(strstr(result.out, "Epoch"));
    program_release(&result);
    small_disk_unmount(temp_path(state, "out"));
}

static void make_read_only(void *user)
{
    small_disk_make_read_only(temp_path(user, "out"));
}

// As Linux makes a disk after an error: what was there stays.
static void test_becomes_read_only(void **state)
{
    size_t size;
    small_disk_skip_if_refused();
    write_tiny_data(temp_path(state, "data"));
    small_disk_mount(temp_path(state, "out"), "");
    write_file(temp_path(state, "out/model.safetensors"), "earlier", 7);
    struct program_result result = program_run(
        CLEF_PROGRAM,
        &(struct program_setting){.signal_at = "Epoch 2/", .before = make_read_only, .user = state},
        (const char *const[]){"train", "--data", temp_path(state, "data"), "--out",
                              temp_path(state, "out"), "--epochs", "1000000", "--blocks", "1",
                              "--filters", "4", "--head", "avgpool", NULL});
    check_exit(&result, 1);
    check_one_line(&result, "Read-only file system");
    assert_int_equal(2, count_entries(temp_path(state, "out"))); // The checkpoints are the other.
    char *text = read_file(temp_path(state, "out/model.safetensors"), &size);
    assert_string_equal("earlier", text);
    free(text);
    program_release(&result);
    small_disk_unmount(temp_path(state, "out"));
}

// Exports a model with these options onto disks of every size.
static void check_export(void **state, const char *format, const char *layout)
{
    enum { MOST_PAGES = 64 };
    char model[512], file[512];
    snprintf(model, sizeof model, "%s", temp_path(state, "model/model.safetensors"));
    snprintf(file, sizeof file, "%s", temp_path(state, "out/exported"));
    bool done = false;
    int failures = 0;
    for (int pages = 1; !done; pages++) {
        assert_in_range(pages, 1, MOST_PAGES);
        small_disk_mount_pages(temp_path(state, "out"), pages);
        write_file(file, NULL, 0);
        struct program_result result =
            RUN_CLEF("export", "--model", model, "--out", file, "--format", format, layout, NULL);
        size_t size;
        free(read_file(file, &size));
        done = result.exit_code == 0;
        if (!done) {
            check_exit(&result, 1);
            check_one_line(&result, "No space left on device");
            failures++;
        }
        assert_int_equal(done, size != 0);
        assert_int_equal(1, count_entries(temp_path(state, "out")));
        program_release(&result);
        small_disk_unmount(temp_path(state, "out"));
    }
    assert_true(failures > 0);
}

static void test_export(void **state)
{
    small_disk_skip_if_refused();
    write_tiny_data(temp_path(state, "data"));
    struct program_result result =
        RUN_CLEF("train", "--data", temp_path(state, "data"), "--out", temp_path(state, "model"),
                 "--epochs", "1", "--blocks", "1", "--filters", "8", "--head", "avgpool");
    check_exit(&result, 0);
    program_release(&result);
    check_export(state, "safetensors", "--layout=pytorch");
#ifdef CLEF_TEST_HDF5
    check_export(state, "keras", NULL);
#endif
#ifdef CLEF_TEST_ONNX
    check_export(state, "onnx", NULL);
#endif
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    small_disk_begin();
    const struct CMUnitTest tests[] = {
        TEST(test_every_size),
        TEST(test_keeps_an_earlier_run),
        TEST(test_keeps_earlier_checkpoints),
        TEST(test_no_room_for_a_file),
        TEST(test_read_only),
        TEST(test_becomes_read_only),
        TEST(test_export),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
