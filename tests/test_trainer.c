// SPDX-License-Identifier: Apache-2.0
// The training loop on a small network and synthetic images: its figures against steps taken one by
// one, its callbacks, its order and its failures.
#include "support/expect.h"
#include "support/training_fixture.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct clef_device *device;
    struct clef_dataset *dataset;
    struct clef_model *model;
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    if (fixture == NULL)
        return -1;
    *state = fixture;
    if (clef_device_open("cpu", NULL, &fixture->device) != CLEF_OK) {
        print_error("%s\n", clef_last_error());
        return -1;
    }
    fixture->dataset = training_dataset();
    fixture->model = training_model(fixture->device);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    clef_model_destroy(fixture->model);
    clef_dataset_destroy(fixture->dataset);
    clef_device_close(fixture->device);
    free(fixture);
    return 0;
}

static void check_same(double expected, double actual)
{
    if (!(expected == actual))
        fail_msg("%.17g instead of %.17g", actual, expected);
}

// Runs all batches in file order through single steps, with padding done by hand.
static struct clef_evaluation run_by_hand(struct clef_model *model, bool training)
{
    static uint8_t padded[BATCH * PADDED * PADDED];
    int32_t batch_labels[BATCH];
    double loss = 0;
    int correct = 0;
    for (int first = 0; first < IMAGES; first += BATCH) {
        struct clef_batch batch = {.images = padded, .labels = batch_labels};
        struct clef_metrics metrics;
        int ticket;
        memset(padded, 0, sizeof padded);
        for (; batch.count < BATCH && first + batch.count < IMAGES; batch.count++) {
            int image = first + batch.count;
            batch_labels[batch.count] = training_labels[image];
            for (int y = 0; y < SIZE; y++)
                memcpy(padded + (batch.count * PADDED + y + 1) * PADDED + 1,
                       training_pixels + (image * SIZE + y) * SIZE, SIZE);
        }
        EXPECT_OK(training ? clef_model_train_step(model, &batch, 1e-3f, &ticket)
                           : clef_model_evaluate_step(model, &batch, &ticket));
        EXPECT_OK(clef_model_wait(model, ticket, &metrics));
        assert_int_equal(batch.count, metrics.count);
        loss += metrics.loss * metrics.count;
        correct += metrics.correct;
    }
    return (struct clef_evaluation){loss / IMAGES, (double)correct / IMAGES};
}

// An epoch and an evaluation give the image-weighted means of their steps, bit for bit.
static void test_means(void **state)
{
    struct fixture *fixture = *state;
    struct clef_model *other = training_model(fixture->device);
    struct clef_train_config config = training_config(1, false);
    struct clef_epoch epoch;
    struct clef_evaluation evaluation;
    int done;
    EXPECT_OK(clef_train(fixture->model, fixture->dataset, fixture->dataset, &config, NULL, &epoch,
                         &done));
    EXPECT_OK(clef_evaluate(fixture->model, fixture->dataset, BATCH, NULL, &evaluation));
    struct clef_evaluation trained = run_by_hand(other, true);
    struct clef_evaluation tested = run_by_hand(other, false);
    assert_int_equal(1, done);
    assert_int_equal(STEPS, clef_model_get_step(fixture->model));
    check_same(trained.loss, epoch.loss);
    check_same(trained.accuracy, epoch.accuracy);
    check_same(tested.loss, epoch.val_loss);
    check_same(tested.accuracy, epoch.val_accuracy);
    check_same(tested.loss, evaluation.loss);
    check_same(tested.accuracy, evaluation.accuracy);
    assert_true(epoch.seconds > 0);
    clef_model_destroy(other);
}

struct record {
    struct clef_progress steps[64];
    int step_count, stop_after;
    int epochs[8], epoch_count;
};

static bool record_step(void *user, const struct clef_progress *progress)
{
    struct record *record = user;
    assert_in_range(record->step_count, 0, 63);
    record->steps[record->step_count++] = *progress;
    return record->step_count != record->stop_after;
}

