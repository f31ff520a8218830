// SPDX-License-Identifier: Apache-2.0
// What remembers on which devices and drivers the user has worked.
#include "cli/seen_devices.h"
#include "support/temp_directory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct clef_device_info device(const char *name, const char *driver)
{
    struct clef_device_info info = {.backend = "other", .version = "1.0"};
    snprintf(info.name, sizeof info.name, "%s", name);
    snprintf(info.driver, sizeof info.driver, "%s", driver);
    return info;
}

static bool is_new(const char *name, const char *driver)
{
    struct clef_device_info info = device(name, driver);
    return seen_devices_add(&info);
}

static void test_remembers(void **state)
{
    setenv("XDG_STATE_HOME", temp_path(state, "a/state"), 1);
    assert_true(is_new("Graphics 5", "1.0"));
    assert_false(is_new("Graphics 5", "1.0"));
    assert_true(is_new("Graphics 5", "1.1"));
    assert_true(is_new("Graphics 50", "1.0"));
    assert_true(is_new("Graphics\n5", "1.0\t"));
    assert_false(is_new("Graphics 5", "1.0"));
    assert_false(is_new("Graphics\n5", "1.0\t"));
    size_t size;
    char *text = read_file(temp_path(state, "a/state/clef/devices"), &size);
    assert_memory_equal(text, "Graphics 5\t1.0\t1.0\nGraphics 5\t1.1\t1.0\n", 38);
    free(text);
}

static void test_home(void **state)
{
    // A relative path is to be ignored.
    setenv("XDG_STATE_HOME", "state", 1);
    setenv("HOME", temp_path(state, "home"), 1);
    assert_true(is_new("a", "b"));
    size_t size;
    free(read_file(temp_path(state, "home/.local/state/clef/devices"), &size));
    unsetenv("HOME");
    assert_false(is_new("c", "d"));
}

// Without a place to remember it in, nobody is told at each start.
static void test_unwritable(void **state)
{
    write_file(temp_path(state, "file"), "", 0);
    setenv("XDG_STATE_HOME", temp_path(state, "file"), 1);
    assert_false(is_new("a", "b"));
    assert_false(is_new("a", "b"));
}

// What computes without a driver of its own needs no check of one.
static void test_no_driver(void **state)
{
    setenv("XDG_STATE_HOME", temp_path(state, "state"), 1);
    struct clef_device_info info = device("Processor", "avx2");
    info.platform_index = -1;
    assert_false(seen_devices_add(&info));
    assert_int_equal(count_entries((const char *)*state), 0);
}

#define SEEN_TEST(name) IN_DIRECTORY(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SEEN_TEST(test_remembers),
        SEEN_TEST(test_home),
        SEEN_TEST(test_unwritable),
        SEEN_TEST(test_no_driver),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
