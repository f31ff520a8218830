// SPDX-License-Identifier: Apache-2.0
// `clef replay` against trajectories that Keras recorded, as they are and falsified.
#include "support/program.h"
#include "support/temp_directory.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

static const char golden[] = CLEF_TEST_DATA "/golden/seed_keras_float64_lr1e-3.json";
static const char golden_slow[] = CLEF_TEST_DATA "/golden/seed_keras_float64_lr1e-4.json";

static json_t *load(const char *path)
{
    json_t *root = json_load_file(path, 0, NULL);
    assert_non_null(root);
    return root;
}

// Takes the row of a quantity out of the report.
static const json_t *find_row(const json_t *report, const char *name)
{
    size_t index;
    json_t *row;
    json_array_foreach(json_object_get(report, "rows"), index, row)
    {
        if (strcmp(json_string_value(json_object_get(row, "name")), name) == 0)
            return row;
    }
    fail_msg("the report has no \"%s\"", name);
    return NULL;
}

static double number_of(const json_t *row, const char *key)
{
    assert_true(json_is_number(json_object_get(row, key)));
    return json_number_value(json_object_get(row, key));
}

// Replays a file that must pass, and checks that every quantity of it was compared.
static void check_parity(const char *path)
{
    json_t *reference = load(path);
    struct program_result result = RUN_CLEF("replay", path, "--data", CLEF_MNIST, "--json");
    check_exit(&result, 0);
    json_t *report = json_loads(result.out, 0, NULL);
    assert_non_null(report);
    assert_true(json_is_true(json_object_get(report, "passes")));
    assert_true(json_is_true(json_object_get(report, "float32")));
    // On the device that the test is for.
    const char *wanted = getenv("CLEF_DEVICE");
    const json_t *device = json_object_get(report, "device");
    assert_string_equal(wanted && *wanted ? wanted : "cpu",
                        json_string_value(json_object_get(device, "backend")));
    size_t parameters = json_array_size(json_object_get(reference, "parameters"));
    size_t losses = json_array_size(json_object_get(reference, "losses"));
    size_t moving =
        json_object_size(json_object_get(json_object_get(reference, "after"), "moving"));
    assert_int_equal(82, parameters);
    assert_int_equal(8, losses);
    assert_int_equal(19, moving);
    // Logits, gradients, losses, test loss and accuracy, norms of weights, means and variances,
    // test logits.
    assert_int_equal(1 + parameters + losses + 2 + parameters + 2 * moving + 1,
                     json_array_size(json_object_get(report, "rows")));
    // The limits, and the errors against them once more.
    const json_t *logits = find_row(report, "step 1: logits (largest)");
    assert_true(number_of(logits, "allowed") == 1e-4 && number_of(logits, "error") <= 1e-4);
    const json_t *gradient = find_row(report, "step 1: gradient of stem.conv.weight");
    assert_true(number_of(gradient, "allowed") == 1e-4 && number_of(gradient, "error") <= 1e-4);
    const json_t *zero = find_row(report, "step 1: gradient of stage1.block1.conv1.bias");
    assert_true(number_of(zero, "allowed") == 1e-6 && number_of(zero, "clef") < 1e-6);
    const json_t *loss = find_row(report, "step 1: loss");
    double recorded = json_number_value(json_array_get(json_object_get(reference, "losses"), 0));
    assert_true(number_of(loss, "reference") == recorded);
    assert_true(number_of(loss, "allowed") == 1e-3 && number_of(loss, "error") < 1e-5);
    // The distance is judged, and the relative error is told beside it.
    double distance = fabs(number_of(loss, "clef") - recorded);
    assert_true(distance > 0 && number_of(loss, "error") == distance);
    assert_true(number_of(loss, "relative_error") == distance / recorded);
    assert_true(number_of(logits, "relative_error") == number_of(logits, "error"));
    assert_true(json_is_null(json_object_get(zero, "relative_error")));
    json_decref(report);
    json_decref(reference);
    program_release(&result);
}

static void test_parity(void **state)
{
    (void)state;
    check_parity(golden);
}

static void test_parity_of_slow_learning(void **state)
{
    (void)state;
    check_parity(golden_slow);
}

// Leaves the first `steps` steps of a reference, which is enough where only these are falsified.
static void shorten(json_t *root, size_t steps)
{
    json_t *losses = json_object_get(root, "losses");
    json_object_set_new(json_object_get(root, "after"), "steps", json_integer((json_int_t)steps));
    while (json_array_size(losses) > steps)
        json_array_remove(losses, json_array_size(losses) - 1);
}

