// SPDX-License-Identifier: Apache-2.0
#include "core/worker.h"

#include <signal.h>

int clef_worker_start(pthread_t *thread, void *(*work)(void *), void *argument)
{
    sigset_t all, previous;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &previous);
    int error = pthread_create(thread, NULL, work, argument);
    pthread_sigmask(SIG_SETMASK, &previous, NULL);
    return error;
}
