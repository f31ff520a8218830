// SPDX-License-Identifier: Apache-2.0
// A model through its public interface: initial values, steps, tickets, determinism.
#include "support/model_fixture.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>

// ---------------------------------------------------------------- determinism

static void train_apart(int threads, uint64_t seed, float **values, size_t *count, double *loss)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    fixture_open(fixture, threads, seed);
    for (int step = 0; step < 3; step++)
        *loss = fixture_train(fixture, 1e-2f).loss;
    *values = fixture_read_all(fixture->model, count);
    fixture_close(fixture);
    free(fixture);
}

static void test_same_bits(void **unused)
{
    (void)unused;
    const int threads[] = {1, 1, 2, 5};
    float *first, *values;
    size_t count, same_count;
    double first_loss, loss;
    train_apart(threads[0], 7, &first, &count, &first_loss);
    for (int i = 1; i < 4; i++) {
        train_apart(threads[i], 7, &values, &same_count, &loss);
        assert_int_equal(same_count, count);
        assert_memory_equal(first, values, count * sizeof *values);
        assert_true(loss == first_loss);
        free(values);
    }
    train_apart(1, 8, &values, &same_count, &loss);
    assert_true(memcmp(first, values, count * sizeof *values) != 0);
    free(values);
    free(first);
}

static void test_initial_values(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < clef_model_parameter_count(fixture->model); i++) {
        struct clef_parameter parameter = clef_model_get_parameter(fixture->model, i);
        float *values = malloc(parameter.count * sizeof *values);
        EXPECT_OK(clef_model_read_parameter(fixture->model, i, values));
        double area = 1, largest = 0, sum = 0;
        for (int k = 0; k < parameter.rank - 2; k++)
            area *= parameter.dims[k];
        for (size_t k = 0; k < parameter.count; k++) {
            largest = fmax(largest, fabs((double)values[k]));
            sum += (double)values[k];
        }
        if (parameter.kind == CLEF_PARAMETER_KERNEL) {
            double limit = sqrt(6 / (area * (parameter.dims[parameter.rank - 2] +
                                             parameter.dims[parameter.rank - 1])));
            assert_true(largest <= limit * (1 + 1e-6) && largest > 0.9 * limit);
            // Four standard deviations of the mean of a uniform distribution.
            assert_true(fabs(sum / (double)parameter.count) <
                        4 * limit / sqrt(3 * (double)parameter.count));
        } else {
            bool is_one = parameter.kind == CLEF_PARAMETER_GAMMA ||
                          parameter.kind == CLEF_PARAMETER_MOVING_VARIANCE;
            for (size_t k = 0; k < parameter.count; k++)
                assert_true(values[k] == (is_one ? 1.0f : 0.0f));
        }
        free(values);
    }
}

// ---------------------------------------------------------------- steps

static void test_learns(void **state)
{
    struct fixture *fixture = *state;
    double first = fixture_train(fixture, 1e-2f).loss;
    for (int step = 0; step < 30; step++)
        fixture_train(fixture, 1e-2f);
    struct clef_metrics last = fixture_train(fixture, 1e-2f);
    assert_true(last.loss < 0.2 * first);
    assert_int_equal(last.correct, FIXTURE_BATCH);
    assert_int_equal(last.count, FIXTURE_BATCH);
    assert_int_equal(clef_model_get_step(fixture->model), 32);
}

// Adam's first step moves every element with a gradient by the learning rate, and the others not at
// all: bit for bit what its formula gives from the gradient.
static void test_first_step_is_adam(void **state)
{
    struct fixture *fixture = *state;
    size_t count;
    EXPECT_OK(clef_model_keep_gradients(fixture->model));
    float *before = fixture_read_all(fixture->model, &count);
    fixture_train(fixture, 1e-3f);
    float *after = fixture_read_all(fixture->model, &count);
    size_t offset = 0;
    for (int i = 0; i < clef_model_parameter_count(fixture->model); i++) {
        struct clef_parameter parameter = clef_model_get_parameter(fixture->model, i);
        float *gradient = calloc(parameter.count, sizeof *gradient);
        if (parameter.trainable)
            EXPECT_OK(clef_model_read_gradient(fixture->model, i, gradient));
        for (size_t k = 0; k < parameter.count && parameter.trainable; k++) {
            double g = (double)gradient[k];
            double m = g * (1 - 0.9), v = g * g * (1 - 0.999);
            double change = 1e-3 * sqrt(1 - 0.999) / (1 - 0.9) * m / (sqrt(v) + 1e-7);
            double moved = (double)before[offset + k] - (double)after[offset + k];
            // Rounding of the parameter, and Adam's own arithmetic in float32.
            double tolerance = 1.2e-7 * fabs((double)before[offset + k]) + 1e-8;
            if (!(fabs(moved - change) <= tolerance))
                fail_msg("%s[%zu] moved by %g, expected %g", parameter.name, k, moved, change);
        }
        offset += parameter.count;
        free(gradient);
    }
    free(before);
    free(after);
}

