// SPDX-License-Identifier: Apache-2.0
#ifndef CLEF_CLOCK_H
#define CLEF_CLOCK_H

#include <time.h>

// Seconds of the monotonic clock.
static inline double clef_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

#endif
