// SPDX-License-Identifier: Apache-2.0
// Moving statistics taken anew: what they become, what they depend on, and what stays.
#include "support/program.h"
#include "support/run_files.h"
#include "support/small_mnist.h"
#include "support/temp_directory.h"
#include "support/training_fixture.h"
#include "support/training_state.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct clef_device *device;
static struct clef_dataset *dataset;

static int open_device(void **state)
{
    (void)state;
    if (clef_device_open("cpu", NULL, &device) != CLEF_OK)
        return -1;
    dataset = training_dataset();
    return 0;
}

static int close_device(void **state)
{
    (void)state;
    clef_dataset_destroy(dataset);
    clef_device_close(device);
    return 0;
}

static bool is_statistic(const struct clef_parameter *parameter)
{
    return parameter->kind == CLEF_PARAMETER_MOVING_MEAN ||
           parameter->kind == CLEF_PARAMETER_MOVING_VARIANCE;
}

// Sets all moving statistics to one number.
static void spoil(struct clef_model *model, float number)
{
    float values[64];
    for (int i = 0; i < 64; i++)
        values[i] = number;
    for (int i = 0; i < clef_model_parameter_count(model); i++) {
        struct clef_parameter parameter = clef_model_get_parameter(model, i);
        assert_in_range(parameter.count, 1, is_statistic(&parameter) ? 64 : SIZE_MAX);
        if (is_statistic(&parameter))
            check_ok(clef_model_write_parameter(model, i, values));
    }
}

static void train(struct clef_model *model, int epochs, struct clef_epoch *results)
{
    struct clef_train_config config = training_config(epochs, true);
    int done;
    check_ok(clef_train(model, dataset, NULL, &config, NULL, results, &done));
}

static void update(struct clef_model *model, const struct clef_dataset *images, int batches)
{
    struct clef_train_config config = training_config(1, false);
    check_ok(clef_update_bn(model, images, &config, batches, NULL));
}

// With the statistics of the one batch that there is, inference computes what a training step does
// before it changes anything.
static void test_inference_as_in_training(void **state)
{
    (void)state;
    struct clef_train_config config = training_config(1, true);
    struct clef_model *model = training_model(device);
    struct clef_evaluation before, after;
    struct clef_epoch epochs[3];
    int done;
    config.batch_size = IMAGES;
    train(model, 3, epochs);
    check_ok(clef_evaluate(model, dataset, IMAGES, NULL, &before));
    check_ok(clef_update_bn(model, dataset, &config, 1, NULL));
    check_ok(clef_evaluate(model, dataset, IMAGES, NULL, &after));
    check_ok(clef_train(model, dataset, NULL, &config, NULL, epochs, &done));
    if (!(fabs(after.loss - epochs[0].loss) < 1e-5) || !(fabs(before.loss - epochs[0].loss) > 0.01))
        fail_msg("loss %g before and %g after the update, %g in training", before.loss, after.loss,
                 epochs[0].loss);
    clef_model_destroy(model);
}

// Nothing but the statistics changes, and these do not depend on what they were.
static void test_what_it_depends_on(void **state)
{
    (void)state;
    struct clef_model *model = training_model(device), *spoiled = training_model(device);
    struct clef_epoch epochs[2];
    train(model, 2, epochs);
    train(spoiled, 2, epochs);
    struct training_state before = training_state_read(model);
    spoil(spoiled, 1e3f);
    update(model, dataset, STEPS);
    update(spoiled, dataset, STEPS);
    struct training_state one = training_state_read(model), other = training_state_read(spoiled);
    training_state_check_same("spoiled before", &one, &other);
    assert_int_equal(before.step, one.step);
    size_t at = 0, changed = 0, statistics = 0;
    for (int i = 0; i < clef_model_parameter_count(model); i++) {
        struct clef_parameter parameter = clef_model_get_parameter(model, i);
        size_t count = parameter.count * (parameter.trainable ? 3 : 1);
        if (!is_statistic(&parameter))
            assert_memory_equal(before.values + at, one.values + at, count * sizeof(float));
        for (size_t k = 0; is_statistic(&parameter) && k < count; k++, statistics++)
            changed += before.values[at + k] != one.values[at + k];
        at += count;
    }
    assert_int_equal(at, one.count);
    assert_true(changed > statistics / 2);
    training_state_release(&before);
    training_state_release(&one);
    training_state_release(&other);
    clef_model_destroy(model);
    clef_model_destroy(spoiled);
}

