// SPDX-License-Identifier: Apache-2.0
// Training that goes on from each checkpoint that it can have left, to the same bits, on the device
// of CLEF_DEVICE.
#include "support/temp_directory.h"
#include "support/training_fixture.h"
#include "support/training_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { EPOCHS = 2, MOST = 64 };

struct world {
    struct clef_device *device;
    struct clef_dataset *dataset;
    void *directory;
};

// A training, and what it has saved on its way.
struct run {
    struct clef_model *model;
    struct clef_train_config config;
    struct clef_epoch epochs[EPOCHS + 1];
    int done;
    const struct world *world;
    struct clef_train_state states[MOST];
    int saved;
    int asked, stop_at; // The question that is answered with yes; 0 for none.
};

static int setup(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    if (world == NULL || temp_directory_setup(&world->directory) != 0 ||
        clef_device_open(NULL, &(struct clef_device_options){.threads = 2}, &world->device) !=
            CLEF_OK) {
        print_error("%s\n", clef_last_error());
        return -1;
    }
    world->dataset = training_dataset();
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    clef_dataset_destroy(world->dataset);
    clef_device_close(world->device);
    int code = temp_directory_teardown(&world->directory);
    free(world);
    return code;
}

static const char *path_of(const struct world *world, int number)
{
    char name[32];
    snprintf(name, sizeof name, "%d.safetensors", number);
    return temp_path(&world->directory, name);
}

static clef_status save(void *user, const struct clef_train_state *state)
{
    struct run *run = user;
    const struct clef_checkpoint checkpoint = {
        .config = run->config,
        .state = *state,
        .epochs = run->epochs,
        .training = clef_dataset_identify(run->world->dataset),
        .validation = clef_dataset_identify(run->world->dataset),
    };
    assert_in_range(run->saved, 0, MOST - 1);
    run->states[run->saved] = *state;
    return clef_checkpoint_save(run->model, &checkpoint, path_of(run->world, run->saved++));
}

static bool stops(void *user)
{
    struct run *run = user;
    return ++run->asked == run->stop_at;
}

static clef_status train(struct run *run, const struct clef_train_state *start)
{
    const struct clef_train_callbacks callbacks = {
        .user = run, .should_stop = stops, .on_checkpoint = save};
    return clef_train_resume(run->model, run->world->dataset, run->world->dataset, &run->config,
                             &callbacks, start, run->epochs, &run->done);
}

static struct run begin(const struct world *world, int epochs, bool shuffle, int every)
{
    struct run run = {.world = world, .config = training_config(epochs, shuffle)};
    run.model = training_model(world->device);
    run.config.checkpoint_every = every;
    return run;
}

// The history but for the time.
static void check_same_epochs(const char *when, const struct run *expected, const struct run *found)
{
    assert_int_equal(expected->done, found->done);
    for (int i = 0; i < expected->done; i++) {
        struct clef_epoch a = expected->epochs[i], b = found->epochs[i];
        assert_true(b.seconds > 0);
        a.seconds = b.seconds = 0;
        if (memcmp(&a, &b, sizeof a) != 0)
            fail_msg("%s: epoch %d has loss %.17g, %.17g instead of %.17g, %.17g", when, i + 1,
                     b.loss, b.val_loss, a.loss, a.val_loss);
    }
}

// Goes on from a file, in a new model, and compares the end.
static void check_resumes(const struct run *reference, const struct training_state *expected,
                          int number, int epochs)
{
    const struct world *world = reference->world;
    struct run run = {.world = world, .saved = MOST - 4};
    struct clef_checkpoint *checkpoint;
    char when[80], path[256];
    snprintf(path, sizeof path, "%s", path_of(world, number));
    check_ok(clef_checkpoint_read(path, &checkpoint));
    snprintf(when, sizeof when, "resumed after step %d of epoch %d", checkpoint->state.step,
             checkpoint->state.epoch);
    run.config = checkpoint->config;
    run.config.epochs = epochs;
    run.config.checkpoint_every = 0;
    memcpy(run.epochs, checkpoint->epochs,
           (size_t)(checkpoint->state.epoch - 1) * sizeof *run.epochs);
    check_ok(clef_checkpoint_check_data(checkpoint, world->dataset, world->dataset));
    check_ok(clef_checkpoint_restore(path, world->device, &run.model));
    assert_int_equal(checkpoint->step, clef_model_get_step(run.model));
    check_ok(train(&run, &checkpoint->state));
    struct training_state found = training_state_read(run.model);
    training_state_check_same(when, expected, &found);
    check_same_epochs(when, reference, &run);
    training_state_release(&found);
    clef_checkpoint_destroy(checkpoint);
    clef_model_destroy(run.model);
}

static void check_every_checkpoint(const struct world *world, bool shuffle)
{
    struct run plain = begin(world, EPOCHS, shuffle, 0);
    check_ok(train(&plain, NULL));
    assert_int_equal(EPOCHS, plain.saved);
    struct training_state expected = training_state_read(plain.model);
    struct run run = begin(world, EPOCHS, shuffle, 1);
    check_ok(train(&run, NULL));
    assert_int_equal(EPOCHS * STEPS, run.saved);
    struct training_state found = training_state_read(run.model);
    training_state_check_same("with checkpoints", &expected, &found);
    check_same_epochs("with checkpoints", &plain, &run);
    for (int i = 0; i < run.saved; i++) {
        bool end = i % STEPS == STEPS - 1;
        assert_int_equal(i / STEPS + 1 + end, run.states[i].epoch);
        assert_int_equal(end ? 0 : i % STEPS + 1, run.states[i].step);
        check_resumes(&plain, &expected, i, EPOCHS);
    }
    training_state_release(&expected);
    training_state_release(&found);
    clef_model_destroy(plain.model);
    clef_model_destroy(run.model);
}

