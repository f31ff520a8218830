// SPDX-License-Identifier: Apache-2.0
// `clef check` on the plain C backend: it passes, and finds each of several faults.
#include "core/op_list.h"
#include "support/program.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

static int integer_of(const json_t *object, const char *key)
{
    assert_true(json_is_integer(json_object_get(object, key)));
    return (int)json_integer_value(json_object_get(object, key));
}

static double number_of(const json_t *object, const char *key)
{
    assert_true(json_is_number(json_object_get(object, key)));
    return json_number_value(json_object_get(object, key));
}

static const char *text_of(const json_t *object, const char *key)
{
    assert_true(json_is_string(json_object_get(object, key)));
    return json_string_value(json_object_get(object, key));
}

static json_t *parse(const struct program_result *result)
{
    json_t *root = json_loads(result->out, 0, NULL);
    assert_non_null(root);
    return root;
}

static void test_everything_passes(void **state)
{
    (void)state;
    struct program_result result = RUN_CLEF("check", "--device", "cpu", "--json");
    check_exit(&result, 0);
    assert_string_equal(result.err, "");
    json_t *report = parse(&result);
    assert_true(json_is_true(json_object_get(report, "passes")));
    assert_int_equal(json_array_size(json_object_get(report, "failures")), 0);
    assert_string_equal(text_of(json_object_get(report, "device"), "backend"), "cpu");
    static const char *const names[] = {
#define NAME(op) #op,
        CLEF_OP_LIST(NAME)
#undef NAME
    };
    const json_t *ops = json_object_get(report, "ops");
    assert_int_equal(json_array_size(ops), sizeof names / sizeof names[0]);
    for (size_t i = 0; i < json_array_size(ops); i++) {
        const json_t *op = json_array_get(ops, i);
        assert_string_equal(text_of(op, "op"), names[i]);
        assert_true(integer_of(op, "rows") >= 8);
        assert_true(integer_of(op, "plans") >= integer_of(op, "rows"));
        assert_true(json_array_size(json_object_get(op, "algorithms")) >= 1);
        // Exact, or some rounding that its tolerance allows.
        double error = number_of(op, "worst_error"), tolerance = number_of(op, "tolerance");
        assert_true(tolerance > 0 ? error > 0 && error <= tolerance : error == 0);
    }
    const json_t *training = json_object_get(report, "training");
    assert_int_equal(integer_of(training, "steps"), 2);
    // Two losses, and gradients and parameters of the 41 layers that have them.
    assert_int_equal(json_array_size(json_object_get(training, "figures")), 2 + 2 * 41);
    assert_true(number_of(json_object_get(training, "slowest_plan"), "ms") > 0);
    json_decref(report);
    program_release(&result);
}

static void test_one_case(void **state)
{
    (void)state;
    struct program_result result =
        RUN_CLEF("check", "--device", "cpu", "--case", "maxpool_forward#1", "--seed", "5");
    check_exit(&result, 0);
    check_contains(result.out, "PASSED: 1 plans and 0 training steps, on cpu, ");
    program_release(&result);
    // A 3x3 convolution of 2x2 images, which every algorithm serves.
    result = RUN_CLEF("check", "--device", "cpu", "--case", "conv2d_forward#12", "--seed", "5");
    check_exit(&result, 0);
    check_contains(result.out, "PASSED: 4 plans and 0 training steps, on cpu, ");
    program_release(&result);
}

static void test_wrong_value(void **state)
{
    (void)state;
    struct program_result result =
        RUN_SPOILED("relu_forward", "check", "--device", "cpu", "--case", "relu_forward#3");
    check_exit(&result, 1);
    check_contains(result.out, "FAILED: 1 of the checks, on cpu, ");
    check_contains(result.err, "relu_forward#3 (3x5x7x5, ");
    check_contains(result.err, ", expected 0, allowed error 0\n");
    check_contains(result.out, "       exact"); // Beside the error, although the row has failed.
    check_contains(result.err, "repeat: clef check --device cpu --case relu_forward#3\n");
    check_contains(result.err, "clef check: 1 checks failed on cpu, ");
    program_release(&result);
    // The same program finds nothing where nothing is wrong.
    result = RUN_SPOILED("", "check", "--device", "cpu", "--case", "relu_forward#3");
    check_exit(&result, 0);
    program_release(&result);
}

static void test_nan(void **state)
{
    (void)state;
    struct program_result result =
        RUN_SPOILED("batchnorm_infer", "check", "--device", "cpu", "--case", "batchnorm_infer",
                    "--seed", "7", "--json");
    check_exit(&result, 1);
    json_t *report = parse(&result);
    assert_true(json_is_false(json_object_get(report, "passes")));
    const json_t *op = json_array_get(json_object_get(report, "ops"), 0);
    assert_int_equal(integer_of(op, "failures"), integer_of(op, "plans"));
    // The worst error is that of the comparison that failed, and NaN has no number.
    assert_true(json_is_null(json_object_get(op, "worst_error")));
    const json_t *failures = json_object_get(report, "failures");
    assert_int_equal(json_array_size(failures), integer_of(op, "plans"));
    const json_t *failure = json_array_get(failures, 0);
    assert_string_equal(text_of(failure, "case"), "batchnorm_infer#0");
    check_contains(text_of(failure, "message"), "is nan, expected");
    assert_string_equal(text_of(failure, "repeat"),
                        "clef check --device cpu --seed 7 --case batchnorm_infer#0");
    json_decref(report);
    program_release(&result);
}

static void test_wrong_training(void **state)
{
    (void)state;
    // The gradients behind the pool are gone, those of all other layers are right.
    struct program_result result =
        RUN_SPOILED("maxpool_backward", "check", "--device", "cpu", "--case", "training");
    check_exit(&result, 1);
    check_contains(result.err, "gradients of stem.conv is off by 1.00e+00");
    check_contains(result.err, "parameters of stem.conv is off by 1.00e+00");
    check_contains(result.err, "repeat: clef check --device cpu --case training\n");
    assert_null(strstr(result.err, "gradients of stage1"));
    program_release(&result);
    result = RUN_SPOILED("batchnorm_train", "check", "--device", "cpu", "--case", "training");
    check_exit(&result, 1);
    check_contains(result.err, "training: ");
    check_contains(result.err, "stage1.block1.bn1");
    program_release(&result);
}

static void test_usage(void **state)
{
    (void)state;
    static const struct {
        const char *arguments[2], *message;
    } rows[] = {
        {{"--case", "conv3d"}, "there is no op \"conv3d\""},
        {{"--case", "add#"}, "\"\" is no number of a row"},
        {{"--case", "add#-1"}, "\"-1\" is no number of a row"},
        {{"--case", "add#5000"}, "add has no row 5000"},
        {{"--device", "cpu:7"}, "cpu:7"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct program_result result =
            RUN_CLEF("check", rows[i].arguments[0], rows[i].arguments[1]);
        check_exit(&result, 2);
        check_one_line(&result, rows[i].message);
        program_release(&result);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_passes), cmocka_unit_test(test_one_case),
        cmocka_unit_test(test_wrong_value),       cmocka_unit_test(test_nan),
        cmocka_unit_test(test_wrong_training),    cmocka_unit_test(test_usage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