enum { MOST_STATISTICS = 256 };

// All moving statistics, one after another. Returns how many there are.
static int read_statistics(struct clef_model *model, float values[MOST_STATISTICS])
{
    size_t count = 0;
    for (int i = 0; i < clef_model_parameter_count(model); i++) {
        struct clef_parameter parameter = clef_model_get_parameter(model, i);
        if (!is_statistic(&parameter))
            continue;
        assert_in_range(count + parameter.count, 1, MOST_STATISTICS);
        check_ok(clef_model_read_parameter(model, i, values + count));
        count += parameter.count;
    }
    assert_true(count > 0);
    return (int)count;
}

// The statistics of some batches by themselves. Returns how many there are of each.
static int read_alone(struct clef_model *model, int batches, float (*alone)[MOST_STATISTICS])
{
    int count = 0;
    for (int b = 0; b < batches; b++) {
        struct clef_dataset *batch;
        int images = (b + 1) * BATCH < IMAGES ? BATCH : IMAGES - b * BATCH;
        check_ok(clef_dataset_slice(dataset, b * BATCH, images, &batch));
        update(model, batch, 1);
        count = read_statistics(model, alone[b]);
        clef_dataset_destroy(batch);
    }
    return count;
}

// Of several batches they are the mean that the momentum gives: 0.99^i for the i-th from the last.
// More batches than there are count as all.
static void test_mean_of_batches(void **state)
{
    static float alone[STEPS][MOST_STATISTICS], values[MOST_STATISTICS];
    static const struct {
        int asked, taken;
    } cases[] = {{2, 2}, {STEPS, STEPS}, {100, STEPS}};
    struct clef_model *model = training_model(device);
    struct clef_epoch epochs[2];
    (void)state;
    train(model, 2, epochs);
    int count = read_alone(model, STEPS, alone);
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        int taken = cases[c].taken;
        update(model, dataset, cases[c].asked);
        assert_int_equal(count, read_statistics(model, values));
        for (int i = 0; i < count; i++) {
            double sum = 0, weights = 0;
            for (int b = 0; b < taken; b++) {
                double weight = pow(0.99, taken - 1 - b);
                sum += weight * (double)alone[b][i];
                weights += weight;
            }
            double mean = sum / weights;
            if (!(fabs((double)values[i] - mean) <= 1e-4 * fabs(mean) + 1e-6))
                fail_msg("statistic %d of %d batches: %g instead of %g", i, taken,
                         (double)values[i], mean);
        }
    }
    clef_model_destroy(model);
}

static void test_frozen_layers_keep_theirs(void **state)
{
    (void)state;
    struct clef_model *model = training_model(device);
    check_ok(clef_model_freeze(model, "stem,stage1"));
    spoil(model, 2.0f);
    update(model, dataset, STEPS);
    for (int i = 0; i < clef_model_parameter_count(model); i++) {
        float values[64];
        struct clef_parameter parameter = clef_model_get_parameter(model, i);
        if (!is_statistic(&parameter))
            continue;
        check_ok(clef_model_read_parameter(model, i, values));
        bool frozen = strncmp(parameter.name, "stage1.", 7) == 0;
        if (frozen != (values[0] == 2.0f))
            fail_msg("%s became %g", parameter.name, (double)values[0]);
    }
    clef_model_destroy(model);
}

static bool stop_at_the_third(void *user)
{
    return ++*(int *)user == 3;
}