static void test_every_checkpoint(void **state)
{
    check_every_checkpoint(*state, true);
}

static void test_without_shuffling(void **state)
{
    check_every_checkpoint(*state, false);
}

// A checkpoint after every third step falls on steps of both epochs, and on none twice.
static void test_interval(void **state)
{
    static const int expected[][2] = {{1, 3}, {2, 0}, {2, 2}, {3, 0}};
    struct run run = begin(*state, EPOCHS, true, 3);
    check_ok(train(&run, NULL));
    assert_int_equal(4, run.saved);
    for (int i = 0; i < run.saved; i++) {
        assert_int_equal(expected[i][0], run.states[i].epoch);
        assert_int_equal(expected[i][1], run.states[i].step);
    }
    clef_model_destroy(run.model);
}

// A request to stop leaves a checkpoint wherever it comes: before a step of training or of
// validation, and between both.
static void test_every_interruption(void **state)
{
    struct run plain = begin(*state, EPOCHS, true, 0);
    check_ok(train(&plain, NULL));
    struct training_state expected = training_state_read(plain.model);
    for (int at = 1; at <= EPOCHS * 2 * STEPS; at++) {
        struct run run = begin(*state, EPOCHS, true, 0);
        run.stop_at = at;
        assert_int_equal(CLEF_INTERRUPTED, train(&run, NULL));
        // Between two epochs it is the one at the end of the first.
        int epoch = (at - 1) / (2 * STEPS) + 1, within = (at - 1) % (2 * STEPS);
        const struct clef_train_state *last = &run.states[run.saved - 1];
        assert_int_equal(epoch, last->epoch);
        assert_int_equal(within < STEPS ? within : STEPS, last->step);
        assert_int_equal(within == 0 && epoch > 1 ? epoch - 1 : epoch, run.saved);
        check_resumes(&plain, &expected, run.saved - 1, EPOCHS);
        clef_model_destroy(run.model);
    }
    training_state_release(&expected);
    clef_model_destroy(plain.model);
}

// More epochs than at first end as if they had been asked for at once.
static void test_more_epochs(void **state)
{
    struct run longer = begin(*state, EPOCHS + 1, true, 0);
    check_ok(train(&longer, NULL));
    struct training_state expected = training_state_read(longer.model);
    struct run run = begin(*state, EPOCHS, true, 0);
    check_ok(train(&run, NULL));
    check_resumes(&longer, &expected, run.saved - 1, EPOCHS + 1);
    training_state_release(&expected);
    clef_model_destroy(longer.model);
    clef_model_destroy(run.model);
}

// A checkpoint that cannot be written ends the training with its reason.
static clef_status refuse(void *user, const struct clef_train_state *state)
{
    const struct clef_checkpoint checkpoint = {.config = ((struct run *)user)->config,
                                               .state = *state};
    return clef_checkpoint_save(((struct run *)user)->model, &checkpoint, "/nonexistent/file");
}

static void test_failure(void **state)
{
    struct run run = begin(*state, EPOCHS, true, 2);
    const struct clef_train_callbacks callbacks = {.user = &run, .on_checkpoint = refuse};
    check_failure(clef_train(run.model, run.world->dataset, NULL, &run.config, &callbacks,
                             run.epochs, &run.done),
                  CLEF_NOT_FOUND, "/nonexistent/file", "No such file");
    assert_int_equal(2, clef_model_get_step(run.model));
    assert_int_equal(0, run.done);
    clef_model_destroy(run.model);
}

// Positions that no training of this size has.
static void test_bad_starts(void **state)
{
    static const struct {
        struct clef_train_state start;
        const char *reason;
    } rows[] = {
        {{.epoch = 0}, "epoch 0 of 2"},
        {{.epoch = EPOCHS + 2}, "epoch 4 of 2"},
        {{.epoch = 1, .step = STEPS + 1, .images = IMAGES}, "step 5"},
        {{.epoch = 1, .step = -1}, "step -1"},
        {{.epoch = 1, .step = 1, .images = BATCH - 1}, "15 images"},
        {{.epoch = 1, .step = 1, .images = BATCH, .correct = BATCH + 1}, "step 1"},
        {{.epoch = EPOCHS + 1, .step = 1, .images = BATCH}, "step 1"},
    };
    struct run run = begin(*state, EPOCHS, true, 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(CLEF_INVALID_ARGUMENT, train(&run, &rows[i].start));
        if (strstr(clef_last_error(), rows[i].reason) == NULL)
            fail_msg("no \"%s\" in \"%s\"", rows[i].reason, clef_last_error());
        assert_int_equal(0, clef_model_get_step(run.model));
    }
    run.config.checkpoint_every = -1;
    assert_int_equal(CLEF_INVALID_ARGUMENT, train(&run, NULL));
    clef_model_destroy(run.model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_checkpoint), cmocka_unit_test(test_without_shuffling),
        cmocka_unit_test(test_interval),         cmocka_unit_test(test_every_interruption),
        cmocka_unit_test(test_more_epochs),      cmocka_unit_test(test_failure),
        cmocka_unit_test(test_bad_starts),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
