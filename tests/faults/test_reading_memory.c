// SPDX-License-Identifier: Apache-2.0
// Memory that runs out while a model or a checkpoint is read: the file is never called damaged, and
// what is read is never something else.
#include "call_faults.h"

#include "support/call_stride.h"
#include "support/picture_files.h"
#include "support/program.h"
#include "support/temp_directory.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

// Each allocation fails in turn, or every so many: of a training there are more, and under the
// address sanitizer a start takes long.
#ifdef __SANITIZE_ADDRESS__
enum { STRIDE = 19, TRAINING_STRIDE = 101 };
#else
enum { STRIDE = 1, TRAINING_STRIDE = 25 };
#endif

// One line that says what there is no memory for, or that a thread cannot be started without.
static void check_error(const struct program_result *result, const struct call_fault *fault,
                        const char *when)
{
    call_fault_check_error(result, fault, when);
    if (strstr(result->err, "memory") == NULL && strstr(result->err, "cannot start") == NULL)
        fail_msg("%s: %s", when, result->err);
}

// Runs a command with its allocations failing in turn.
static void check_reading(void **state, const char *const *argv)
{
    const struct call_fault fault = {.function = "allocate", .error = ENOMEM, .message = ""};
    const struct program_setting setting = {0};
    struct program_result expected = program_run(CLEF_PROGRAM, &setting, argv);
    check_exit(&expected, 0);
    const int stride = call_stride(STRIDE);
    int number = 1, failures = 0;
    for (bool came = true; came; number += stride) {
        char when[1024] = "";
        call_fault_begin(state, &fault, number);
        struct program_result result = program_run(CLEF_PROGRAM, &setting, argv);
        call_fault_end();
        came = call_fault_came(state, &fault, number, when, sizeof when);
        if (!came)
            check_exit(&result, 0);
        failures += result.exit_code != 0;
        // Where memory was for the sanitizer itself, it ends the program.
        if (result.exit_code != 0 && strstr(result.err, "AddressSanitizer: CHECK failed") == NULL)
            check_error(&result, &fault, when);
        if (result.exit_code == 0 && strcmp(result.out, expected.out) != 0)
            fail_msg("%s: something else was read: %s", when, result.out);
        program_release(&result);
    }
    print_message("%s: %d failures of up to %d calls\n", argv[0], failures, number - 1 - stride);
    assert_true(failures > 0);
    program_release(&expected);
}

static void test_export(void **state)
{
    char model[512], out[512];
    snprintf(model, sizeof model, "%s", temp_path(state, "reference/model.safetensors"));
    snprintf(out, sizeof out, "%s", temp_path(state, "out/exported.safetensors"));
    check_reading(state, (const char *const[]){"export", "--layout", "pytorch", "--model", model,
                                               "--out", out, NULL});
}

static void test_predict(void **state)
{
    char model[512], data[512], out[512];
    snprintf(model, sizeof model, "%s", temp_path(state, "reference/model.safetensors"));
    snprintf(data, sizeof data, "%s", temp_path(state, "data"));
    snprintf(out, sizeof out, "%s", temp_path(state, "out/logits.npy"));
    check_reading(state,
                  (const char *const[]){"predict", "--device", "cpu", "--threads", "1", "--model",
                                        model, "--data", data, "--out", out, NULL});
}

#ifdef CLEF_TEST_PICTURES
static void test_pictures(void **state)
{
    static const char *const names[] = {"rgb.jpg", "interlaced.png", "progressive.jpg",
                                        "palette.png"};
    char data[512], run[512], model[600], out[512];
    snprintf(data, sizeof data, "%s", temp_path(state, "pictures"));
    snprintf(run, sizeof run, "%s", temp_path(state, "run"));
    snprintf(model, sizeof model, "%s/model.safetensors", run);
    snprintf(out, sizeof out, "%s", temp_path(state, "out/logits.npy"));
    mkdir(data, 0777);
    for (int i = 0; i < 8; i++)
        copy_picture(names[i % 4], temp_path(state, i < 4 ? "pictures/train" : "pictures/test"),
                     names[i % 2], names[i % 4]);
    struct program_result result =
        RUN_CLEF("train", "--data", data, "--out", run, "--epochs", "1", "--image-size", "8",
                 "--blocks", "1", "--filters", "4", "--head", "avgpool");
    check_exit(&result, 0);
    program_release(&result);
    check_reading(state,
                  (const char *const[]){"predict", "--device", "cpu", "--threads", "1", "--model",
                                        model, "--data", data, "--out", out, NULL});
}
#endif

// Of a run that has finished nothing is trained: the checkpoint and the summary are read.
static void test_resume(void **state)
{
    char run[512];
    snprintf(run, sizeof run, "%s", temp_path(state, "reference"));
    check_reading(state, (const char *const[]){"train", "--resume", run, NULL});
}

// ---------------------------------------------------------------- a run that goes on

static struct program_result go_on(const char *run)
{
    return RUN_CLEF("train", "--resume", run, "--epochs", "2");
}

// Whether a run has ended as it should.
static bool has_model(const char *run, const char *expected, size_t expected_size)
{
    char path[600];
    size_t size;
    snprintf(path, sizeof path, "%s/model.safetensors", run);
    char *model = read_file(path, &size);
    bool same = size == expected_size && memcmp(model, expected, size) == 0;
    free(model);
    return same;
}

static void copy_run(void **state, const char *run)
{
    struct program_result result =
        program_run("/bin/sh", &(struct program_setting){0},
                    (const char *const[]){"-c", "rm -rf \"$1\" && cp -r \"$0\" \"$1\"",
                                          temp_path(state, "reference"), run, NULL});
    check_exit(&result, 0);
    program_release(&result);
}

// Where memory runs out nothing is lost: the run goes on once there is enough.
static void test_going_on(void **state)
{
    const struct call_fault fault = {.function = "allocate", .error = ENOMEM, .message = ""};
    const int stride = call_stride(TRAINING_STRIDE);
    char run[512], path[600];
    size_t size;
    int number = 1, failures = 0;
    snprintf(run, sizeof run, "%s", temp_path(state, "run"));
    snprintf(path, sizeof path, "%s/model.safetensors", run);
    copy_run(state, run);
    struct program_result result = go_on(run);
    check_exit(&result, 0);
    program_release(&result);
    char *expected = read_file(path, &size);
    for (bool came = true; came; number += stride) {
        char when[1024] = "";
        copy_run(state, run);
        call_fault_begin(state, &fault, number);
        result = go_on(run);
        call_fault_end();
        came = call_fault_came(state, &fault, number, when, sizeof when);
        if (!came)
            check_exit(&result, 0);
        if (result.exit_code != 0) {
            failures++;
            if (strstr(result.err, "AddressSanitizer: CHECK failed") == NULL)
                check_error(&result, &fault, when);
            program_release(&result);
            result = go_on(run);
            check_exit(&result, 0);
        }
        if (!has_model(run, expected, size))
            fail_msg("%s: the model differs", when);
        program_release(&result);
    }
    print_message("%d failures of up to %d calls\n", failures, number - 1 - stride);
    assert_true(failures > 0);
    free(expected);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, call_faults_setup, call_faults_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_export), TEST(test_predict), TEST(test_resume),
                                       TEST(test_going_on),
#ifdef CLEF_TEST_PICTURES
                                       TEST(test_pictures)
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
