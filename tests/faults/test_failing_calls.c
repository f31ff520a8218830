// SPDX-License-Identifier: Apache-2.0
// Calls of the C library that fail while a network is trained and saved.
#include "call_faults.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

// Memory of the program, and of what zlib, jansson and the C library allocate for it. The C library
// makes do without in some places; a thread cannot be started without.
// Other allocations under a sanitizer, and fewer: there a run takes several times as long.
#ifdef __SANITIZE_ADDRESS__
#define EVERY 19
#else
#define EVERY 5
#endif

static void test_memory(void **state)
{
    static const struct call_fault faults[] = {{"allocate", ENOMEM, NULL, "", true, EVERY}, {0}};
    check_call_faults(state, faults);
}

static void test_threads(void **state)
{
    static const struct call_fault faults[] = {
        {"pthread_create", EAGAIN, NULL, "cannot start", false, 0}, {0}};
    check_call_faults(state, faults);
}

static void test_reading_data(void **state)
{
    static const struct call_fault faults[] = {
        {"open", EMFILE, "ubyte", NULL, false, 0}, {"read", EIO, "ubyte", NULL, false, 0}, {0}};
    check_call_faults(state, faults);
}

static void test_saving(void **state)
{
    static const struct call_fault faults[] = {{"mkdir", EROFS, "/out", "", true, 0},
                                               {"mkdtemp", EROFS, NULL, NULL, false, 0},
                                               {"opendir", ENOMEM, "/out", NULL, true, 0},
                                               {"open", ENOSPC, ".saving", NULL, false, 0},
                                               {"write", ENOSPC, ".saving", NULL, false, 0},
                                               {"write", EIO, ".saving", NULL, false, 0},
                                               {"fsync", EIO, ".saving", NULL, false, 0},
                                               {"close", EIO, "history.csv.tmp", NULL, false, 0},
                                               {"close", EIO, "/out", NULL, true, 0},
                                               {"rename", EIO, "/out", NULL, true, 0},
                                               {"link", EIO, "/out", NULL, true, 0},
                                               {"fsync", EIO, "/out", NULL, true, 0},
                                               {0}};
    check_call_faults(state, faults);
}

// Signals that come all the time, of which a handler without SA_RESTART makes EINTR.
static void test_interrupted_calls(void **state)
{
    static const char *const functions[] = {"read", "write", "open", "fsync"};
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++)
        check_survived(state, &(struct call_fault){
                                  .function = functions[i],
                                  .error = EINTR,
                                  .path = strcmp(functions[i], "open") == 0 ? ".saving" : NULL});
}

static const char *const saving[] = {"mkdtemp", "open", "write", "fsync",
                                     "close",   "link", "rename"};

// Ctrl-C once more at any moment of saving: the files of one run or of the other.
static void test_second_signal(void **state)
{
    for (size_t i = 0; i < sizeof saving / sizeof saving[0]; i++)
        check_signals(
            state, &(struct call_fault){.function = saving[i], .error = -SIGINT, .path = "/out"});
}

// No file is a part of one, and once all are whole they belong to the same run after --resume.
static void test_killed(void **state)
{
    for (size_t i = 0; i < sizeof saving / sizeof saving[0]; i++)
        check_signals(
            state, &(struct call_fault){.function = saving[i], .error = -SIGKILL, .path = "/out"});
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, call_faults_setup, call_faults_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_threads),       TEST(test_reading_data),
        TEST(test_saving),        TEST(test_interrupted_calls),
        TEST(test_second_signal), TEST(test_killed),
        TEST(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