// Whatever ends it, the statistics are then what they were, and training goes on.
static void test_failures_change_nothing(void **state)
{
    (void)state;
    struct clef_model *model = training_model(device);
    struct clef_train_config config = training_config(1, true);
    struct clef_epoch epochs[1];
    int asked = 0;
    const struct clef_train_callbacks callbacks = {.user = &asked,
                                                   .should_stop = stop_at_the_third};
    train(model, 1, epochs);
    struct training_state before = training_state_read(model);
    assert_int_equal(CLEF_INTERRUPTED, clef_update_bn(model, dataset, &config, STEPS, &callbacks));
    struct training_state after = training_state_read(model);
    training_state_check_same("interrupted", &before, &after);
    training_state_release(&after);

    float weight, nan = NAN;
    int last = clef_model_parameter_count(model) - 1; // The classifier's bias.
    float bias[CLASSES], poisoned[CLASSES] = {nan};
    check_ok(clef_model_read_parameter(model, last, bias));
    check_ok(clef_model_write_parameter(model, last, poisoned));
    assert_int_equal(CLEF_NOT_FINITE, clef_update_bn(model, dataset, &config, STEPS, NULL));
    assert_non_null(strstr(clef_last_error(), "layer \"fc\""));
    check_ok(clef_model_write_parameter(model, last, bias));
    after = training_state_read(model);
    training_state_check_same("not finite", &before, &after);
    training_state_release(&after);
    training_state_release(&before);

    assert_int_equal(CLEF_INVALID_ARGUMENT, clef_update_bn(model, dataset, &config, 0, NULL));
    assert_int_equal(CLEF_INVALID_ARGUMENT, clef_update_bn(model, NULL, &config, 1, NULL));
    check_ok(clef_model_read_parameter(model, last, bias));
    weight = bias[0];
    train(model, 1, epochs);
    check_ok(clef_model_read_parameter(model, last, bias));
    assert_true(bias[0] != weight);
    clef_model_destroy(model);
}

// The program tells both accuracies, and what it saves is the second.
static void test_program(void **state)
{
    char data[512], out[512], model[600];
    snprintf(data, sizeof data, "%s", temp_path(state, "data"));
    snprintf(out, sizeof out, "%s", temp_path(state, "out"));
    snprintf(model, sizeof model, "%s/model.safetensors", out);
    write_small_mnist(CLEF_MNIST, data, 300, 100);
    struct program_result result =
        RUN_CLEF("train", "--data", data, "--epochs", "4", "--learning-rate", "1e-2", "--update-bn",
                 "9", "--out", out, "--blocks", "1,1", "--filters", "8,16", "--head", "avgpool");
    check_exit(&result, 0);
    check_contains(result.out, "\nTest accuracy with the moving statistics of training: ");
    check_contains(result.out, "\nTest accuracy: ");
    program_release(&result);
    json_t *summary = load_json(temp_path(state, "out/summary.json"));
    const json_t *test = json_object_get(summary, "test");
    assert_int_equal(9, real_of(json_object_get(summary, "config"), "update_bn"));
    double before = real_of(json_object_get(summary, "test_before_update_bn"), "loss");
    if (!(real_of(test, "loss") < 0.9 * before))
        fail_msg("test loss %g before and %g after", before, real_of(test, "loss"));
    result = RUN_CLEF("eval", "--model", model, "--data", data, "--json");
    check_exit(&result, 0);
    json_t *report = json_loads(result.out, 0, NULL);
    assert_true(json_equal(test, json_object_get(report, "test")));
    json_decref(report);
    json_decref(summary);
    program_release(&result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inference_as_in_training),
        cmocka_unit_test(test_what_it_depends_on),
        cmocka_unit_test(test_mean_of_batches),
        cmocka_unit_test(test_frozen_layers_keep_theirs),
        cmocka_unit_test(test_failures_change_nothing),
        IN_DIRECTORY(test_program),
    };
    return cmocka_run_group_tests(tests, open_device, close_device);
}
