// SPDX-License-Identifier: Apache-2.0
// Training onto a disk that is full, of every size: a tmpfs in a mount namespace of this program's
// own, so that nothing is left of it however the program ends.
#include "support/program.h"
#include "support/small_mnist.h"
#include "support/temp_directory.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const names[] = {"model.safetensors", "history.csv", "summary.json"};

// Why this system lets nobody mount here; "" if it does.
static char refused[256];

static bool write_line(const char *path, const char *format, unsigned number)
{
    FILE *stream = fopen(path, "w");
    if (stream == NULL)
        return false;
    bool written = fprintf(stream, format, number) > 0;
    return fclose(stream) == 0 && written;
}

// Enters a mount namespace. Who is not root may have one in a user namespace, where he is.
static bool enter_namespace(void)
{
    unsigned user = geteuid(), group = getegid();
    if (unshare(user == 0 ? CLONE_NEWNS : CLONE_NEWUSER | CLONE_NEWNS) != 0)
        return false;
    if (user != 0 && (!write_line("/proc/self/setgroups", "deny", 0) ||
                      !write_line("/proc/self/uid_map", "0 %u 1", user) ||
                      !write_line("/proc/self/gid_map", "0 %u 1", group)))
        return false;
    return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

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
    umount2(temp_path(state, "out"), MNT_DETACH);
    return temp_directory_teardown(state);
}

// Mounts a disk of so many pages at "out".
static void make_disk(void **state, int pages)
{
    char options[64];
    snprintf(options, sizeof options, "size=%ld", pages * sysconf(_SC_PAGESIZE));
    if (mount("clef-test", temp_path(state, "out"), "tmpfs", 0, options) != 0)
        fail_msg("cannot mount a tmpfs of %d pages: %s", pages, strerror(errno));
}

static void remove_disk(void **state)
{
    assert_int_equal(0, umount(temp_path(state, "out")));
}

static struct program_result train(void **state)
{
    char data[512], out[512];
    snprintf(data, sizeof data, "%s", temp_path(state, "data"));
    snprintf(out, sizeof out, "%s", temp_path(state, "out"));
    return RUN_CLEF("train", "--data", data, "--out", out, "--epochs", "1", "--batch-size", "5",
                    "--blocks", "1", "--filters", "8", "--head", "avgpool");
}

// Which of the three files a failure names, as one line with the system's reason.
static int failed_file(const struct program_result *result)
{
    check_exit(result, 1);
    check_one_line(result, "No space left on device");
    for (int i = 0; i < 3; i++)
        if (strstr(result->err, names[i]) != NULL)
            return i;
    fail_msg("no file is named: %s", result->err);
    return -1;
}

static void skip_if_refused(void)
{
    if (refused[0] == '\0')
        return;
    print_message("SKIP: %s\n", refused);
    skip();
}

// From one page on, each disk is too small for the model, then for the history, then for the
// summary; and as long as one of them does not fit there is none.
static void test_every_size(void **state)
{
    enum { MOST_PAGES = 64 };
    int failures[3] = {0}, last = 0;
    skip_if_refused();
    write_tiny_data(temp_path(state, "data"));
    for (int pages = 1;; pages++) {
        assert_in_range(pages, 1, MOST_PAGES);
        make_disk(state, pages);
        struct program_result result = train(state);
        if (result.exit_code == 0) {
            assert_int_equal(3, count_entries(temp_path(state, "out")));
            program_release(&result);
            remove_disk(state);
            break;
        }
        int file = failed_file(&result);
        assert_true(file >= last);
        last = file;
        failures[file]++;
        assert_null(strstr(result.out, "Saved in"));
        assert_int_equal(0, count_entries(temp_path(state, "out")));
        program_release(&result);
        remove_disk(state);
    }
    for (int i = 0; i < 3; i++)
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
    skip_if_refused();
    write_tiny_data(temp_path(state, "data"));
    for (int pages = 1; !done; pages++) {
        assert_in_range(pages, 1, MOST_PAGES);
        make_disk(state, pages);
        for (int i = 0; i < 3; i++) {
            char file[64];
            snprintf(file, sizeof file, "out/%s", names[i]);
            write_file(temp_path(state, file), NULL, 0);
        }
        struct program_result result = train(state);
        done = result.exit_code == 0;
        if (!done)
            failed_file(&result);
        assert_int_equal(3, count_entries(temp_path(state, "out")));
        for (int i = 0; i < 3; i++) {
            char file[64];
            snprintf(file, sizeof file, "out/%s", names[i]);
            free(read_file(temp_path(state, file), &size));
            assert_int_equal(!done, size == 0);
        }
        program_release(&result);
        remove_disk(state);
    }
}

// Where not even a file can be made it is found before the first epoch.
static void test_no_room_for_a_file(void **state)
{
    skip_if_refused();
    write_tiny_data(temp_path(state, "data"));
    const char *out = temp_path(state, "out");
    if (mount("clef-test", out, "tmpfs", 0, "nr_inodes=1") != 0)
        fail_msg("cannot mount a tmpfs of one inode: %s", strerror(errno));
    struct program_result result = train(state);
    check_exit(&result, 1);
    check_one_line(&result, "cannot write into the directory");
    check_one_line(&result, "No space left on device");
    assert_null(strstr(result.out, "Epoch"));
    assert_int_equal(0, count_entries(temp_path(state, "out")));
    program_release(&result);
    remove_disk(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    if (!enter_namespace())
        snprintf(refused, sizeof refused, "this system lets us mount no disk of a limited size: %s",
                 strerror(errno));
    const struct CMUnitTest tests[] = {
        TEST(test_every_size),
        TEST(test_keeps_an_earlier_run),
        TEST(test_no_room_for_a_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
