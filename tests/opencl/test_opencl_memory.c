// SPDX-License-Identifier: Apache-2.0
// What training, evaluation and the plans of `clef check` leave behind: nothing; and how much
// memory a long training takes: no more than a short one.
#include "check/check.h"
#include "fault_run.h"
#include "support/flat_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct failing_loader early;

// From then on a step waits for events alone, and makes no object but these.
static void begin_to_count(struct failing_loader *loader)
{
    strcpy(loader->function, "clFinish");
    loader->number = loader->calls = 0; // It counts, and none fails.
    early = *loader;
}

static void look_at_objects(int step)
{
    struct failing_loader *loader = fault_loader();
    if (step == FLAT_MEMORY_EARLY) {
        begin_to_count(loader);
        return;
    }
    assert_int_equal(0, loader->calls);
    loader->function[0] = '\0';
    for (int kind = 0; kind < FAILING_KINDS; kind++) {
        if (loader->live[kind] != early.live[kind])
            fail_msg("objects of kind %d: %d after step %d, %d after step %d", kind,
                     early.live[kind], FLAT_MEMORY_EARLY, loader->live[kind], FLAT_MEMORY_LATE);
        if (kind != FAILING_EVENT && loader->made[kind] != early.made[kind])
            fail_msg("%d objects of kind %d are made after step %d",
                     loader->made[kind] - early.made[kind], kind, FLAT_MEMORY_EARLY);
    }
}

static void test_long_training(void **state)
{
    (void)state;
    early = (struct failing_loader){0};
    check_flat_memory("opencl", look_at_objects);
    assert_true(early.live[FAILING_KERNEL] > 0 && early.live[FAILING_MEMORY] > 0);
    check_no_objects("after training");
}

static void print_failure(void *user, const struct clef_check_failure *failure)
{
    (void)user;
    fail_msg("%s row %d: %s", failure->op, failure->row, failure->message);
}

// The first rows of each op, with every algorithm that the device has.
static void test_plans_of_check(void **state)
{
    (void)state;
    enum { ROWS = 1 };
    const struct clef_check_options options = {.seed = CLEF_CHECK_DEFAULT_SEED,
                                               .failed = print_failure};
    struct clef_check *check;
    if (clef_check_open("opencl", NULL, &options, &check) != CLEF_OK)
        fail_msg("%s", clef_last_error());
    int plans = 0;
    for (int op = 0; op < clef_check_op_count(); op++)
        for (int row = 0; row < ROWS; row++) {
            struct clef_check_result result = {0};
            clef_check_run_op(check, op, row, &result);
            plans += result.plans;
        }
    assert_true(plans > clef_check_op_count());
    clef_check_close(check);
    check_no_objects("after a check");
}

#define TEST(name) cmocka_unit_test_setup(name, fault_setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_long_training),
        TEST(test_plans_of_check),
    };
    return cmocka_run_group_tests(tests, fault_group_setup, fault_group_teardown);
}
