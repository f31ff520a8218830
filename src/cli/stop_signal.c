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

void stop_signal_catch(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = record;
    // Reads and writes under way go on instead of failing with EINTR. The next signal of the kind
    // does what it does without us.
    action.sa_flags = SA_RESTART | SA_RESETHAND;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

int stop_signal_received(void)
{
    return received;
}
