// SPDX-License-Identifier: Apache-2.0
// `clef check --against`: how far the training steps of two devices are apart.
#ifndef CLEF_CLI_CHECK_AGAINST_H
#define CLEF_CLI_CHECK_AGAINST_H

#include "clef/device.h"

#include <stdbool.h>
#include <stdint.h>

struct check_against {
    const char *command;          // For messages; must outlive the call.
    const char *device, *against; // As clef_device_open takes them.
    int batch_size;
    uint64_t seed;
    bool kernel_cache, json;
};

// Opens the device that another is compared with. Where both are the same it gets one thread, so
// that one is compared with all. Returns an exit code, after one line of error.
int check_open_other(const char *command, const struct clef_device *device, const char *other,
                     const struct clef_device_options *options, struct clef_device **opened);

// Prints the distances, as a table or as JSON. Returns the exit code: EXIT_FAILURE, after one line,
// if one is larger than `clef check` allows.
int check_against(const struct check_against *settings);

#endif