static void record_epoch(void *user, int epoch, int epochs, const struct clef_epoch *result)
{
    struct record *record = user;
    assert_int_equal(3, epochs);
    assert_true(result->loss > 0);
    assert_in_range(record->epoch_count, 0, 7);
    record->epochs[record->epoch_count++] = epoch;
}

static void test_callbacks(void **state)
{
    struct fixture *fixture = *state;
    struct record record = {0};
    struct clef_train_config config = training_config(3, true);
    struct clef_train_callbacks callbacks = {
        .user = &record, .on_step = record_step, .on_epoch = record_epoch};
    struct clef_epoch epochs[3];
    int done;
    EXPECT_OK(
        clef_train(fixture->model, fixture->dataset, NULL, &config, &callbacks, epochs, &done));
    assert_int_equal(3, done);
    assert_int_equal(3 * STEPS, record.step_count);
    assert_int_equal(3, record.epoch_count);
    for (int i = 0; i < record.step_count; i++) {
        assert_int_equal(i / STEPS + 1, record.steps[i].epoch);
        assert_int_equal(3, record.steps[i].epochs);
        assert_int_equal(i % STEPS + 1, record.steps[i].step);
        assert_int_equal(STEPS, record.steps[i].steps);
        assert_true(record.steps[i].seconds > 0);
    }
    for (int i = 0; i < 3; i++) {
        assert_int_equal(i + 1, record.epochs[i]);
        check_same(epochs[i].loss, record.steps[i * STEPS + STEPS - 1].loss);
        check_same(epochs[i].accuracy, record.steps[i * STEPS + STEPS - 1].accuracy);
        assert_true(isnan(epochs[i].val_loss) && isnan(epochs[i].val_accuracy));
    }
}

static void test_learns(void **state)
{
    struct fixture *fixture = *state;
    struct clef_train_config config = training_config(12, true);
    struct clef_epoch epochs[12];
    struct clef_evaluation evaluation;
    int done;
    config.learning_rate = 1e-2f;
    EXPECT_OK(clef_train(fixture->model, fixture->dataset, NULL, &config, NULL, epochs, &done));
    EXPECT_OK(clef_evaluate(fixture->model, fixture->dataset, BATCH, NULL, &evaluation));
    if (!(epochs[11].loss < 0.5 * epochs[0].loss) || !(epochs[11].accuracy > 0.9))
        fail_msg("loss %g, then %g with accuracy %g", epochs[0].loss, epochs[11].loss,
                 epochs[11].accuracy);
}

// The last epoch's loss of two epochs with a seed and an order.
static double loss_of(struct clef_device *device, const struct clef_dataset *dataset, uint64_t seed,
                      bool shuffle)
{
    struct clef_model *model = training_model(device);
    struct clef_train_config config = training_config(2, shuffle);
    struct clef_epoch epochs[2];
    int done;
    config.seed = seed;
    EXPECT_OK(clef_train(model, dataset, NULL, &config, NULL, epochs, &done));
    clef_model_destroy(model);
    return epochs[1].loss;
}

static void test_order(void **state)
{
    struct fixture *fixture = *state;
    double first = loss_of(fixture->device, fixture->dataset, 1, true);
    check_same(first, loss_of(fixture->device, fixture->dataset, 1, true));
    assert_true(first != loss_of(fixture->device, fixture->dataset, 2, true));
    double in_order = loss_of(fixture->device, fixture->dataset, 1, false);
    assert_true(first != in_order);
    check_same(in_order, loss_of(fixture->device, fixture->dataset, 2, false));
}

