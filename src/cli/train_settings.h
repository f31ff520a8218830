// SPDX-License-Identifier: Apache-2.0
// What "clef train" was asked for.
#ifndef CLEF_CLI_TRAIN_SETTINGS_H
#define CLEF_CLI_TRAIN_SETTINGS_H

#include "cli/options.h"

struct train_settings {
    const char *data, *device, *out, *init;
    int epochs, batch_size, limit, threads, head, image_size, classes;
    struct option_int_list blocks, filters;
    double validation_split, learning_rate;
    uint64_t seed;
    bool shuffle, quiet, verbose, kernel_cache, sync, profile;
};

// The command's table of options and texts.
extern const struct option_command train_command;

#endif