// Saves a changed reference under the name "float64.json", with no float32 file beside it.
static const char *save(void **state, json_t *root)
{
    const char *path = temp_path(state, "float64.json");
    assert_int_equal(0, json_dump_file(root, path, 0));
    json_decref(root);
    return path;
}

// Replays a file that must be rejected, because of this quantity.
static void check_rejected(const char *path, const char *quantity)
{
    struct program_result result = RUN_CLEF("replay", path, "--data", CLEF_MNIST, "--json");
    check_exit(&result, 1);
    check_one_line(&result, "differs");
    json_t *report = json_loads(result.out, 0, NULL);
    assert_non_null(report);
    assert_true(json_is_false(json_object_get(report, "passes")));
    assert_true(json_is_false(json_object_get(report, "float32")));
    assert_true(json_is_false(json_object_get(find_row(report, quantity), "ok")));
    // Nothing else of the first step was changed.
    assert_true(json_is_true(json_object_get(find_row(report, "step 1: loss"), "ok")));
    assert_true(json_is_true(json_object_get(find_row(report, "step 1: logits (largest)"), "ok")));
    json_decref(report);
    program_release(&result);
}

// The losses of the first steps are known to within 1e-3: a change of 2e-3 must be noticed.
static void test_notices_a_loss(void **state)
{
    json_t *root = load(golden_slow);
    json_t *losses = json_object_get(root, "losses");
    shorten(root, 2);
    json_array_set_new(losses, 1, json_real(json_number_value(json_array_get(losses, 1)) + 2e-3));
    check_rejected(save(state, root), "step 2: loss");
}

static json_t *gradient_of(json_t *root, size_t index)
{
    json_t *gradients = json_object_get(json_object_get(root, "step1"), "gradients");
    return json_array_get(gradients, index);
}

static void change_gradient(json_t *root, size_t index, const char *key, double factor)
{
    json_t *gradient = gradient_of(root, index);
    double value = json_number_value(json_object_get(gradient, key));
    json_object_set_new(gradient, key, json_real(value * factor));
}

static void test_notices_a_gradient(void **state)
{
    json_t *root = load(golden_slow);
    shorten(root, 1);
    change_gradient(root, 2, "l2", 1.001);
    check_rejected(save(state, root), "step 1: gradient of stage1.block1.conv1.weight");
    root = load(golden_slow);
    shorten(root, 1);
    change_gradient(root, 2, "sum", 1.1);
    check_rejected(save(state, root), "step 1: gradient of stage1.block1.conv1.weight");
}

// Replays a file, which may be rejected for its later quantities, and returns the report.
static json_t *replay_anyhow(const char *path)
{
    struct program_result result = RUN_CLEF("replay", path, "--data", CLEF_MNIST, "--json");
    json_t *report = json_loads(result.out, 0, NULL);
    if (report == NULL)
        fail_msg("no report: %s", result.err);
    program_release(&result);
    return report;
}

static void check_row(const json_t *report, const char *name, bool ok, double allowed)
{
    const json_t *row = find_row(report, name);
    double limit = number_of(row, "allowed");
    if (json_is_true(json_object_get(row, "ok")) != ok || fabs(limit - allowed) > 1e-12)
        fail_msg("%s: error %g of %g allowed; expected %s of %g", name, number_of(row, "error"),
                 limit, ok ? "less" : "more", allowed);
}

// The first elements count up to the last, by their distance relative to the norm.
static void test_notices_first_elements(void **state)
{
    static const char name[] = "step 1: gradient of stage1.block1.conv1.weight";
    for (int k = 0; k < 4; k += 3) {
        json_t *root = load(golden_slow);
        shorten(root, 1);
        json_t *gradient = gradient_of(root, 2), *first = json_object_get(gradient, "first");
        double value = json_number_value(json_array_get(first, (size_t)k));
        double norm = json_number_value(json_object_get(gradient, "l2"));
        json_array_set_new(first, (size_t)k, json_real(value + 1.1e-4 * norm));
        check_rejected(save(state, root), name);
    }
}

