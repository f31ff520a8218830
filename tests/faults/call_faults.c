// SPDX-License-Identifier: Apache-2.0
#include "call_faults.h"

#include "support/call_stride.h"
#include "support/program.h"
#include "support/run_files.h"
#include "support/small_mnist.h"
#include "support/temp_directory.h"

#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

static const char *const names[] = {"model.safetensors", "history.csv", "summary.json"};
enum { FILES = sizeof names / sizeof names[0] };
static const char earlier[] = "of an earlier run";

// ---------------------------------------------------------------- a run

// The sanitizer wants to be the first library, which a preloaded one is.
static void allow_preloading(void)
{
    char options[1024];
    const char *given = getenv("ASAN_OPTIONS");
    if (given != NULL && strstr(given, "verify_asan_link_order") != NULL)
        return;
    snprintf(options, sizeof options, "%s:verify_asan_link_order=0", given ? given : "");
    setenv("ASAN_OPTIONS", options, 1);
}

static struct program_result train(void **state, const char *directory)
{
    char data[512], out[512];
    snprintf(data, sizeof data, "%s", temp_path(state, "data"));
    snprintf(out, sizeof out, "%s", temp_path(state, directory));
    return RUN_CLEF("train", "--device", "cpu", "--data", data, "--out", out, "--epochs", "1",
                    "--batch-size", "5", "--blocks", "1", "--filters", "4", "--head", "avgpool",
                    "--threads", "2", "--validation-split", "0.5");
}

void call_fault_begin(void **state, const struct call_fault *fault, int number)
{
    char setting[96];
    snprintf(setting, sizeof setting, "%s:%d:%d", fault->function, number, fault->error);
    setenv("CLEF_FAIL_CALLS", setting, 1);
    setenv("CLEF_FAIL_LOG", temp_path(state, "log"), 1);
    if (fault->path != NULL)
        setenv("CLEF_FAIL_PATH", fault->path, 1);
    setenv("LD_PRELOAD", CLEF_FAILING_CALLS, 1);
}

void call_fault_end(void)
{
    unsetenv("LD_PRELOAD");
    unsetenv("CLEF_FAIL_PATH");
}

static struct program_result train_with(void **state, const struct call_fault *fault, int number)
{
    call_fault_begin(state, fault, number);
    struct program_result result = train(state, "out");
    call_fault_end();
    return result;
}

// ---------------------------------------------------------------- what it leaves

// Another run has left no checkpoints, which a new one would not take the place of.
static void write_earlier_files(void **state)
{
    forget_checkpoints(temp_path(state, "out"));
    for (int i = 0; i < FILES; i++) {
        char file[64];
        snprintf(file, sizeof file, "out/%s", names[i]);
        write_file(temp_path(state, file), earlier, strlen(earlier));
    }
}

static char *read_from(void **state, const char *directory, const char *name, size_t *size)
{
    char file[64];
    snprintf(file, sizeof file, "%s/%s", directory, name);
    return read_file(temp_path(state, file), size);
}

static bool is_earlier(void **state, const char *name)
{
    size_t size;
    char *text = read_from(state, "out", name, &size);
    bool same = strcmp(text, earlier) == 0;
    free(text);
    return same;
}

static bool is_reference_model(void **state)
{
    size_t size, expected_size;
    char *model = read_from(state, "out", names[0], &size);
    char *expected = read_from(state, "reference", names[0], &expected_size);
    bool same = size == expected_size && memcmp(model, expected, size) == 0;
    free(model);
    free(expected);
    return same;
}

static void check_new_files(void **state, const char *when)
{
    if (!is_reference_model(state))
        fail_msg("%s: the model is not what a run without a fault leaves", when);
    json_t *summary = load_json(temp_path(state, "out/summary.json"));
    check_summary(summary, 1);
    check_history(temp_path(state, "out/history.csv"), summary);
    json_decref(summary);
}

