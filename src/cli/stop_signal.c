// SPDX-License-Identifier: Apache-2.0
#include "cli/stop_signal.h"

#include <signal.h>
#include <string.h>

static volatile sig_atomic_t received;

static void record(int number)
{
    if (received == 0)
        received = number;
}

static sigset_t ignored; // When the program began.

void stop_signal_begin(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
    sigemptyset(&ignored);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct sigaction action;
        if (sigaction(numbers[i], NULL, &action) == 0 && action.sa_handler == SIG_IGN)
            sigaddset(&ignored, numbers[i]);
    }
}

// What was ignored stays so, even if a driver has set a handler of its own meanwhile.
static void handle(int number, void (*handler)(int))
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = sigismember(&ignored, number) == 1 ? SIG_IGN : handler;
    // Reads and writes under way go on instead of failing with EINTR. The next signal of the kind
    // does what it does without us.
    action.sa_flags = SA_RESTART | SA_RESETHAND;
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

static void handle_all(void (*handler)(int))
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        handle(numbers[i], handler);
}

void stop_signal_catch(void)
{
    handle_all(record);
    handle(SIGPIPE, SIG_IGN);
}

void stop_signal_ignore(void)
{
    handle_all(SIG_IGN);
}

int stop_signal_received(void)
{
    return received;
}
