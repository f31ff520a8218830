// SPDX-License-Identifier: Apache-2.0
// Signals that come all the time, with a handler that does not restart what they interrupt.
#include "call_faults.h"

#include "support/program.h"
#include "support/run_files.h"
#include "support/temp_directory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

// Environment of a program that gets 5,000 signals a second.
#define STORM                                                                        \
    "ASAN_OPTIONS=\"$ASAN_OPTIONS:verify_asan_link_order=0\" CLEF_FAIL_SIGNALS=200 " \
    "LD_PRELOAD=\"" CLEF_FAILING_CALLS "\" "

static void test_training(void **state)
{
    struct program_result result = train_in_shell(state, STORM);
    check_exit(&result, 0);
    assert_string_equal("", result.err);
    json_t *summary = load_json(temp_path(state, "out/summary.json"));
    check_summary(summary, 100);
    check_history(temp_path(state, "out/history.csv"), summary);
    json_decref(summary);
    assert_int_equal(4, count_entries(temp_path(state, "out")));
    program_release(&result);
}

// What comes through a pipe, and late, is read whole: this is an error only at its end.
static void test_reading_from_a_pipe(void **state)
{
    (void)state;
    struct program_result result =
        program_run("/bin/sh", &(struct program_setting){0},
                    (const char *const[]){"-c",
                                          "(printf '{\"a\": 1,\\n'; sleep 0.1; printf '}') | " STORM
                                          "\"$0\" replay /dev/stdin --device cpu",
                                          CLEF_PROGRAM, NULL});
    check_exit(&result, 1);
    check_one_line(&result, "/dev/stdin:2: not valid JSON");
    program_release(&result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DIRECTORY(test_training),
        IN_DIRECTORY(test_reading_from_a_pipe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
