// SPDX-License-Identifier: Apache-2.0
// What "clef train" was asked for.
#ifndef CLEF_CLI_TRAIN_SETTINGS_H
#define CLEF_CLI_TRAIN_SETTINGS_H

#include "cli/network_options.h"

struct train_settings {
    const char *data, *device, *out, *init, *freeze, *resume;
    int epochs, batch_size, limit, threads, checkpoint_every, update_bn;
    struct network_options network;
    double validation_split, learning_rate;
    uint64_t seed;
    bool shuffle, quiet, verbose, kernel_cache, sync, profile;
};

// No fewer than there are options.
enum { TRAIN_OPTIONS = 64 };

// The command's table of options and texts.
extern const struct option_command train_command;

#endif
