// SPDX-License-Identifier: Apache-2.0
// `clef bench`: its JSON has every documented key with a sensible figure. How fast anything is
// is no matter of a test.
#include "core/op_list.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

// Runs `clef ARGUMENTS`, keeps what it writes and returns its exit code.
static int run_clef(const char *arguments, char *text, size_t size)
{
    char command[1024];
    snprintf(command, sizeof command, "'%s' %s", CLEF_PROGRAM, arguments);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    size_t length = fread(text, 1, size - 1, pipe);
    text[length] = '\0';
    assert_true(length < size - 1);
    int status = pclose(pipe);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static json_t *run_json(const char *arguments)
{
    static char text[1 << 18];
    assert_int_equal(run_clef(arguments, text, sizeof text), 0);
    json_error_t error;
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (!root)
        fail_msg("clef %s: line %d: %s", arguments, error.line, error.text);
    return root;
}

static double number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_number(value))
        fail_msg("there is no number \"%s\"", key);
    return json_number_value(value);
}

static void assert_positive(const json_t *object, const char *const *keys, size_t count)
{
    for (size_t k = 0; k < count; ++k) {
        double value = number(object, keys[k]);
        if (!(value > 0))
            fail_msg("\"%s\" is %g, not above zero", keys[k], value);
    }
}

static const char *text_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_string(value))
        fail_msg("there is no text \"%s\"", key);
    return json_string_value(value);
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void assert_close(double a, double b)
{
    if (!(a - b <= 1e-6 * b && b - a <= 1e-6 * b))
        fail_msg("%.9g and %.9g differ", a, b);
}

static void check_heading(const json_t *root, const char *bench, int batch_size)
{
    static const char *const peaks[] = {"peak_gflops", "peak_gbytes_per_second"};
    assert_string_equal(text_of(root, "bench"), bench);
    assert_true(strlen(text_of(root, "clef")) > 0);
    assert_string_equal(text_of(root, "arch"), "resnet18");
    assert_string_equal(text_of(root, "head"), "flatten-dense");
    assert_int_equal((int)number(root, "batch_size"), batch_size);
    assert_int_equal((int)number(root, "image_size"), 32);
    assert_int_equal((int)number(root, "threads"), 2);
    const json_t *device = json_object_get(root, "device");
    assert_string_equal(text_of(device, "backend"), "cpu");
    assert_true(strlen(text_of(device, "name")) > 0);
    assert_true(strlen(text_of(device, "driver")) > 0);
    assert_positive(root, peaks, COUNT(peaks));
}

static void test_train(void **state)
{
    (void)state;
    static const char *const keys[] = {"first_step_ms",     "median_ms",      "min_ms",
                                       "images_per_second", "gflop_per_step", "gflops",
                                       "peak_percent",      "peak_rss_bytes", "ops_ms"};
    json_t *root =
        run_json("bench train --batch-size 2 --steps 2 --quick --device cpu --threads 2 --json");
    check_heading(root, "train", 2);
    assert_int_equal((int)number(root, "steps"), 2);
    assert_non_null(strstr(text_of(root, "timing"), "pipelined"));
    assert_positive(root, keys, COUNT(keys));

    // The figures agree with each other.
    const json_t *times = json_object_get(root, "step_ms");
    assert_int_equal(json_array_size(times), 2);
    double a = json_number_value(json_array_get(times, 0));
    double b = json_number_value(json_array_get(times, 1));
    assert_close(number(root, "min_ms"), a < b ? a : b);
    assert_close(number(root, "median_ms"), (a + b) / 2);
    assert_close(number(root, "images_per_second"), 2e3 / number(root, "median_ms"));
    assert_close(number(root, "gflops"),
                 1e3 * number(root, "gflop_per_step") / number(root, "median_ms"));
    assert_close(number(root, "peak_percent"),
                 100 * number(root, "gflops") / number(root, "peak_gflops"));

    double sum = 0;
    static const char *const share_keys[] = {"plans", "ms", "percent"};
    size_t index;
    const json_t *share;
    json_array_foreach(json_object_get(root, "ops"), index, share)
    {
        assert_true(strlen(text_of(share, "op")) > 0);
        assert_positive(share, share_keys, COUNT(share_keys));
        sum += number(share, "ms");
    }
    assert_close(sum, number(root, "ops_ms"));
    assert_close(number(root, "between_ops_ms") + sum, number(root, "median_ms"));
    json_decref(root);
}

// The first row of an op; fails if there is none.
static const json_t *find_op(const json_t *root, const char *op)
{
    size_t index;
    const json_t *row;
    json_array_foreach(json_object_get(root, "ops"), index, row)
    {
        if (strcmp(text_of(row, "op"), op) == 0)
            return row;
    }
    fail_msg("there is no row of the op %s", op);
    return NULL;
}