static void check_earlier_files(void **state, const char *when)
{
    for (int i = 0; i < FILES; i++)
        if (!is_earlier(state, names[i]))
            fail_msg("%s: %s is not as it was", when, names[i]);
}

void call_fault_check_error(const struct program_result *result, const struct call_fault *fault,
                            const char *when)
{
    const char *message = fault->message != NULL ? fault->message : strerror(fault->error);
    const char *end = strchr(result->err, '\n');
    if (result->exit_code != 1 || strncmp(result->err, "clef", 4) != 0 || end == NULL ||
        end[1] != '\0' || strstr(result->err, message) == NULL)
        fail_msg("%s: exit code %d, and not one line that tells \"%s\": %s", when,
                 result->exit_code, message, result->err);
}

bool call_fault_came(void **state, const struct call_fault *fault, int number, char *when,
                     size_t size)
{
    const char *log = temp_path(state, "log");
    if (access(log, F_OK) != 0)
        return false;
    size_t length;
    char *text = read_file(log, &length);
    snprintf(when, size, "%s:%d:%d, %.*s", fault->function, number, fault->error,
             (int)strcspn(text, "\n"), text);
    free(text);
    assert_int_equal(0, unlink(log));
    return true;
}

// Counts what a run that is ended within its saving cannot remove, with a text in its name.
static int count_staging(void **state, const char *text)
{
    DIR *directory = opendir(temp_path(state, "out"));
    int count = 0;
    assert_non_null(directory);
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;)
        count += strncmp(entry->d_name, ".saving-", 8) == 0 && strstr(entry->d_name, text) != NULL;
    closedir(directory);
    return count;
}

// Whether the files are those of this run, or of this and the earlier one.
static bool check_ended_run(void **state, const struct call_fault *fault, const char *when)
{
    int earlier_files = 0;
    for (int i = 0; i < FILES; i++)
        earlier_files += is_earlier(state, names[i]);
    if (earlier_files == 0)
        check_new_files(state, when);
    else if (!is_earlier(state, names[0]) && !is_reference_model(state))
        fail_msg("%s: a part of a model", when);
    if (fault->error != -SIGKILL && earlier_files != 0 && earlier_files != FILES)
        fail_msg("%s: %d of %d files are of the earlier run", when, earlier_files, FILES);
    return earlier_files == 0;
}

static bool check_call(void **state, const struct call_fault *fault, int number)
{
    char when[1024] = "";
    write_earlier_files(state);
    struct program_result result = train_with(state, fault, number);
    bool failed = call_fault_came(state, fault, number, when, sizeof when);
    // Where memory was for the sanitizer itself, it ends the program.
    if (failed && strstr(result.err, "AddressSanitizer: CHECK failed") != NULL) {
        check_ended_run(state, fault, when);
        program_release(&result);
        return true;
    }
    if (result.exit_code != 0) {
        call_fault_check_error(&result, fault, when);
        // All is in place by the time that the directory itself is synchronised.
        if (strstr(result.err, "is written, but may be lost if the power fails") != NULL &&
            strstr(result.err, ".saving-") == NULL && strstr(result.err, "/checkpoints") == NULL)
            check_new_files(state, when);
        else
            check_earlier_files(state, when);
    } else {
        if (failed && !fault->may_recover)
            fail_msg("%s: the fault went unnoticed", when);
        check_new_files(state, when);
    }
    forget_checkpoints(temp_path(state, "out"));
    if (count_entries(temp_path(state, "out")) != FILES)
        fail_msg("%s: something else is left", when);
    program_release(&result);
    return failed;
}

void check_call_faults(void **state, const struct call_fault *faults)
{
    for (; faults->function != NULL; faults++) {
        int stride = call_stride(faults->stride), number = 1;
        while (check_call(state, faults, number))
            number += stride;
        if (number == 1)
            fail_msg("a run does not call %s", faults->function);
        print_message("%s: %d of up to %d calls\n", faults->function, (number - 1) / stride,
                      number - 1);
    }
}

