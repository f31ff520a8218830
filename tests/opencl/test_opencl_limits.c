// SPDX-License-Identifier: Apache-2.0
// Kernels that run in smaller groups only than the device does: smaller variants take their place,
// with right results, and CLBlast that of the convolutions where none is small enough. A loader of
// our own tells the limit, see failing_loader.c. What is compiled does not depend on it, so that
// one cache serves all limits.
#include "support/driver_cache.h"
#include "support/program.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

static int pretend(void **state)
{
    if (driver_cache_setup(state) != 0)
        return -1;
    setenv("XDG_CACHE_HOME", *state, 1);
    unsetenv("CLEF_KERNEL_CACHE");
    setenv("CLEF_OPENCL_LIBRARY", CLEF_FAILING_LOADER, 1);
    setenv("CLEF_OPENCL_AS", "gpu", 1);
    setenv("CLEF_TUNED", "off", 1);
    return 0;
}

// Checks a row of an op, and returns the algorithms that ran, one string after another.
static void check_row(const char *limit, const char *row, char *algorithms, size_t size)
{
    setenv("CLEF_KERNEL_LIMIT", limit, 1);
    struct program_result result = RUN_CLEF("check", "--device", "opencl", "--case", row, "--json");
    unsetenv("CLEF_KERNEL_LIMIT");
    if (result.exit_code != 0)
        print_error("%s with groups of at most %s items:\n%s\n", row, limit, result.err);
    check_exit(&result, 0);
    json_t *report = json_loads(result.out, 0, NULL), *name;
    const json_t *op = json_array_get(json_object_get(report, "ops"), 0);
    size_t i;
    *algorithms = '\0';
    json_array_foreach(json_object_get(op, "algorithms"), i, name)
    {
        size_t length = strlen(algorithms);
        snprintf(algorithms + length, size - length, "%s;", json_string_value(name));
    }
    assert_true(json_integer_value(json_object_get(op, "plans")) > 0);
    json_decref(report);
    program_release(&result);
}

static void test_groups_become_smaller(void **state)
{
    static const char *const rows[] = {"adam#1",
                                       "softmax_cross_entropy#1",
                                       "batchnorm_train#1",
                                       "batchnorm_infer#1",
                                       "maxpool_forward#1",
                                       "avgpool_forward#1",
                                       "batchnorm_backward#1",
                                       "relu_forward#1"};
    char algorithms[1024];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        check_row("16", rows[i], algorithms, sizeof algorithms);
        check_row("1", rows[i], algorithms, sizeof algorithms);
    }
}

static void test_convolutions_walk_down(void **state)
{
    static const char *const rows[] = {"conv2d_forward#2", "conv2d_backward_data#2",
                                       "conv2d_backward_weights#2"};
    char algorithms[1024];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        // Groups of 256 fall away, of 64 remain.
        check_row("64", rows[i], algorithms, sizeof algorithms);
        check_contains(algorithms, "direct gpu-");
        assert_null(strstr(algorithms, "gpu-128x64"));
        check_row("32", rows[i], algorithms, sizeof algorithms);
        check_contains(algorithms, "CLBlast");
        assert_null(strstr(algorithms, "direct gpu-"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_groups_become_smaller),
        cmocka_unit_test(test_convolutions_walk_down),
    };
    return cmocka_run_group_tests(tests, pretend, driver_cache_teardown);
}
