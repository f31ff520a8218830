// SPDX-License-Identifier: Apache-2.0
// Training on an OpenCL device as a user does it: the same bits however it is watched, nothing
// compiled at the second start, and a batch that is too large.
#include "support/driver_cache.h"
#include "support/program.h"
#include "support/small_mnist.h"
#include "support/temp_directory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int setup(void **state)
{
    temp_directory_setup(state);
    setenv("XDG_CACHE_HOME", temp_path(state, "cache"), 1);
    setenv("XDG_STATE_HOME", temp_path(state, "state"), 1);
    setenv("CLEF_VERBOSE", "1", 1);
    unsetenv("CLEF_OPENCL_TRANSFERS");
    unsetenv("CLEF_KERNEL_CACHE");
    write_small_mnist(CLEF_MNIST, temp_path(state, "data"), 100, 20);
    return 0;
}

// Trains a small network for two epochs, with one more option, and returns what it printed. The
// directory of the run is `out`.
static struct program_result train(void **state, const char *out, const char *option)
{
    const char *const data = temp_path(state, "data"), *const to = temp_path(state, out);
    const char *const argv[] = {
        "train",   "--device",     "opencl", "--data",       data,  "--out",       to,     "--seed",
        "3",       "--epochs",     "2",      "--blocks",     "1,1", "--filters",   "8,16", "--head",
        "avgpool", "--image-size", "32",     "--batch-size", "16",  "--update-bn", "3",    option,
        NULL};
    return program_run(CLEF_PROGRAM, &(struct program_setting){0}, argv);
}

static void expect_programs(const struct program_result *result, bool cached)
{
    int compiled = -1, loaded = -1;
    const char *line = strstr(result->err, "OpenCL programs: ");
    if (!line ||
        sscanf(line, "OpenCL programs: %d compiled, %d from the cache", &compiled, &loaded) != 2)
        fail_msg("no count of programs in: %s", result->err);
    if ((cached ? compiled : loaded) != 0 || (cached ? loaded : compiled) < 3)
        fail_msg("%d programs compiled, %d from the cache", compiled, loaded);
}

// Whether two runs left the same parameters.
static void expect_same_model(void **state, const char *a, const char *b)
{
    char path_a[4096], path_b[4096];
    snprintf(path_a, sizeof path_a, "%s/model.safetensors", temp_path(state, a));
    snprintf(path_b, sizeof path_b, "%s/model.safetensors", temp_path(state, b));
    size_t size_a, size_b;
    char *bytes_a = read_file(path_a, &size_a), *bytes_b = read_file(path_b, &size_b);
    assert_int_equal(size_a, size_b);
    assert_memory_equal(bytes_a, bytes_b, size_a);
    free(bytes_a);
    free(bytes_b);
}

static void test_runs_have_the_same_bits(void **state)
{
    static const char *const options[] = {"--verbose", "--sync", "--profile", "--no-kernel-cache"};
    struct program_result first = train(state, "first", "--verbose");
    check_exit(&first, 0);
    check_contains(first.out, "Device: opencl, ");
    expect_programs(&first, false);
    program_release(&first);
    for (int i = 0; i < 4; i++) {
        struct program_result result = train(state, options[i], options[i]);
        check_exit(&result, 0);
        expect_programs(&result, i < 3);
        assert_int_equal(i == 2, strstr(result.out, "\nProfile by layer, ") != NULL);
        assert_int_equal(i == 2, strstr(result.out, "stage2.block1.conv1 ") != NULL);
        program_release(&result);
        expect_same_model(state, "first", options[i]);
    }
    setenv("CLEF_OPENCL_TRANSFERS", "beside", 1);
    struct program_result beside = train(state, "beside", "--verbose");
    check_exit(&beside, 0);
    program_release(&beside);
    expect_same_model(state, "first", "beside");
}

// An unwritable cache costs a line, not the run.
static void test_unwritable_cache(void **state)
{
    const char *file = temp_path(state, "file");
    write_file(file, "x", 1);
    setenv("XDG_CACHE_HOME", file, 1);
    struct program_result result = train(state, "run", "--quiet");
    check_exit(&result, 0);
    check_contains(result.err, "clef train: warning: compiled kernels cannot be kept");
    const char *warning = strstr(result.err, "warning: ");
    assert_null(strstr(warning + 1, "warning: "));
    expect_programs(&result, false);
    program_release(&result);
}

static void test_too_large_batch(void **state)
{
    (void)state;
    struct program_result result =
        RUN_CLEF("bench", "train", "--device", "opencl", "--batch-size", "50000");
    check_exit(&result, 1);
    const char *words = strstr(result.err, "; a batch size of ");
    int fits = 0;
    if (!words || sscanf(words, "; a batch size of %d fits", &fits) != 1)
        fail_msg("no batch size that fits in: %s", result.err);
    assert_true(fits >= 1 && fits < 50000);
    program_release(&result);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, temp_directory_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_runs_have_the_same_bits),
        TEST(test_unwritable_cache),
        TEST(test_too_large_batch),
    };
    return cmocka_run_group_tests(tests, driver_cache_setup, driver_cache_teardown);
}