static void test_interruption(void **state)
{
    struct fixture *fixture = *state;
    struct record record = {.stop_after = STEPS + 2};
    struct clef_train_config config = training_config(3, true);
    struct clef_train_callbacks callbacks = {
        .user = &record, .on_step = record_step, .on_epoch = record_epoch};
    struct clef_epoch epochs[3];
    struct clef_evaluation evaluation;
    int done;
    assert_int_equal(CLEF_INTERRUPTED, clef_train(fixture->model, fixture->dataset, NULL, &config,
                                                  &callbacks, epochs, &done));
    assert_int_equal(1, done);
    assert_int_equal(1, record.epoch_count);
    assert_int_equal(STEPS + 2, record.step_count);
    // The step that was under way has been finished too, and the model works on.
    assert_int_equal(STEPS + 3, clef_model_get_step(fixture->model));
    EXPECT_OK(clef_evaluate(fixture->model, fixture->dataset, BATCH, NULL, &evaluation));
    EXPECT_OK(clef_train(fixture->model, fixture->dataset, NULL, &config, NULL, epochs, &done));
    assert_int_equal(3, done);
}

struct request {
    int asked, stop_at;
};

static bool ask(void *user)
{
    struct request *request = user;
    return ++request->asked == request->stop_at;
}

// Every pass asks before each of its steps, and takes none after the answer.
static void test_stop_request(void **state)
{
    static const struct {
        int stop_at, steps, done;
    } rows[] = {
        {1, 0, 0},                 // Before anything.
        {3, 2, 0},                 // In training.
        {STEPS + 1, STEPS, 0},     // Before validation.
        {STEPS + 3, STEPS, 0},     // In validation.
        {2 * STEPS + 1, STEPS, 1}, // Between two epochs.
        {3 * STEPS + 1, 2 * STEPS, 1},
    };
    struct fixture *fixture = *state;
    struct clef_train_config config = training_config(3, true);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct clef_model *model = training_model(fixture->device);
        struct request request = {.stop_at = rows[i].stop_at};
        struct clef_train_callbacks callbacks = {.user = &request, .should_stop = ask};
        struct clef_epoch epochs[3];
        int done;
        assert_int_equal(CLEF_INTERRUPTED, clef_train(model, fixture->dataset, fixture->dataset,
                                                      &config, &callbacks, epochs, &done));
        assert_int_equal(rows[i].done, done);
        assert_int_equal(rows[i].stop_at, request.asked);
        assert_int_equal(rows[i].steps, clef_model_get_step(model));
        clef_model_destroy(model);
    }
}

static void test_stop_request_in_evaluation(void **state)
{
    struct fixture *fixture = *state;
    struct request request = {.stop_at = 3};
    struct clef_train_callbacks callbacks = {.user = &request, .should_stop = ask};
    struct clef_evaluation evaluation = {-1, -1};
    assert_int_equal(CLEF_INTERRUPTED, clef_evaluate(fixture->model, fixture->dataset, BATCH,
                                                     &callbacks, &evaluation));
    assert_int_equal(3, request.asked);
    assert_true(evaluation.loss == -1 && evaluation.accuracy == -1);
    request.asked = STEPS;
    EXPECT_OK(clef_evaluate(fixture->model, fixture->dataset, BATCH, &callbacks, &evaluation));
    assert_int_equal(2 * STEPS, request.asked);
    assert_true(evaluation.loss > 0);
}

// The logits say what an evaluation says: its accuracy, and its loss but for rounding.
static void test_predict(void **state)
{
    struct fixture *fixture = *state;
    float logits[IMAGES * CLASSES];
    struct clef_evaluation evaluation;
    double loss = 0;
    int correct = 0;
    EXPECT_OK(clef_predict(fixture->model, fixture->dataset, BATCH, NULL, logits));
    EXPECT_OK(clef_evaluate(fixture->model, fixture->dataset, BATCH, NULL, &evaluation));
    for (int i = 0; i < IMAGES; i++) {
        const float *row = logits + i * CLASSES;
        double sum = 0;
        int best = 0;
        for (int k = 0; k < CLASSES; k++) {
            sum += exp(row[k]);
            best = row[k] > row[best] ? k : best;
        }
        correct += best == training_labels[i];
        loss += log(sum) - row[training_labels[i]];
    }
    check_same(evaluation.accuracy, (double)correct / IMAGES);
    if (!(fabs(evaluation.loss - loss / IMAGES) < 1e-6))
        fail_msg("loss %g instead of %g", loss / IMAGES, evaluation.loss);
    struct request request = {.stop_at = 3};
    struct clef_train_callbacks callbacks = {.user = &request, .should_stop = ask};
    assert_int_equal(CLEF_INTERRUPTED,
                     clef_predict(fixture->model, fixture->dataset, BATCH, &callbacks, logits));
    assert_int_equal(CLEF_INVALID_ARGUMENT,
                     clef_predict(fixture->model, fixture->dataset, BATCH, NULL, NULL));
}

