// SPDX-License-Identifier: Apache-2.0
// What happens in the process in which a driver is tried first, and what must not reach ours.
#include "opencl/ocl_trial.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

// Memory that parent and child share.
static volatile int *seen;

static void try_one(void (*function)(void), const char *vendors, int seconds, const char *expected)
{
    char failure[128] = "";
    const struct ocl_trial trial = {function, vendors, seconds};
    bool passed = ocl_trial_passes(&trial, failure, sizeof failure);
    assert_string_equal(expected, failure);
    assert_int_equal(*expected == '\0', passed);
}

static void look_at_vendors(void)
{
    const char *vendors = getenv("OCL_ICD_VENDORS");
    *seen = vendors ? (int)strlen(vendors) : -1;
}

static void test_vendors(void **state)
{
    (void)state;
    setenv("OCL_ICD_VENDORS", "here", 1);
    try_one(look_at_vendors, "elsewhere", 60, "");
    assert_int_equal(strlen("elsewhere"), *seen);
    try_one(look_at_vendors, NULL, 60, "");
    assert_int_equal(strlen("here"), *seen);
    assert_string_equal("here", getenv("OCL_ICD_VENDORS"));
}

static void print_and_abort(void)
{
    printf("the first line\n");
    fflush(stdout);
    fprintf(stderr, "a line that is much longer than what can be told of it in one sentence, "
                    "which therefore is cut off\n\n");
    abort();
}

static void test_abort(void **state)
{
    (void)state;
    try_one(print_and_abort, NULL, 60,
            "Aborted: a line that is much longer than what can be told of it in one sentence, ");
}

static void print_and_crash(void)
{
    fprintf(stderr, "not \t\033 ASCII: \303\251\n   \n");
    raise(SIGSEGV);
}

static void note_signal(int number)
{
    *seen = number;
}

static void test_handlers_of_the_program(void **state)
{
    (void)state;
    *seen = 0;
    void (*before)(int) = signal(SIGSEGV, note_signal);
    try_one(print_and_crash, NULL, 60, "Segmentation fault: not    ASCII:   ");
    signal(SIGSEGV, before);
    assert_int_equal(0, *seen);
}

static void note_exit(void)
{
    *seen = 1;
}

static void leave(void)
{
    exit(EXIT_SUCCESS);
}

static void test_exit(void **state)
{
    (void)state;
    *seen = 0;
    atexit(note_exit);
    try_one(leave, NULL, 60, "it ends the process");
    assert_int_equal(0, *seen);
}

static void sleep_on(void)
{
    for (;;)
        pause();
}

static void test_hang(void **state)
{
    (void)state;
    try_one(sleep_on, NULL, 1, "no answer within 1 s");
}

int main(void)
{
    seen = mmap(NULL, sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (seen == MAP_FAILED)
        return EXIT_FAILURE;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vendors),
        cmocka_unit_test(test_abort),
        cmocka_unit_test(test_handlers_of_the_program),
        cmocka_unit_test(test_exit),
        cmocka_unit_test(test_hang),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
