// SPDX-License-Identifier: Apache-2.0
// Compiled kernels kept in files: what is compiled and what is loaded, whatever is in the cache.
#include "clef/clef.h"
#include "core/hash.h"
#include "support/driver_cache.h"
#include "support/expect.h"
#include "support/temp_directory.h"

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

// What a device told while it was open.
struct told {
    int compiled, loaded, warnings;
    char warning[1024];
    bool compiling; // Whether the last progress was a text.
    int progress;
};

static void on_notice(void *user, enum clef_notice kind, const char *message)
{
    struct told *told = user;
    if (kind == CLEF_NOTICE_WARNING) {
        told->warnings++;
        snprintf(told->warning, sizeof told->warning, "%s", message);
    } else if (kind == CLEF_NOTICE_PROGRESS) {
        told->progress++;
        told->compiling = *message != '\0';
    } else {
        assert_int_equal(2, sscanf(message, "OpenCL programs: %d compiled, %d from the cache",
                                   &told->compiled, &told->loaded));
    }
}

// Fills a tensor and reads it back, in a device that is opened for this alone.
static struct told run_once(bool no_kernel_cache)
{
    struct told told = {0};
    struct clef_device_options options = {
        .no_kernel_cache = no_kernel_cache, .notice = on_notice, .notice_user = &told};
    struct clef_device *device;
    struct clef_buffer *buffer;
    struct clef_plan *plan;
    float values[100];
    EXPECT_OK(clef_device_open("opencl", &options, &device));
    EXPECT_OK(clef_buffer_create(device, sizeof values, &buffer));
    struct clef_tensor dst = clef_tensor_vector(buffer, 0, 100);
    struct clef_fill_args args = {.dst = &dst, .value = 1.5f};
    EXPECT_OK(clef_plan_fill(device, &args, NULL, NULL, &plan));
    EXPECT_OK(clef_plan_run(plan, NULL));
    EXPECT_OK(clef_buffer_download(buffer, 0, values, sizeof values, NULL));
    for (int i = 0; i < 100; i++)
        assert_true(values[i] == 1.5f);
    clef_plan_destroy(plan);
    clef_buffer_destroy(buffer);
    clef_device_close(device);
    assert_false(told.compiling);
    return told;
}

static void expect_run(const char *when, bool no_kernel_cache, int compiled, int warnings)
{
    struct told told = run_once(no_kernel_cache);
    if (told.compiled != compiled || told.loaded != 1 - compiled || told.warnings != warnings ||
        told.progress != 2 * compiled)
        fail_msg("%s: %d compiled, %d loaded, %d warnings (%s), %d times progress", when,
                 told.compiled, told.loaded, told.warnings, told.warning, told.progress);
}

static int setup(void **state)
{
    temp_directory_setup(state);
    setenv("XDG_CACHE_HOME", *state, 1);
    unsetenv("CLEF_KERNEL_CACHE");
    return 0;
}

// The one file of the cache.
static const char *only_file(void **state)
{
    const char *directory = temp_path(state, "clef/kernels");
    static char path[4096];
    assert_int_equal(1, count_entries(directory));
    DIR *entries = opendir(directory);
    assert_non_null(entries);
    for (struct dirent *entry = readdir(entries); entry; entry = readdir(entries))
        if (entry->d_name[0] != '.')
            snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
    closedir(entries);
    return path;
}

static void test_second_start_compiles_nothing(void **state)
{
    expect_run("first", false, 1, 0);
    only_file(state);
    expect_run("second", false, 0, 0);
    expect_run("third", false, 0, 0);
}

static void test_damaged_files_are_replaced(void **state)
{
    expect_run("first", false, 1, 0);
    char path[4096];
    snprintf(path, sizeof path, "%s", only_file(state));
    size_t size;
    char *whole = read_file(path, &size);
    const size_t lengths[] = {0, 1, 8, 47, 56, size / 2, size - 1};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        write_file(path, whole, lengths[i]);
        expect_run("cut off", false, 1, 0);
        expect_run("after a file that was cut off", false, 0, 0);
    }
    const size_t places[] = {0, 9, 20, 40, size / 2, size - 1};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        whole[places[i]] ^= 0x10;
        write_file(path, whole, size);
        whole[places[i]] ^= 0x10;
        expect_run("one bit changed", false, 1, 0);
        expect_run("after a changed bit", false, 0, 0);
    }
    char *longer = calloc(1, size + 1);
    memcpy(longer, whole, size);
    write_file(path, longer, size + 1);
    free(longer);
    expect_run("one byte more", false, 1, 0);
    free(whole);
}

// A file whose hashes are right but whose contents the driver refuses, as after an update of the
// driver under the same version.
static void test_refused_binaries_are_replaced(void **state)
{
    expect_run("first", false, 1, 0);
    char path[4096];
    snprintf(path, sizeof path, "%s", only_file(state));
    size_t size;
    char *file = read_file(path, &size);
    struct {
        char magic[8];
        uint64_t size;
        struct clef_hash key, content;
    } header;
    memcpy(&header, file, sizeof header);
    const char nonsense[] = "This is no program.";
    header.size = sizeof nonsense;
    header.content = clef_hash_add(clef_hash_begin(), nonsense, sizeof nonsense);
    memcpy(file, &header, sizeof header);
    memcpy(file + sizeof header, nonsense, sizeof nonsense);
    write_file(path, file, sizeof header + sizeof nonsense);
    free(file);
    expect_run("refused", false, 1, 0);
    expect_run("after a refused file", false, 0, 0);
}

