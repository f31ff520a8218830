// SPDX-License-Identifier: Apache-2.0
// A signal, wherever a training is.
#include "call_faults.h"

#include "support/program.h"
#include "support/run_files.h"
#include "support/small_mnist.h"
#include "support/temp_directory.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

// A network that trains in a moment.
#define SMALL_NETWORK "--blocks", "1,1", "--filters", "8,16", "--head", "avgpool"

// Ctrl-C saves a whole model and the epochs so far, and so does what ends a program or its
// terminal.
static void test_interruption(void **state)
{
    static const struct {
        int signal, exit_code;
        const char *message;
    } rows[] = {{SIGINT, 130, "stopped by Ctrl-C"},
                {SIGTERM, 143, "stopped by SIGTERM"},
                {SIGHUP, 129, "stopped by SIGHUP"}};
    char data[512], out[512], model[600];
    snprintf(data, sizeof data, "%s", temp_path(state, "data"));
    snprintf(out, sizeof out, "%s", temp_path(state, "out"));
    snprintf(model, sizeof model, "%s/model.safetensors", out);
    write_small_mnist(CLEF_MNIST, data, 100, 50);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct program_setting setting = {.signal_at = "Epoch 2/", .signal = rows[i].signal};
        struct program_result result =
            program_run(CLEF_PROGRAM, &setting,
                        (const char *const[]){"train", "--data", data, "--epochs", "100000",
                                              "--out", out, SMALL_NETWORK, NULL});
        check_exit(&result, rows[i].exit_code);
        check_one_line(&result, rows[i].message);
        assert_null(strstr(result.out, "test_loss"));
        assert_true(forget_checkpoints(out));
        assert_int_equal(3, count_entries(out));
        json_t *summary = load_json(temp_path(state, "out/summary.json"));
        size_t epochs = json_array_size(json_object_get(summary, "epochs"));
        assert_in_range(epochs, 2, 99999);
        check_summary(summary, (int)epochs);
        assert_true(json_is_null(json_object_get(summary, "test")));
        check_history(temp_path(state, "out/history.csv"), summary);
        json_decref(summary);
        program_release(&result);
    }
    struct program_result result = RUN_CLEF("eval", "--model", model, "--data", data);
    check_exit(&result, 0);
    check_contains(result.out, "test_accuracy: ");
    program_release(&result);
}

// nohup ignores SIGHUP, and a shell SIGINT for what runs in the background: it stays so.
static void test_ignored_signals(void **state)
{
    struct program_result result = train_in_shell(
        state, "trap '' HUP INT; (while kill -HUP $$ && kill -INT $$; do sleep 0.01; done) "
               ">/dev/null 2>&1 & ");
    check_exit(&result, 0);
    check_contains(result.out, "Epoch 100/100");
    assert_int_equal(4, count_entries(temp_path(state, "out")));
    program_release(&result);
}

// Ctrl-C in the validation, or in the test: either is left, and the model is saved. The sets are
// large, so that the signal comes before their end.
static void test_interruption_outside_training(void **state)
{
    static const struct {
        bool terminal;
        const char *signal_at, *split;
        int epochs; // That were whole by then.
    } rows[] = {{true, "\r1/1 [====", "0.9999", 0}, {false, "Epoch 1/1 - ", "0", 1}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char out[512], summary_path[600];
        snprintf(out, sizeof out, "%s%zu", temp_path(state, "out"), i);
        snprintf(summary_path, sizeof summary_path, "%s/summary.json", out);
        const struct program_setting setting = {.terminal = rows[i].terminal,
                                                .signal_at = rows[i].signal_at};
        struct program_result result =
            program_run(CLEF_PROGRAM, &setting,
                        (const char *const[]){
                            "train", "--data", CLEF_MNIST, "--epochs", "1", "--image-size", "64",
                            "--limit", rows[i].epochs == 0 ? "60000" : "64", "--validation-split",
                            rows[i].split, "--threads", "1", "--out", out, SMALL_NETWORK, NULL});
        check_exit(&result, 130);
        check_one_line(&result, "stopped by Ctrl-C");
        assert_null(strstr(result.out, "test_loss"));
        assert_null(strstr(result.out, "val_loss"));
        assert_int_equal(4, count_entries(out));
        json_t *summary = load_json(summary_path);
        check_summary(summary, rows[i].epochs);
        assert_true(json_is_null(json_object_get(summary, "test")));
        json_decref(summary);
        program_release(&result);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DIRECTORY(test_interruption),
        IN_DIRECTORY(test_ignored_signals),
        IN_DIRECTORY(test_interruption_outside_training),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
