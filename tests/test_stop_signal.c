// SPDX-License-Identifier: Apache-2.0
// The request to stop, and the one that does not wait.
#include "cli/stop_signal.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { SURVIVED = 10, NOT_RECORDED };

// What becomes of a program that gets these two signals: minus the signal's number if one ends it.
static int fate(int first, int second)
{
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        stop_signal_catch();
        if (stop_signal_received() != 0)
            _exit(NOT_RECORDED);
        raise(first);
        if (stop_signal_received() != first)
            _exit(NOT_RECORDED);
        raise(second);
        _exit(stop_signal_received() == first ? SURVIVED : NOT_RECORDED);
    }
    assert_int_equal(child, waitpid(child, &status, 0));
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void test_second_signal(void **state)
{
    (void)state;
    assert_int_equal(-SIGINT, fate(SIGINT, SIGINT));
    assert_int_equal(-SIGTERM, fate(SIGTERM, SIGTERM));
    assert_int_equal(SURVIVED, fate(SIGTERM, SIGINT));
    assert_int_equal(SURVIVED, fate(SIGINT, SIGTERM));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_second_signal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