// Of a gradient whose norm is below 1e-9 ours must be below 1e-6, and from 1e-9 on the relative
// error counts. No other gradient may be called zero.
static void test_notices_zero_gradients(void **state)
{
    static const char bias[] = "step 1: gradient of stage1.block1.conv1.bias";
    json_t *root = load(golden_slow);
    shorten(root, 1);
    json_object_set_new(gradient_of(root, 2), "l2", json_real(0.9e-9));
    json_object_set_new(gradient_of(root, 3), "l2", json_real(0.9e-9));
    json_t *report = replay_anyhow(save(state, root));
    check_row(report, "step 1: gradient of stage1.block1.conv1.weight", false, 1e-6);
    check_row(report, bias, true, 1e-6);
    json_decref(report);
    root = load(golden_slow);
    shorten(root, 1);
    json_object_set_new(gradient_of(root, 3), "l2", json_real(1.1e-9));
    check_rejected(save(state, root), bias);
}

// A loss may lie three times as far off as float32 was in the other framework up to that step, and
// 1e-3 if that is more. Here float32 is off by 2e-3 at the second step, and we by `distance`.
static json_t *replay_with_drift(void **state, int step, double distance)
{
    json_t *root = load(golden_slow), *single = load(golden_slow);
    shorten(root, 3);
    shorten(single, 3);
    json_t *losses = json_object_get(root, "losses");
    size_t index = (size_t)step - 1;
    json_array_set_new(losses, index,
                       json_real(json_number_value(json_array_get(losses, index)) + distance));
    losses = json_deep_copy(losses);
    json_array_set_new(losses, 1, json_real(json_number_value(json_array_get(losses, 1)) + 2e-3));
    json_object_set_new(single, "losses", losses);
    assert_int_equal(0, json_dump_file(single, temp_path(state, "float32.json"), 0));
    json_decref(single);
    json_t *report = replay_anyhow(save(state, root));
    assert_true(json_is_true(json_object_get(report, "float32")));
    return report;
}

static void test_drift_of_losses(void **state)
{
    static const struct {
        int step;
        double distance, allowed;
        bool ok;
    } rows[] = {
        // Our own distance is up to some 1e-4 here, hence the space around the limits.
        {2, 5.7e-3, 6e-3, true},
        {2, 6.3e-3, 6e-3, false},
        {3, -5.7e-3, 6e-3, true},  // As far as up to an earlier step ...
        {1, -1.1e-3, 1e-3, false}, // ... but not as far as at a later one.
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char name[32];
        snprintf(name, sizeof name, "step %d: loss", rows[i].step);
        json_t *report = replay_with_drift(state, rows[i].step, rows[i].distance);
        check_row(report, name, rows[i].ok, rows[i].allowed);
        json_decref(report);
    }
}

// The test loss after one step, which no file records, is taken from the first replay. After that,
// 1e-3 is the limit, or three times what float32 was off.
static void test_notices_the_test_loss(void **state)
{
    static const struct {
        double distance, single, allowed; // No float32 file if `single` is 0.
        bool ok;
    } rows[] = {
        {0.9e-3, 0, 1e-3, true},
        {-1.1e-3, 0, 1e-3, false},
        {5.9e-3, 2e-3, 6e-3, true},
        {6.1e-3, 2e-3, 6e-3, false},
    };
    json_t *root = load(golden_slow);
    shorten(root, 1);
    json_t *report = replay_anyhow(save(state, json_incref(root)));
    double measured = number_of(find_row(report, "test: loss"), "clef");
    json_decref(report);
    json_t *test = json_object_get(json_object_get(root, "after"), "test_first_256");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        double recorded = measured + rows[i].distance;
        if (rows[i].single > 0) {
            json_object_set_new(test, "loss", json_real(recorded + rows[i].single));
            assert_int_equal(0, json_dump_file(root, temp_path(state, "float32.json"), 0));
        }
        json_object_set_new(test, "loss", json_real(recorded));
        report = replay_anyhow(save(state, json_incref(root)));
        check_row(report, "test: loss", rows[i].ok, rows[i].allowed);
        json_decref(report);
    }
    json_decref(root);
}

static void test_notices_other_weights(void **state)
{
    json_t *root = load(golden_slow);
    json_object_set_new(json_object_get(root, "weights"), "key", json_integer(2));
    shorten(root, 1);
    const char *path = save(state, root);
    struct program_result result = RUN_CLEF("replay", path, "--data", CLEF_MNIST);
    check_exit(&result, 1);
    check_one_line(&result, "is off by");
    check_contains(result.err, path);
    check_contains(result.out, "TOO FAR");
    check_contains(result.out, "No float32 file");
    check_contains(result.out, "for losses their distance from the reference");
    check_contains(result.out, " Rel.error     Judged    Allowed\n");
    program_release(&result);
}