// Whether gradients of kernels are kept changes no bit of a training.
static void test_gradients_are_kept_on_demand(void **state)
{
    struct fixture *fixture = *state, *keeping = calloc(1, sizeof *keeping);
    assert_non_null(keeping);
    fixture_open(keeping, 2, 1);
    EXPECT_OK(clef_model_keep_gradients(keeping->model));
    for (int step = 0; step < 3; step++) {
        fixture_train(fixture, 1e-3f);
        fixture_train(keeping, 1e-3f);
    }
    size_t count;
    float *values = fixture_read_all(fixture->model, &count);
    float *same = fixture_read_all(keeping->model, &count);
    assert_memory_equal(values, same, count * sizeof *values);
    int kernel = fixture_find_parameter(fixture->model, "fc1.weight");
    int bias = fixture_find_parameter(fixture->model, "fc1.bias");
    EXPECT_FAILS(clef_model_read_gradient(fixture->model, kernel, values), CLEF_INVALID_ARGUMENT,
                 "the gradient of \"fc1.weight\" is not kept");
    EXPECT_OK(clef_model_read_gradient(fixture->model, bias, values));
    EXPECT_OK(clef_model_read_gradient(keeping->model, bias, same));
    assert_memory_equal(values, same, clef_model_get_parameter(fixture->model, bias).count * 4);
    EXPECT_FAILS(clef_model_keep_gradients(fixture->model), CLEF_INVALID_ARGUMENT,
                 "before the first step");
    free(values);
    free(same);
    fixture_close(keeping);
    free(keeping);
}

static void test_bias_before_batchnorm_rests(void **state)
{
    struct fixture *fixture = *state;
    int index = fixture_find_parameter(fixture->model, "stage2.block1.conv1.bias");
    size_t count = clef_model_get_parameter(fixture->model, index).count;
    float *values = calloc(count, sizeof *values), *gradient = calloc(count, sizeof *gradient);
    fixture_train(fixture, 1e-2f);
    EXPECT_OK(clef_model_read_parameter(fixture->model, index, values));
    EXPECT_OK(clef_model_read_gradient(fixture->model, index, gradient));
    for (size_t i = 0; i < count; i++)
        assert_true(values[i] == 0 && gradient[i] == 0);
    free(values);
    free(gradient);
}

// Two steps under way give what two steps one after the other give, and a third is refused.
static void test_tickets(void **state)
{
    struct fixture *fixture = *state, *apart = calloc(1, sizeof *apart);
    fixture_open(apart, 2, 1);
    int tickets[3];
    struct clef_metrics metrics[2];
    for (int i = 0; i < 2; i++)
        EXPECT_OK(clef_model_train_step(fixture->model, &fixture->batch, 1e-2f, &tickets[i]));
    EXPECT_FAILS(clef_model_train_step(fixture->model, &fixture->batch, 1e-2f, &tickets[2]),
                 CLEF_INVALID_ARGUMENT, "under way");
    for (int i = 0; i < 2; i++)
        EXPECT_OK(clef_model_wait(fixture->model, tickets[i], &metrics[i]));
    assert_true(metrics[0].loss == fixture_train(apart, 1e-2f).loss);
    assert_true(metrics[1].loss == fixture_train(apart, 1e-2f).loss);
    EXPECT_FAILS(clef_model_wait(fixture->model, tickets[0], &metrics[0]), CLEF_INVALID_ARGUMENT,
                 "no step under way");
    EXPECT_FAILS(clef_model_wait(fixture->model, 99, &metrics[0]), CLEF_INVALID_ARGUMENT,
                 "ticket 99");
    fixture_close(apart);
    free(apart);
}

// A larger batch in between makes the plans anew; the results are those of a model that never had
// one.
static void test_batch_sizes_mix(void **state)
{
    struct fixture *fixture = *state, *apart = calloc(1, sizeof *apart);
    fixture_open(apart, 2, 1);
    fixture->batch.count = apart->batch.count = 3;
    double first = fixture_train(fixture, 1e-3f).loss;
    assert_true(first == fixture_train(apart, 1e-3f).loss);
    fixture->batch.count = FIXTURE_BATCH;
    fixture_evaluate(fixture);
    EXPECT_OK(clef_model_prepare(fixture->model, 4 * FIXTURE_BATCH, true));
    for (int count = 1; count <= FIXTURE_BATCH; count++) {
        fixture->batch.count = count;
        fixture_evaluate(fixture);
    }
    fixture->batch.count = 3;
    assert_true(fixture_train(fixture, 1e-3f).loss == fixture_train(apart, 1e-3f).loss);
    fixture_close(apart);
    free(apart);
}

