// SPDX-License-Identifier: Apache-2.0
// A checkpoint of one backend resumes on the other: with the same bits at that moment, and about
// the same course from there.
#include "support/program.h"
#include "support/small_mnist.h"
#include "support/temp_directory.h"
#include "support/training_fixture.h"
#include "support/training_state.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const devices[] = {"cpu", "opencl"};

struct save {
    struct clef_model *model;
    struct clef_checkpoint checkpoint;
    const char *path;
};

// Keeps the checkpoint within the first epoch.
static clef_status save(void *user, const struct clef_train_state *state)
{
    struct save *save = user;
    save->checkpoint.state = *state;
    return state->epoch == 1 ? clef_checkpoint_save(save->model, &save->checkpoint, save->path)
                             : CLEF_OK;
}

static void check_close(double expected, double found)
{
    if (!(fabs(found - expected) <= 1e-3 * fabs(expected)))
        fail_msg("%.9g instead of %.9g", found, expected);
}

// Trains on one device, and from its third step on the other as well.
static void check_pair(void **state, const char *from, const char *to)
{
    struct clef_device *first, *second;
    struct clef_dataset *dataset = training_dataset();
    struct clef_train_config config = training_config(1, true);
    struct clef_checkpoint *read;
    struct clef_model *model;
    struct clef_epoch epoch, other;
    int done;
    config.checkpoint_every = 3;
    check_ok(clef_device_open(from, NULL, &first));
    check_ok(clef_device_open(to, NULL, &second));
    struct save made = {.model = training_model(first),
                        .checkpoint = {.config = config,
                                       .epochs = &epoch,
                                       .training = clef_dataset_identify(dataset)},
                        .path = temp_path(state, "checkpoint")};
    const struct clef_train_callbacks callbacks = {.user = &made, .on_checkpoint = save};
    check_ok(clef_train(made.model, dataset, NULL, &config, &callbacks, &epoch, &done));

    check_ok(clef_checkpoint_read(made.path, &read));
    struct clef_model *here;
    check_ok(clef_checkpoint_restore(made.path, first, &here));
    check_ok(clef_checkpoint_restore(made.path, second, &model));
    struct training_state expected = training_state_read(here), found = training_state_read(model);
    training_state_check_same(to, &expected, &found);
    assert_int_equal(3, found.step);
    check_ok(clef_train_resume(model, dataset, NULL, &config, NULL, &read->state, &other, &done));
    check_close(epoch.loss, other.loss);
    training_state_release(&expected);
    training_state_release(&found);
    clef_checkpoint_destroy(read);
    clef_model_destroy(here);
    clef_model_destroy(model);
    clef_model_destroy(made.model);
    clef_dataset_destroy(dataset);
    clef_device_close(second);
    clef_device_close(first);
}

static void test_each_way(void **state)
{
    check_pair(state, devices[0], devices[1]);
    check_pair(state, devices[1], devices[0]);
}

// The program takes the device of the run, unless it is told another, and then says so.
static void test_program(void **state)
{
    char data[512], out[512];
    snprintf(data, sizeof data, "%s", temp_path(state, "data"));
    snprintf(out, sizeof out, "%s", temp_path(state, "out"));
    write_small_mnist(CLEF_MNIST, data, 100, 50);
    struct program_result result =
        RUN_CLEF("train", "--data", data, "--out", out, "--epochs", "1", "--batch-size", "16",
                 "--blocks", "1,1", "--filters", "8,16", "--head", "avgpool", "--device", "opencl");
    check_exit(&result, 0);
    program_release(&result);
    static const struct {
        const char *epochs, *option, *value, *device;
        bool other;
    } rows[] = {{"2", "--verbose", NULL, "Device: opencl, ", false},
                {"3", "--device", "cpu", "Device: cpu, ", true},
                {"4", "--verbose", NULL, "Device: cpu, ", false}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        result = RUN_CLEF("train", "--resume", out, "--epochs", rows[i].epochs, rows[i].option,
                          rows[i].value);
        check_exit(&result, 0);
        check_contains(result.out, rows[i].device);
        assert_true((strstr(result.out, "It was made on another device, ") != NULL) ==
                    rows[i].other);
        program_release(&result);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DIRECTORY(test_each_way),
        IN_DIRECTORY(test_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
