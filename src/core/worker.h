// SPDX-License-Identifier: Apache-2.0
// Threads that a user of the library does not see.
#ifndef CLEF_CORE_WORKER_H
#define CLEF_CORE_WORKER_H

#include <pthread.h>

// pthread_create for a thread that takes no signals: these are for the user's own.
int clef_worker_start(pthread_t *thread, void *(*work)(void *), void *argument);

#endif
