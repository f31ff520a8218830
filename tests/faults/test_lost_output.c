// SPDX-License-Identifier: Apache-2.0
// Places that go away during a training, or are not there from the beginning: what was trained is
// saved all the same, or nothing is begun.
#include "support/program.h"
#include "support/run_files.h"
#include "support/small_mnist.h"
#include "support/temp_directory.h"

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

#define SMALL_NETWORK "--blocks", "1", "--filters", "4", "--head", "avgpool", "--device", "cpu"

static char data[512], out[512];

static int set_up(void **state)
{
    if (temp_directory_setup(state) != 0)
        return -1;
    snprintf(data, sizeof data, "%s", temp_path(state, "data"));
    snprintf(out, sizeof out, "%s", temp_path(state, "runs/one"));
    write_tiny_data(data);
    return 0;
}

// Runs a line of the shell in which "$@" is a training of so many epochs.
static struct program_result train_in_shell(const char *line, const char *epochs)
{
    return program_run("/bin/sh", &(struct program_setting){0},
                       (const char *const[]){"-c", line, "sh", CLEF_PROGRAM, "train", "--data",
                                             data, "--out", out, "--epochs", epochs, SMALL_NETWORK,
                                             NULL});
}

static void check_saved(void **state, int epochs)
{
    json_t *summary = load_json(temp_path(state, "runs/one/summary.json"));
    if (epochs != 0)
        check_summary(summary, epochs);
    check_history(temp_path(state, "runs/one/history.csv"), summary);
    json_decref(summary);
    assert_true(forget_checkpoints(out));
    assert_int_equal(3, count_entries(out));
}

static void remove_directories(void *user)
{
    void **state = user;
    if (rename(temp_path(state, "runs"), temp_path(state, "elsewhere")) != 0)
        fail_msg("cannot take the directory away");
    if (rename(data, temp_path(state, "moved")) != 0)
        fail_msg("cannot take the data away");
}

// The data are in memory, and a directory can be made again.
static void test_directories_vanish(void **state)
{
    struct program_result result =
        program_run(CLEF_PROGRAM,
                    &(struct program_setting){
                        .signal_at = "Epoch 2/", .before = remove_directories, .user = state},
                    (const char *const[]){"train", "--data", data, "--out", out, "--epochs",
                                          "1000000", SMALL_NETWORK, NULL});
    check_exit(&result, 130);
    check_one_line(&result, "stopped by Ctrl-C");
    check_saved(state, 0);
    program_release(&result);
}

static void replace_directory(void *user)
{
    assert_int_equal(0, rename(out, temp_path(user, "elsewhere")));
    write_file(out, "in the way", 10);
}

// Where it cannot be made again the error says so, and nothing is left.
static void test_directory_cannot_be_made_again(void **state)
{
    size_t size;
    struct program_result result =
        program_run(CLEF_PROGRAM,
                    &(struct program_setting){
                        .signal_at = "Epoch 2/", .before = replace_directory, .user = state},
                    (const char *const[]){"train", "--data", data, "--out", out, "--epochs",
                                          "1000000", SMALL_NETWORK, NULL});
    check_exit(&result, 1);
    check_one_line(&result, out); // Whether a directory or a file could not be made.
    assert_int_equal(1, count_entries(temp_path(state, "runs")));
    char *text = read_file(out, &size);
    assert_string_equal("in the way", text);
    free(text);
    program_release(&result);
}

// A reader that goes away is no reason to lose what is trained after it.
static void test_reader_leaves(void **state)
{
    struct program_result result =
        train_in_shell("{ \"$@\"; echo \"exit code $?\" >&2; } | head -1", "300");
    check_contains(result.err, "clef train: cannot write to the standard output; what was trained "
                               "is saved in \"");
    check_contains(result.err, "exit code 1\n");
    check_saved(state, 300);
    program_release(&result);
}

// A file that the program opens must not become its standard output.
static void test_closed_streams(void **state)
{
    struct program_result result = train_in_shell("exec \"$@\" >&-", "1");
    check_exit(&result, 1);
    check_one_line(&result, "cannot write to the standard output; what was trained is saved in");
    check_saved(state, 1);
    program_release(&result);
    result = train_in_shell("exec \"$@\" <&- >&- 2>&-", "1");
    check_exit(&result, 1);
    check_saved(state, 1);
    program_release(&result);
    result = train_in_shell("exec \"$@\" --quiet >/dev/full", "1");
    check_exit(&result, 1);
    check_one_line(&result, "cannot write to the standard output; what was trained is saved in");
    check_saved(state, 1);
    program_release(&result);
}

// Without a home nothing is kept for the next start, and training needs none.
static void test_no_home(void **state)
{
    struct program_result result = train_in_shell(
        "unset HOME XDG_CACHE_HOME XDG_STATE_HOME XDG_CONFIG_HOME; exec \"$@\"", "1");
    check_exit(&result, 0);
    assert_string_equal("", result.err);
    check_saved(state, 1);
    program_release(&result);
    result = train_in_shell("exec env -i \"$@\"", "1");
    check_exit(&result, 0);
    assert_string_equal("", result.err);
    check_saved(state, 1);
    program_release(&result);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, temp_directory_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_directories_vanish),
        TEST(test_directory_cannot_be_made_again),
        TEST(test_reader_leaves),
        TEST(test_closed_streams),
        TEST(test_no_home),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