static void test_cache_can_be_switched_off(void **state)
{
    expect_run("by an option", true, 1, 0);
    setenv("CLEF_KERNEL_CACHE", "off", 1);
    expect_run("by the environment", false, 1, 0);
    assert_int_equal(0, count_entries(*state));
    unsetenv("CLEF_KERNEL_CACHE");
    expect_run("switched on", false, 1, 0);
    setenv("CLEF_KERNEL_CACHE", "off", 1);
    expect_run("switched off with a file there", false, 1, 0);
    unsetenv("CLEF_KERNEL_CACHE");
}

static int open_to_all(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)place;
    return kind == FTW_F || kind == FTW_D ? chmod(path, status->st_mode | 0777) : 0;
}

// Whom permissions hold back, if the test runs as root. The driver's own files are no part of it.
static void become_another_user(void)
{
    const char *driver = getenv("POCL_CACHE_DIR");
    if (geteuid() != 0)
        return;
    if (driver) // That of this program alone.
        assert_int_equal(0, nftw(driver, open_to_all, 8, FTW_PHYS));
    assert_int_equal(0, seteuid(65534));
}

static void test_unwritable_cache_warns_once(void **state)
{
    const char *file = temp_path(state, "file");
    write_file(file, "x", 1);
    setenv("XDG_CACHE_HOME", file, 1);
    struct told told = run_once(false);
    assert_int_equal(1, told.compiled);
    assert_int_equal(1, told.warnings);
    assert_non_null(strstr(told.warning, file));
    assert_non_null(strstr(told.warning, "Not a directory"));
    assert_null(strchr(told.warning, '\n'));
    unlink(file);
    // The root user may write to a directory that is read-only for all, so that another one runs.
    bool is_root = geteuid() == 0;
    setenv("XDG_CACHE_HOME", *state, 1);
    chmod(*state, 0555);
    become_another_user();
    told = run_once(false);
    if (is_root)
        assert_int_equal(0, seteuid(0));
    chmod(*state, 0700);
    assert_int_equal(1, told.warnings);
    assert_non_null(strstr(told.warning, "Permission denied"));
}

// What is there is loaded, and nothing has to be written.
static void test_read_only_cache_that_is_warm(void **state)
{
    char kernels[512];
    snprintf(kernels, sizeof kernels, "%s", temp_path(state, "clef/kernels"));
    expect_run("cold", false, 1, 0);
    bool is_root = geteuid() == 0;
    chmod(*state, 0755);
    chmod(temp_path(state, "clef"), 0755);
    chmod(only_file(state), 0444);
    chmod(kernels, 0555);
    become_another_user();
    struct told told = run_once(false);
    if (is_root)
        assert_int_equal(0, seteuid(0));
    chmod(kernels, 0755);
    assert_int_equal(0, told.compiled);
    assert_int_equal(1, told.loaded);
    assert_int_equal(0, told.warnings);
}

// Without XDG_CACHE_HOME it is in the home directory; a relative path does not count.
static void test_place_of_the_cache(void **state)
{
    char *home = strdup(getenv("HOME") ? getenv("HOME") : "/");
    setenv("HOME", *state, 1);
    setenv("XDG_CACHE_HOME", "relative", 1);
    expect_run("in the home directory", false, 1, 0);
    assert_int_equal(1, count_entries(temp_path(state, ".cache/clef/kernels")));
    unsetenv("XDG_CACHE_HOME");
    expect_run("again", false, 0, 0);
    setenv("HOME", home, 1);
    free(home);
}

static void test_hash(void **state)
{
    (void)state;
    // From the test vectors of the hash's specification.
    struct clef_hash a = clef_hash_add(clef_hash_begin(), "a", 1);
    struct clef_hash foobar = clef_hash_add(clef_hash_begin(), "foobar", 6);
    assert_true(clef_hash_equal(
        a, (struct clef_hash){UINT64_C(0xd228cb696f1a8caf), UINT64_C(0x78912b704e4a8964)}));
    assert_true(clef_hash_equal(
        foobar, (struct clef_hash){UINT64_C(0x343e1662793c64bf), UINT64_C(0x6f0d3597ba446f18)}));
}

// Not that of the user, since another one is to use it.
static int own_driver_cache(void **state)
{
    return temp_directory_setup(state) == 0 ? setenv("POCL_CACHE_DIR", *state, 1) : -1;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, temp_directory_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_second_start_compiles_nothing),
        TEST(test_damaged_files_are_replaced),
        TEST(test_refused_binaries_are_replaced),
        TEST(test_cache_can_be_switched_off),
        TEST(test_unwritable_cache_warns_once),
        TEST(test_read_only_cache_that_is_warm),
        TEST(test_place_of_the_cache),
        cmocka_unit_test(test_hash),
    };
    return cmocka_run_group_tests(tests, own_driver_cache, driver_cache_teardown);
}
