// SPDX-License-Identifier: Apache-2.0
// A full disk at what OpenCL keeps for the next start: compiled kernels, which it does without, and
// what was tuned, which stays as it was.
#include "opencl/ocl_tuned.h"
#include "support/driver_cache.h"
#include "support/expect.h"
#include "support/program.h"
#include "support/small_disk.h"
#include "support/small_mnist.h"
#include "support/temp_directory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *disk; // Where caches are kept.

static int set_up(void **state)
{
    if (driver_cache_setup(state) != 0)
        return -1;
    static char path[512];
    snprintf(path, sizeof path, "%s", temp_path(state, "disk"));
    disk = path;
    setenv("XDG_CACHE_HOME", disk, 1);
    setenv("XDG_STATE_HOME", temp_path(state, "state"), 1);
    unsetenv("CLEF_KERNEL_CACHE");
    return mkdir(disk, 0777);
}

static int tear_down(void **state)
{
    small_disk_abandon(disk);
    return driver_cache_teardown(state);
}

// The first program's binary is larger than the disk.
static void test_kernel_cache(void **state)
{
    char data[512], out[512], kernels[600];
    small_disk_skip_if_refused();
    snprintf(data, sizeof data, "%s", temp_path(state, "data"));
    snprintf(out, sizeof out, "%s", temp_path(state, "out"));
    snprintf(kernels, sizeof kernels, "%s/clef/kernels", disk);
    write_tiny_data(data);
    small_disk_mount_pages(disk, 1);
    // The leak sanitizer breaks down among the driver's threads when this run ends; what the same
    // run leaks without a full disk, test_opencl_train would tell.
    setenv("LSAN_OPTIONS", "detect_leaks=0", 1);
    struct program_result result =
        RUN_CLEF("train", "--device", "opencl", "--data", data, "--out", out, "--epochs", "1",
                 "--blocks", "1", "--filters", "4", "--head", "avgpool");
    check_exit(&result, 0);
    check_one_line(&result, "warning: compiled kernels cannot be kept for the next start");
    check_one_line(&result, "No space left on device");
    assert_int_equal(4, count_entries(out)); // The three files and the checkpoints.
    assert_int_equal(0, count_entries(kernels));
    program_release(&result);
    small_disk_unmount(disk);
}

// The disk has one page, and the file that it holds already fills it.
static void test_tuned(void **state)
{
    char path[4096], other[600];
    struct clef_device *device;
    small_disk_skip_if_refused();
    (void)state;
    small_disk_mount_pages(disk, 1);
    EXPECT_OK(clef_device_open("opencl", NULL, &device));
    const struct ocl_tuned tuned = {.choice_count = 0};
    EXPECT_OK(ocl_tuned_save(clef_device_context(device), &tuned, path, sizeof path));
    size_t size, size_after;
    char *before = read_file(path, &size);
    EXPECT_FAILS(ocl_tuned_save(clef_device_context(device), &tuned, path, sizeof path), CLEF_IO,
                 "No space left on device");
    char *after = read_file(path, &size_after);
    assert_int_equal(size, size_after);
    assert_memory_equal(before, after, size);
    free(before);
    free(after);
    snprintf(other, sizeof other, "%s/clef/tuned", disk);
    assert_int_equal(1, count_entries(other));
    clef_device_close(device);
    small_disk_unmount(disk);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    small_disk_begin();
    const struct CMUnitTest tests[] = {
        TEST(test_kernel_cache),
        TEST(test_tuned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