// Evaluation and prediction agree, whatever the other images of the batch are, and change nothing.
static void test_predict(void **state)
{
    struct fixture *fixture = *state;
    fixture_train(fixture, 1e-2f);
    size_t count;
    float *before = fixture_read_all(fixture->model, &count);
    float logits[FIXTURE_BATCH * FIXTURE_CLASSES], alone[FIXTURE_CLASSES];
    struct clef_batch images = {.images = fixture->images, .count = FIXTURE_BATCH};
    EXPECT_OK(clef_model_predict(fixture->model, &images, logits));
    double loss = 0;
    int correct = 0;
    for (int i = 0; i < FIXTURE_BATCH; i++) {
        const float *row = logits + (ptrdiff_t)i * FIXTURE_CLASSES;
        double sum = 0;
        int best = 0;
        for (int c = 0; c < FIXTURE_CLASSES; c++) {
            sum += exp((double)row[c] - (double)row[fixture->labels[i]]);
            best = row[c] > row[best] ? c : best;
        }
        loss += log(sum) / FIXTURE_BATCH;
        correct += best == fixture->labels[i];
        struct clef_batch one = {
            .images = fixture->images + (ptrdiff_t)i * FIXTURE_SIDE * FIXTURE_SIDE, .count = 1};
        EXPECT_OK(clef_model_predict(fixture->model, &one, alone));
        for (int c = 0; c < FIXTURE_CLASSES; c++)
            assert_true(fabs((double)alone[c] - (double)row[c]) <=
                        1e-5 * (1 + fabs((double)row[c])));
    }
    struct clef_metrics metrics = fixture_evaluate(fixture);
    assert_true(fabs(metrics.loss - loss) <= 1e-5 * loss);
    assert_int_equal(metrics.correct, correct);
    float *after = fixture_read_all(fixture->model, &count);
    assert_memory_equal(before, after, count * sizeof *before);
    free(before);
    free(after);
}

static void test_refused_batches(void **state)
{
    struct fixture *fixture = *state;
    int ticket;
    struct clef_batch batch = fixture->batch;
    batch.count = 0;
    EXPECT_FAILS(clef_model_train_step(fixture->model, &batch, 1e-3f, &ticket),
                 CLEF_INVALID_ARGUMENT, "at least one image");
    batch = fixture->batch;
    batch.labels = NULL;
    EXPECT_FAILS(clef_model_evaluate_step(fixture->model, &batch, &ticket), CLEF_INVALID_ARGUMENT,
                 "labels");
    fixture->labels[4] = FIXTURE_CLASSES;
    EXPECT_FAILS(clef_model_train_step(fixture->model, &fixture->batch, 1e-3f, &ticket),
                 CLEF_INVALID_ARGUMENT, "label 4 of the batch is 5");
    EXPECT_FAILS(clef_model_prepare(fixture->model, 0, true), CLEF_INVALID_ARGUMENT,
                 "batch size is 0");
    float value;
    EXPECT_FAILS(clef_model_read_parameter(fixture->model, 1000, &value), CLEF_INVALID_ARGUMENT,
                 "no parameter 1000");
    EXPECT_FAILS(clef_model_read_gradient(fixture->model, 0, &value), CLEF_INVALID_ARGUMENT,
                 "before the first training step");
    struct clef_model *model;
    struct clef_resnet_config config = fixture_config();
    EXPECT_FAILS(clef_model_create_resnet(NULL, &config, 0, &model), CLEF_INVALID_ARGUMENT,
                 "device");
    config.classes = 1;
    EXPECT_FAILS(clef_model_create_resnet(fixture->device, &config, 0, &model),
                 CLEF_INVALID_ARGUMENT, "classes");
    assert_null(model);
    clef_model_destroy(NULL);
}

// What no index of a parameter or layer is gives a description of nothing.
static void test_indices(void **state)
{
    const struct fixture *fixture = *state;
    int parameters = clef_model_parameter_count(fixture->model);
    int layers = clef_model_layer_count(fixture->model);
    const int bad[][2] = {{-1, -1}, {parameters, layers}, {INT_MIN, INT_MIN}, {INT_MAX, INT_MAX}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct clef_parameter parameter = clef_model_get_parameter(fixture->model, bad[i][0]);
        assert_string_equal("", parameter.name);
        assert_int_equal(0, parameter.rank);
        assert_int_equal(0, parameter.count);
        assert_false(parameter.trainable);
        struct clef_layer layer = clef_model_get_layer(fixture->model, bad[i][1]);
        assert_string_equal("", layer.name);
        assert_string_equal("", layer.type);
        assert_int_equal(0, layer.parameters);
        assert_int_equal(0, layer.inputs);
        assert_int_equal(0, layer.parameter_count);
    }
    assert_int_equal(1, clef_model_get_parameter(fixture->model, parameters - 1).rank);
    assert_string_equal("Dense", clef_model_get_layer(fixture->model, layers - 1).type);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_bits),
        FIXTURE_TEST(test_initial_values),
        FIXTURE_TEST(test_learns),
        FIXTURE_TEST(test_first_step_is_adam),
        FIXTURE_TEST(test_gradients_are_kept_on_demand),
        FIXTURE_TEST(test_bias_before_batchnorm_rests),
        FIXTURE_TEST(test_tickets),
        FIXTURE_TEST(test_batch_sizes_mix),
        FIXTURE_TEST(test_predict),
        FIXTURE_TEST(test_refused_batches),
        FIXTURE_TEST(test_indices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