void check_survived(void **state, const struct call_fault *fault)
{
    char when[1024] = "";
    write_earlier_files(state);
    struct program_result result = train_with(state, fault, 0);
    if (!call_fault_came(state, fault, 0, when, sizeof when))
        fail_msg("a run does not call %s", fault->function);
    check_exit(&result, 0);
    check_new_files(state, when);
    assert_true(forget_checkpoints(temp_path(state, "out")));
    assert_int_equal(FILES, count_entries(temp_path(state, "out")));
    program_release(&result);
}

// What is left by a kill is taken up: all files are of one run then.
static void check_resumed(void **state, const char *when)
{
    char out[512];
    int earlier_files = 0, whole = count_staging(state, ".complete");
    snprintf(out, sizeof out, "%s", temp_path(state, "out"));
    struct program_result result = RUN_CLEF("train", "--resume", out);
    if (result.exit_code == 0) {
        json_t *summary = load_json(temp_path(state, "out/summary.json"));
        check_history(temp_path(state, "out/history.csv"), summary);
        json_decref(summary);
        assert_true(is_reference_model(state));
    } else {
        check_one_line(&result, "checkpoint"); // There was none yet.
    }
    for (int i = 0; i < FILES; i++)
        earlier_files += is_earlier(state, names[i]);
    if (earlier_files != 0 && earlier_files != FILES)
        fail_msg("%s: %d of %d files are of the earlier run", when, earlier_files, FILES);
    if (whole > 0 && strstr(result.out, " has finished, with 1 epochs") == NULL)
        fail_msg("%s: the files were whole, and yet nobody took them: %s", when, result.out);
    program_release(&result);
}

static bool check_signal(void **state, const struct call_fault *fault, int number)
{
    char when[1024] = "";
    write_earlier_files(state);
    struct program_result result = train_with(state, fault, number);
    bool came = call_fault_came(state, fault, number, when, sizeof when);
    if (came) {
        bool saved = check_ended_run(state, fault, when);
        if (fault->error == -SIGKILL)
            check_resumed(state, when);
        if (result.exit_code != fault->error &&
            !(saved && result.exit_code == 128 - fault->error) && !(saved && result.exit_code == 0))
            fail_msg("%s: exit code %d, files %s", when, result.exit_code,
                     saved ? "saved" : "not saved");
    }
    program_release(&result);
    return came;
}

void check_signals(void **state, const struct call_fault *fault)
{
    int number = 1;
    while (check_signal(state, fault, number))
        number++;
    assert_true(number > 1);
    print_message("signal %d at %s: %d calls, %d directories left\n", -fault->error,
                  fault->function, number - 1, count_staging(state, ""));
}

struct program_result train_in_shell(void **state, const char *before)
{
    char data[512], out[512], script[1024];
    snprintf(data, sizeof data, "%s", temp_path(state, "data"));
    snprintf(out, sizeof out, "%s", temp_path(state, "out"));
    snprintf(script, sizeof script, "%s exec \"$0\" \"$@\"", before);
    write_tiny_data(data);
    return program_run("/bin/sh", &(struct program_setting){0},
                       (const char *const[]){"-c", script, CLEF_PROGRAM, "train", "--data", data,
                                             "--epochs", "100", "--out", out, "--blocks", "1",
                                             "--filters", "4", "--head", "avgpool", NULL});
}

int call_faults_setup(void **state)
{
    if (temp_directory_setup(state) != 0 || mkdir(temp_path(state, "out"), 0777) != 0)
        return -1;
    allow_preloading();
    write_tiny_data(temp_path(state, "data"));
    struct program_result result = train(state, "reference");
    check_exit(&result, 0);
    program_release(&result);
    return 0;
}

int call_faults_teardown(void **state)
{
    unsetenv("LD_PRELOAD");
    return temp_directory_teardown(state);
}
