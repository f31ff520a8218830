// SPDX-License-Identifier: Apache-2.0
// "clef train --resume": what it ends with, and what it refuses.
#include "support/program.h"
#include "support/run_files.h"
#include "support/small_mnist.h"
#include "support/temp_directory.h"

#include "clef/checkpoint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

// 5 steps an epoch.
#define RUN                                                                                      \
    "--batch-size", "16", "--blocks", "1,1", "--filters", "8,16", "--head", "avgpool", "--seed", \
        "3", "--update-bn", "3"

struct paths {
    char data[512], out[512];
};

static struct paths make_paths(void **state, const char *out)
{
    struct paths paths;
    snprintf(paths.data, sizeof paths.data, "%s", temp_path(state, "data"));
    snprintf(paths.out, sizeof paths.out, "%s", temp_path(state, out));
    if (access(paths.data, F_OK) != 0)
        write_small_mnist(CLEF_MNIST, paths.data, 100, 50);
    return paths;
}

static struct paths train(void **state, const char *out, const char *epochs, const char *every)
{
    struct paths paths = make_paths(state, out);
    struct program_result result = RUN_CLEF("train", "--data", paths.data, "--out", paths.out,
                                            "--epochs", epochs, "--checkpoint-every", every, RUN);
    check_exit(&result, 0);
    program_release(&result);
    return paths;
}

static const char *checkpoint_of(const struct paths *paths, const char *name)
{
    static char path[4][600];
    static int next;
    char *made = path[next++ % 4];
    snprintf(made, sizeof path[0], "%s/checkpoints/%s.safetensors", paths->out, name);
    return made;
}

static void remove_file(const char *directory, const char *name)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    assert_int_equal(0, unlink(path));
}

// As if the run had been killed after its last checkpoint.
static void forget_end(const struct paths *paths)
{
    remove_file(paths->out, "summary.json");
    remove_file(paths->out, "history.csv");
    remove_file(paths->out, "model.safetensors");
}

static json_t *load_summary(const struct paths *paths)
{
    char path[600];
    snprintf(path, sizeof path, "%s/summary.json", paths->out);
    json_t *summary = load_json(path);
    snprintf(path, sizeof path, "%s/history.csv", paths->out);
    check_history(path, summary);
    return summary;
}

// The model, the history and the test figures have the same bits.
static void check_same_end(const struct paths *expected, const struct paths *found)
{
    char path[600];
    size_t sizes[2];
    snprintf(path, sizeof path, "%s/model.safetensors", expected->out);
    char *a = read_file(path, &sizes[0]);
    snprintf(path, sizeof path, "%s/model.safetensors", found->out);
    char *b = read_file(path, &sizes[1]);
    assert_int_equal(sizes[0], sizes[1]);
    assert_memory_equal(a, b, sizes[0]);
    free(a);
    free(b);
    json_t *one = load_summary(expected), *two = load_summary(found);
    json_t *epochs[] = {json_object_get(one, "epochs"), json_object_get(two, "epochs")};
    for (int i = 0; i < 2; i++)
        for (size_t k = 0; k < json_array_size(epochs[i]); k++)
            json_object_del(json_array_get(epochs[i], k), "seconds");
    assert_true(json_equal(epochs[0], epochs[1]));
    assert_true(json_is_object(json_object_get(one, "test")));
    assert_true(json_equal(json_object_get(one, "test"), json_object_get(two, "test")));
    json_decref(one);
    json_decref(two);
}

static void resume(const struct paths *paths, const char *output, const char *error)
{
    struct program_result result = RUN_CLEF("train", "--resume", paths->out);
    check_exit(&result, 0);
    check_contains(result.out, output);
    if (error != NULL)
        check_contains(result.err, error);
    else
        assert_string_equal("", result.err);
    program_release(&result);
}

static void check_refused(const struct paths *paths, int code, const char *message,
                          const char *option, const char *value)
{
    struct program_result result = RUN_CLEF("train", "--resume", paths->out, option, value);
    check_exit(&result, code);
    check_one_line(&result, message);
    program_release(&result);
}

// ---------------------------------------------------------------- tests

// Options that were not given are those of the run, and what it left is whole.
static void test_goes_on(void **state)
{
    struct paths whole = train(state, "whole", "3", "100"), run = train(state, "run", "3", "2");
    assert_int_equal(3, count_entries(temp_path(state, "run/checkpoints")));
    assert_int_equal(0, unlink(checkpoint_of(&run, "step-0000015")));
    forget_end(&run);
    // What a killed run leaves half-written.
    write_file(temp_path(state, "run/checkpoints/step-1.safetensors.tmp-abcdef"), "x", 1);
    assert_int_equal(0, mkdir(temp_path(state, "run/.saving-abcdef"), 0777));
    write_file(temp_path(state, "run/.saving-abcdef/model.safetensors"), "x", 1);
    resume(&run, "Resumed: after step 4 of epoch 3, from ", NULL);
    check_same_end(&whole, &run);
    assert_int_equal(4, count_entries(run.out));
    assert_int_equal(3, count_entries(temp_path(state, "run/checkpoints")));
    json_t *summary = load_summary(&run);
    assert_int_equal(14, real_of(summary, "resumed_at_step"));
    assert_int_equal(3, real_of(json_object_get(summary, "config"), "seed"));
    assert_int_equal(16, real_of(json_object_get(summary, "config"), "batch_size"));
    json_decref(summary);
}

