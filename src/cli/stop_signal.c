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

// What was ignored stays so: nohup ignores SIGHUP, and a shell SIGINT for what runs in the
// background.
static void handle(int number, void (*handler)(int))
{
    struct sigaction action, before;
    memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    // Reads and writes under way go on instead of failing with EINTR. The next signal of the kind
    // does what it does without us.
    action.sa_flags = SA_RESTART | SA_RESETHAND;
    sigemptyset(&action.sa_mask);
    if (sigaction(number, NULL, &before) == 0 && before.sa_handler != SIG_IGN)
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