static void check_refused(struct fixture *fixture, struct clef_train_config config,
                          const char *reason)
{
    struct clef_epoch epochs[1];
    int done = -1;
    assert_int_equal(CLEF_INVALID_ARGUMENT, clef_train(fixture->model, fixture->dataset, NULL,
                                                       &config, NULL, epochs, &done));
    assert_int_equal(0, done);
    if (strstr(clef_last_error(), reason) == NULL)
        fail_msg("no \"%s\" in \"%s\"", reason, clef_last_error());
    assert_int_equal(0, clef_model_get_step(fixture->model));
}

static void test_bad_configurations(void **state)
{
    struct clef_train_config config = training_config(0, true);
    check_refused(*state, config, "epochs");
    config = training_config(1, true);
    config.batch_size = 0;
    check_refused(*state, config, "batch size");
    config.batch_size = CLEF_MAX_BATCH + 1;
    check_refused(*state, config, "batch size is 65537, but must be in 1..65536");
    config = training_config(1, true);
    config.learning_rate = 0;
    check_refused(*state, config, "learning rate");
    config.learning_rate = NAN;
    check_refused(*state, config, "learning rate");
    config.learning_rate = INFINITY;
    check_refused(*state, config, "learning rate");
}

static void test_bad_data(void **state)
{
    struct fixture *fixture = *state;
    struct clef_dataset *dataset;
    struct clef_evaluation evaluation;
    static const uint8_t large[12 * 12] = {0};
    const uint8_t label = 0;
    // Larger than the network's input.
    EXPECT_OK(clef_dataset_from_memory(large, &label, 1, 12, 12, 1, CLASSES, &dataset));
    assert_int_equal(CLEF_INVALID_ARGUMENT,
                     clef_evaluate(fixture->model, dataset, 1, NULL, &evaluation));
    clef_dataset_destroy(dataset);
    // Another number of channels.
    EXPECT_OK(clef_dataset_from_memory(large, &label, 1, 4, 4, 3, CLASSES, &dataset));
    assert_int_equal(CLEF_INVALID_ARGUMENT,
                     clef_evaluate(fixture->model, dataset, 1, NULL, &evaluation));
    clef_dataset_destroy(dataset);
    // More classes than the network has.
    EXPECT_OK(clef_dataset_from_memory(large, &label, 1, 4, 4, 1, CLASSES + 1, &dataset));
    assert_int_equal(CLEF_INVALID_ARGUMENT,
                     clef_evaluate(fixture->model, dataset, 1, NULL, &evaluation));
    clef_dataset_destroy(dataset);
}

// Training stops at the first loss that is not finite, and says where it was.
static void test_not_finite(void **state)
{
    struct fixture *fixture = *state;
    struct clef_train_config config = training_config(3, true);
    struct clef_epoch epochs[3];
    int done;
    config.learning_rate = 1e30f;
    assert_int_equal(CLEF_NOT_FINITE, clef_train(fixture->model, fixture->dataset, NULL, &config,
                                                 NULL, epochs, &done));
    assert_true(done < 3);
    if (strstr(clef_last_error(), "layer") == NULL)
        fail_msg("no layer is named in \"%s\"", clef_last_error());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_means, setup, teardown),
        cmocka_unit_test_setup_teardown(test_callbacks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_learns, setup, teardown),
        cmocka_unit_test_setup_teardown(test_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_interruption, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stop_request, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stop_request_in_evaluation, setup, teardown),
        cmocka_unit_test_setup_teardown(test_predict, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_configurations, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_data, setup, teardown),
        cmocka_unit_test_setup_teardown(test_not_finite, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
