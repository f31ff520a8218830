// SPDX-License-Identifier: Apache-2.0
// `clef check` on the OpenCL device, and what says at the first training that there is such a
// thing.
#include "support/program.h"
#include "support/small_mnist.h"
#include "support/temp_directory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

static bool has_algorithm(const json_t *op, const char *part)
{
    size_t i;
    const json_t *name;
    json_array_foreach(json_object_get(op, "algorithms"), i, name)
    {
        if (strstr(json_string_value(name), part))
            return true;
    }
    return false;
}

static void test_passes(void **state)
{
    (void)state;
    struct program_result result = RUN_CLEF("check", "--device", "opencl", "--json");
    check_exit(&result, 0);
    json_t *report = json_loads(result.out, 0, NULL), *op;
    assert_non_null(report);
    assert_true(json_is_true(json_object_get(report, "passes")));
    size_t i;
    json_array_foreach(json_object_get(report, "ops"), i, op)
    {
        const char *name = json_string_value(json_object_get(op, "op"));
        // Each of what the device could choose has run.
        if (strncmp(name, "conv2d", 6) != 0 && strncmp(name, "dense", 5) != 0)
            continue;
        assert_true(has_algorithm(op, "direct"));
        assert_true(has_algorithm(op, "CLBlast"));
        assert_true(json_array_size(json_object_get(op, "algorithms")) >= 3);
    }
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(report, "training"), "steps")), 2);
    json_decref(report);
    program_release(&result);
}

static struct program_result train_briefly(void **state, const char *out)
{
    return RUN_CLEF("train", "--device", "opencl", "--data", temp_path(state, "data"), "--blocks",
                    "1", "--filters", "8", "--head", "avgpool", "--epochs", "1",
                    "--validation-split", "0", "--out", temp_path(state, out));
}

static void test_first_training(void **state)
{
    static const char hint[] = "\"clef check --device opencl:";
    setenv("XDG_STATE_HOME", temp_path(state, "state"), 1);
    write_tiny_data(temp_path(state, "data"));
    struct program_result result = train_briefly(state, "first");
    check_exit(&result, 0);
    check_contains(result.out, hint);
    program_release(&result);
    result = train_briefly(state, "second");
    check_exit(&result, 0);
    assert_null(strstr(result.out, hint));
    program_release(&result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_passes),
        IN_DIRECTORY(test_first_training),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
