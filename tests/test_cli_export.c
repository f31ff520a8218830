// SPDX-License-Identifier: Apache-2.0
// "clef export" as a user meets it.
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

static char data[300], model[300], exported[300];

// A small model, trained for a moment.
static int set_up(void **state)
{
    char out[300];
    temp_directory_setup(state);
    snprintf(data, sizeof data, "%s", temp_path(state, "data"));
    snprintf(out, sizeof out, "%s", temp_path(state, "run"));
    snprintf(model, sizeof model, "%s", temp_path(state, "run/model.safetensors"));
    snprintf(exported, sizeof exported, "%s", temp_path(state, "exported"));
    write_small_mnist(CLEF_MNIST, data, 100, 50);
    struct program_result result =
        RUN_CLEF("train", "--data", data, "--epochs", "1", "--out", out, "--device", "cpu",
                 "--blocks", "1,1", "--filters", "8,16", "--head", "avgpool");
    check_exit(&result, 0);
    program_release(&result);
    return 0;
}

// In Clef's own layout, what comes out is what went in.
static void test_same_layout(void **state)
{
    size_t size, exported_size;
    (void)state;
    struct program_result result = RUN_CLEF("export", "--model", model, "--out", exported);
    check_exit(&result, 0);
    assert_string_equal("", result.err);
    program_release(&result);
    char *bytes = read_file(model, &size), *exported_bytes = read_file(exported, &exported_size);
    assert_int_equal(size, exported_size);
    assert_memory_equal(bytes, exported_bytes, size);
    free(bytes);
    free(exported_bytes);
}

static void test_layouts(void **state)
{
    static const char *const cases[][2] = {{"pytorch", "\"layer2.0.downsample.0.weight\""},
                                           {"keras", "\"batch_normalization_4/moving_mean\""}};
    (void)state;
    for (int i = 0; i < 2; i++) {
        size_t size;
        struct program_result result =
            RUN_CLEF("export", "--model", model, "--layout", cases[i][0], "--out", exported);
        check_exit(&result, 0);
        program_release(&result);
        char *bytes = read_file(exported, &size);
        assert_non_null(memmem(bytes, size, cases[i][1], strlen(cases[i][1])));
        free(bytes);
    }
}

static void test_usage(void **state)
{
    (void)state;
    struct program_result result = RUN_CLEF("export", "--out", exported);
    check_exit(&result, 2);
    check_one_line(&result, "--model is missing");
    program_release(&result);
    result = RUN_CLEF("export", "--model", model);
    check_exit(&result, 2);
    check_one_line(&result, "--out is missing");
    program_release(&result);
    result = RUN_CLEF("export", "--model", model, "--out", exported, "--format", "pickle");
    check_exit(&result, 2);
    check_one_line(&result, "pickle");
    program_release(&result);
    result = RUN_CLEF("export", "--model", data, "--out", exported);
    check_exit(&result, 1);
    check_one_line(&result, data);
    program_release(&result);
    result = RUN_CLEF("export", "--model", model, "--out", "/nonexistent/x", "--layout", "keras");
    check_exit(&result, 1);
    check_one_line(&result, "/nonexistent/x");
    program_release(&result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_layout),
        cmocka_unit_test(test_layouts),
        cmocka_unit_test(test_usage),
    };
    return cmocka_run_group_tests(tests, set_up, temp_directory_teardown);
}