static void check_malformed(const char *path, const char *reason)
{
    struct program_result result = RUN_CLEF("replay", path, "--data", CLEF_MNIST);
    check_exit(&result, 1);
    check_one_line(&result, reason);
    check_contains(result.err, path);
    assert_string_equal("", result.out);
    program_release(&result);
}

static void test_malformed_files(void **state)
{
    check_malformed(temp_path(state, "missing.json"), "No such file");
    const char *path = temp_path(state, "text.json");
    write_file(path, "not JSON", 8);
    check_malformed(path, ":1: not valid JSON");
    write_file(path, "{}", 2);
    check_malformed(path, "not a trajectory");

    json_t *root = load(golden);
    json_array_remove(json_object_get(root, "losses"), 0);
    check_malformed(save(state, root), "losses");
    root = load(golden);
    json_array_remove(json_object_get(root, "parameters"), 0);
    check_malformed(save(state, root), "parameters");
    root = load(golden);
    json_object_set_new(json_object_get(root, "adam"), "beta1", json_real(0.8));
    check_malformed(save(state, root), "only Adam with");
    root = load(golden);
    json_object_set_new(root, "batch", json_integer(0));
    check_malformed(save(state, root), "out of range");
}

// A file that tells less than it must would pass for the rest of it.
static void test_incomplete_files(void **state)
{
    json_t *root = load(golden);
    json_object_del(gradient_of(root, 2), "first");
    check_malformed(save(state, root), "\"gradients\" does not describe each of \"parameters\"");
    root = load(golden);
    json_object_set_new(gradient_of(root, 2), "first", json_array());
    check_malformed(save(state, root),
                    "\"first\" of \"stage1.block1.conv1.weight\" is not a list of 1 to 4 numbers");
    root = load(golden);
    json_object_set_new(gradient_of(root, 2), "first", json_real(1));
    check_malformed(save(state, root),
                    "\"first\" of \"stage1.block1.conv1.weight\" is not a list of 1 to 4 numbers");
    root = load(golden);
    json_array_set_new(json_object_get(gradient_of(root, 2), "first"), 1, json_string("1e-3"));
    check_malformed(save(state, root),
                    "element 1 of \"first\" of \"stage1.block1.conv1.weight\" is not a number");
    root = load(golden);
    json_array_remove(json_object_get(gradient_of(root, 2), "first"), 3);
    check_malformed(save(state, root),
                    "\"first\" of \"stage1.block1.conv1.weight\" has 3 numbers, but must have 4");
    // Both lists shorter by the same parameter: the last, then one in the middle.
    json_t *gradients;
    root = load(golden);
    gradients = json_object_get(json_object_get(root, "step1"), "gradients");
    json_array_remove(json_object_get(root, "parameters"), 81);
    json_array_remove(gradients, 81);
    check_malformed(save(state, root), "the network's parameter \"fc2.bias\" is missing");
    root = load(golden);
    gradients = json_object_get(json_object_get(root, "step1"), "gradients");
    json_array_remove(json_object_get(root, "parameters"), 2);
    json_array_remove(gradients, 2);
    check_malformed(
        save(state, root),
        "the parameter \"stage1.block1.conv1.bias\" is not the network's at this place, "
        "which is \"stage1.block1.conv1.weight\"");
}

// What a replay notices and refuses is the same on each device.
int main(void)
{
    const struct CMUnitTest parity[] = {
        cmocka_unit_test(test_parity),
        cmocka_unit_test(test_parity_of_slow_learning),
    };
    const struct CMUnitTest faults[] = {
        IN_DIRECTORY(test_notices_a_loss),         IN_DIRECTORY(test_notices_a_gradient),
        IN_DIRECTORY(test_notices_first_elements), IN_DIRECTORY(test_notices_zero_gradients),
        IN_DIRECTORY(test_drift_of_losses),        IN_DIRECTORY(test_notices_the_test_loss),
        IN_DIRECTORY(test_notices_other_weights),  IN_DIRECTORY(test_malformed_files),
        IN_DIRECTORY(test_incomplete_files),
    };
    int failures = cmocka_run_group_tests(parity, NULL, NULL);
    return getenv("CLEF_DEVICE") ? failures : failures + cmocka_run_group_tests(faults, NULL, NULL);
}