static void test_interrupted(void **state)
{
    struct paths whole = train(state, "whole", "40", "100"), run = make_paths(state, "run");
    struct program_result result =
        program_run(CLEF_PROGRAM, &(struct program_setting){.signal_at = "Epoch 2/"},
                    (const char *const[]){"train", "--data", run.data, "--out", run.out, "--epochs",
                                          "40", RUN, NULL});
    check_exit(&result, 130);
    check_one_line(&result, "--resume \"");
    program_release(&result);
    resume(&run, "Resumed: after ", NULL);
    check_same_end(&whole, &run);
}

static void test_finished(void **state)
{
    struct paths run = train(state, "run", "2", "100"), longer = train(state, "longer", "3", "100");
    resume(&run, " has finished, with 2 epochs", NULL);
    check_refused(&run, 2, "--epochs 1 is less than the run that is resumed has, 2", "--epochs",
                  "1");
    struct program_result result = RUN_CLEF("train", "--resume", run.out, "--epochs", "3");
    check_exit(&result, 0);
    check_contains(result.out, "Resumed: after epoch 2, from ");
    program_release(&result);
    check_same_end(&longer, &run);
    // The training had ended, the test had not.
    forget_end(&run);
    resume(&run, "Resumed: after epoch 3, from ", NULL);
    check_same_end(&longer, &run);
}

static void damage(const char *path)
{
    size_t size;
    char *bytes = read_file(path, &size);
    bytes[size - 9] ^= 1;
    write_file(path, bytes, size);
    free(bytes);
}

static void test_damaged(void **state)
{
    struct paths whole = train(state, "whole", "2", "100"), run = train(state, "run", "2", "3");
    forget_end(&run);
    damage(checkpoint_of(&run, "step-0000010"));
    resume(&run, "Resumed: after step 4 of epoch 2, from ",
           "step-0000010.safetensors: the checksum of its bytes is ");
    check_same_end(&whole, &run);
    damage(checkpoint_of(&run, "step-0000010"));
    write_file(checkpoint_of(&run, "step-0000009"), "", 0);
    struct program_result result = RUN_CLEF("train", "--resume", run.out);
    check_exit(&result, 1);
    check_contains(result.err, "step-0000010.safetensors: the checksum");
    check_contains(result.err, "step-0000009.safetensors: expected a safetensors file");
    check_contains(result.err, "none of the 2 checkpoints in \"");
    program_release(&result);
}

static void test_refusals(void **state)
{
    struct paths run = train(state, "run", "1", "100");
    static const char *const rows[][3] = {
        {"--seed", "4", "--seed contradicts the run that is resumed, which has --seed 3"},
        {"--batch-size", "32", "which has --batch-size 16"},
        {"--filters", "8,8", "which has --filters 8,16"},
        {"--limit", "50", "--limit contradicts the run that is resumed, which has none"},
        {"--learning-rate", "0.1", "which has --learning-rate 0.001"},
        {"--head", "flatten-dense", "which has --head avgpool"},
        {"--out", "other", "--out cannot be given with --resume"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        check_refused(&run, 2, rows[i][2], rows[i][0], rows[i][1]);
    // Other data, though as many.
    char other[512];
    snprintf(other, sizeof other, "%s", temp_path(state, "other"));
    write_small_mnist(CLEF_MNIST, other, 100, 50);
    damage(temp_path(state, "other/train-images-idx3-ubyte"));
    struct program_result result =
        RUN_CLEF("train", "--resume", run.out, "--data", other, "--epochs", "2");
    check_exit(&result, 1);
    check_one_line(&result, "images or labels are others than those of the checkpoint");
    program_release(&result);
    struct paths none = make_paths(state, "none");
    check_refused(&none, 1, "there is no checkpoint in \"", "--epochs", "2");
    // A new run does not take the place of one that can go on.
    result = RUN_CLEF("train", "--data", run.data, "--out", run.out, RUN);
    check_exit(&result, 1);
    check_one_line(&result, "holds the checkpoints of an earlier run");
    program_release(&result);
    assert_int_equal(4, count_entries(run.out));
}

// What is the same in other words is no contradiction.
static void test_same_options(void **state)
{
    struct paths run = train(state, "run", "1", "100");
    struct program_result result =
        RUN_CLEF("train", "--resume", run.out, "--learning-rate", "0.001", "--seed", "03",
                 "--validation-split", ".2", "--filters=08,16", "--threads", "1");
    check_exit(&result, 0);
    program_release(&result);
}

// best.safetensors is of the first epoch with the lowest val_loss, and clef eval takes it.
static void test_best(void **state)
{
    struct paths run = train(state, "run", "6", "100");
    struct clef_checkpoint *best;
    int expected = 0;
    check_ok(clef_checkpoint_read(checkpoint_of(&run, "best"), &best));
    json_t *summary = load_summary(&run), *epochs = json_object_get(summary, "epochs");
    for (size_t i = 1; i < json_array_size(epochs); i++)
        if (real_of(json_array_get(epochs, i), "val_loss") <
            real_of(json_array_get(epochs, (size_t)expected), "val_loss"))
            expected = (int)i;
    assert_int_equal(expected + 2, best->state.epoch);
    assert_int_equal(0, best->state.step);
    clef_checkpoint_destroy(best);
    json_decref(summary);
    struct program_result result =
        RUN_CLEF("eval", "--model", checkpoint_of(&run, "best"), "--data", run.data);
    check_exit(&result, 0);
    check_contains(result.out, "test_accuracy: ");
    program_release(&result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DIRECTORY(test_goes_on), IN_DIRECTORY(test_interrupted), IN_DIRECTORY(test_finished),
        IN_DIRECTORY(test_damaged), IN_DIRECTORY(test_refusals),    IN_DIRECTORY(test_same_options),
        IN_DIRECTORY(test_best),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
