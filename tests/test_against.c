// SPDX-License-Identifier: Apache-2.0
// `clef check --against` on the plain C backend: no distance from itself, and one where an op goes
// wrong.
#include "support/comparison.h"
#include "support/program.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

// All threads against one.
static void test_itself(void **state)
{
    (void)state;
    json_t *report = compare_devices("cpu", "cpu");
    check_all_bits_same(report);
    json_decref(report);
}

static bool computed_with(const json_t *report, const char *role, const char *instructions)
{
    const char *driver =
        json_string_value(json_object_get(json_object_get(report, role), "driver"));
    const char *found = strstr(driver, instructions);
    return found != NULL && strcmp(found, instructions) == 0;
}

// Each set of instructions that this processor has, against the one that every processor has. How
// products and sums are contracted is the compiler's choice, so that they may agree.
static void test_instruction_sets(void **state)
{
    (void)state;
    static const char baseline[] = "cpu:baseline";
    int compared = 0;
    size_t i;
    json_t *device;
    struct program_result result = RUN_CLEF("devices", "--json");
    check_exit(&result, 0);
    json_t *devices = json_loads(result.out, 0, NULL);
    json_array_foreach(json_object_get(devices, "devices"), i, device)
    {
        const char *selector = json_string_value(json_object_get(device, "selector"));
        if (strncmp(selector, "cpu:", 4) != 0 || json_is_false(json_object_get(device, "usable")))
            continue;
        json_t *report = compare_devices(selector, baseline);
        assert_true(computed_with(report, "device", strchr(selector, ':') + 1));
        assert_true(computed_with(report, "against", "baseline"));
        if (strcmp(selector, baseline) == 0)
            check_all_bits_same(report);
        else
            check_at_most_rounding(report);
        json_decref(report);
        compared++;
    }
    assert_true(compared >= 1);
    json_decref(devices);
    program_release(&result);
}

static void test_wrong_gradients(void **state)
{
    (void)state;
    // The gradients behind the pool are gone; the first step's logits do not depend on them.
    struct program_result result =
        RUN_SPOILED("maxpool_backward", "check", "--device", "cpu", "--against", "cpu");
    check_exit(&result, 1);
    check_one_line(&result, "clef check: training on cpu, compared with cpu: step 1: gradients of "
                            "stem.conv is off by 1.00e+00, 1e-03 is allowed\n");
    check_contains(result.out, "Device: cpu, ");
    check_contains(result.out, "\nAgainst: cpu, ");
    check_contains(result.out, "  differ    step 2\n");
    // A bias has a part of the gradients of its layer, the weights nearly all.
    check_contains(result.out, "\ngradients            1.0e+00  differ    stem.conv.weight\n");
    assert_null(strstr(result.out, "All bits are the same"));
    program_release(&result);
    // The same program finds nothing where nothing is wrong.
    result = RUN_SPOILED("", "check", "--device", "cpu", "--against", "cpu");
    check_exit(&result, 0);
    check_contains(result.out, "\ngradients                  0  the same\n");
    check_contains(result.out, "\nAll bits are the same, after 2 training steps of 64 images\n");
    program_release(&result);
}

static void test_nan(void **state)
{
    (void)state;
    struct program_result result =
        RUN_SPOILED("batchnorm_train", "check", "--device", "cpu", "--against", "cpu", "--json");
    check_exit(&result, 1);
    check_one_line(&result, "stage1.block1.bn1");
    json_t *report = json_loads(result.out, 0, NULL);
    assert_non_null(report);
    assert_true(json_is_false(json_object_get(report, "passes")));
    assert_true(json_is_false(json_object_get(report, "same_bits")));
    check_contains(json_string_value(json_object_get(report, "fault")), "stage1.block1.bn1");
    assert_int_equal(json_array_size(json_object_get(report, "distances")), 0);
    json_decref(report);
    program_release(&result);
}

static void test_usage(void **state)
{
    (void)state;
    struct program_result result = RUN_CLEF("check", "--device", "cpu", "--against", "tpu");
    check_exit(&result, 2);
    check_one_line(&result, "no device \"tpu\": ");
    program_release(&result);
    result = RUN_CLEF("check", "--device", "tpu", "--against", "cpu");
    check_exit(&result, 2);
    check_one_line(&result, "no device \"tpu\": ");
    program_release(&result);
    result = RUN_CLEF("check", "--device", "cpu", "--against", "cpu:avx9");
    check_exit(&result, 2);
    check_one_line(&result, "no device \"cpu:avx9\": ");
    program_release(&result);
    result = RUN_CLEF("check", "--against", "cpu", "--case", "training");
    check_exit(&result, 2);
    check_one_line(&result, "--against compares the training alone; leave out --case");
    program_release(&result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_itself),          cmocka_unit_test(test_instruction_sets),
        cmocka_unit_test(test_wrong_gradients), cmocka_unit_test(test_nan),
        cmocka_unit_test(test_usage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