static void check_row(const json_t *row)
{
    static const char *const keys[] = {"median_ms", "min_ms", "mbytes", "gbytes_per_second",
                                       "bandwidth_percent"};
    assert_positive(row, keys, COUNT(keys));
    assert_true(strlen(text_of(row, "algorithm")) > 0);
    assert_non_null(json_object_get(row, "shape"));
    assert_non_null(json_object_get(row, "layer"));
    assert_true(json_is_boolean(json_object_get(row, "in_network")));
    assert_true((number(row, "plans") > 0) == json_is_true(json_object_get(row, "in_network")));
    assert_true(number(row, "min_ms") <= number(row, "median_ms"));
    // Moving bytes is no arithmetic.
    assert_true(number(row, "gflop") >= 0);
    assert_true((number(row, "gflops") > 0) == (number(row, "gflop") > 0));
    bool compute = number(row, "flops_percent") > number(row, "bandwidth_percent");
    assert_string_equal(text_of(row, "bound"), compute ? "compute" : "memory");
}

static void test_ops(void **state)
{
    (void)state;
    static const char *const ops[] = {
#define OP_NAME(op) #op,
        CLEF_OP_LIST(OP_NAME)
#undef OP_NAME
    };
    json_t *root = run_json("bench ops --batch-size 4 --quick --device cpu --threads 2 --json");
    check_heading(root, "ops", 4);
    assert_int_equal((int)number(root, "repetitions"), 2);
    for (size_t k = 0; k < COUNT(ops); ++k)
        find_op(root, ops[k]);

    int convolutions = 0;
    size_t index;
    const json_t *row;
    json_array_foreach(json_object_get(root, "ops"), index, row)
    {
        check_row(row);
        if (strcmp(text_of(row, "op"), "conv2d_forward") == 0) {
            convolutions += (int)number(row, "plans");
            assert_true(strlen(text_of(row, "layer")) > 0);
            assert_true(strlen(text_of(row, "shape")) > 0);
            assert_true(number(row, "gflop") > 0);
        }
    }
    // One of the stem, two in each of eight blocks, one in each of three shortcuts.
    assert_int_equal(convolutions, 20);
    assert_true(json_is_false(json_object_get(find_op(root, "avgpool_forward"), "in_network")));
    json_decref(root);
}

static void test_ops_of_another_head(void **state)
{
    (void)state;
    json_t *root = run_json("bench ops --batch-size 1 --quick --device cpu --head avgpool --json");
    assert_string_equal(text_of(root, "head"), "avgpool");
    assert_true(json_is_true(json_object_get(find_op(root, "avgpool_forward"), "in_network")));
    assert_true(json_is_true(json_object_get(find_op(root, "avgpool_backward"), "in_network")));
    json_decref(root);
}

static void test_tables(void **state)
{
    (void)state;
    static char text[1 << 16];
    assert_int_equal(
        run_clef("bench train --batch-size 1 --steps 1 --quick --device cpu", text, sizeof text),
        0);
    assert_non_null(strstr(text, "images/s"));
    assert_non_null(strstr(text, "between ops"));
    assert_int_equal(run_clef("bench ops --batch-size 1 --quick --device cpu", text, sizeof text),
                     0);
    assert_non_null(strstr(text, "softmax_cross_entropy"));
    assert_non_null(strstr(text, "(not in a training step)"));
}

static void test_wrong_usage(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "bench",
        "bench nothing",
        "bench --nothing",
        "bench -",
        "bench train --steps 0",
        "bench train --batch-size 0",
        "bench train --head nothing",
        "bench ops --steps 3",
        "bench ops --device nothing",
    };
    char text[1024], command[256];
    for (size_t k = 0; k < COUNT(wrong); ++k) {
        // Standard error is what the command leaves to read: one line.
        snprintf(command, sizeof command, "%s 2>&1 >/dev/null", wrong[k]);
        int code = run_clef(command, text, sizeof text);
        if (code != 2)
            fail_msg("clef %s: exit code %d, not 2", wrong[k], code);
        const char *end = strchr(text, '\n');
        if (!end || end[1] != '\0')
            fail_msg("clef %s: not one line on stderr: %s", wrong[k], text);
    }
    static char help[1 << 14];
    assert_int_equal(run_clef("bench --help", help, sizeof help), 0);
    assert_non_null(strstr(help, "train"));
    assert_int_equal(run_clef("bench train --help", help, sizeof help), 0);
    assert_non_null(strstr(help, "--steps"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_train),
        cmocka_unit_test(test_ops),
        cmocka_unit_test(test_ops_of_another_head),
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_wrong_usage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
