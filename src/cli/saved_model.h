// SPDX-License-Identifier: Apache-2.0
// A saved model on an open device, for the commands that compute with it or write it otherwise.
#ifndef CLEF_CLI_SAVED_MODEL_H
#define CLEF_CLI_SAVED_MODEL_H

#include "clef/clef.h"

struct saved_model {
    struct clef_device *device;
    struct clef_model *model;
    int batch_size; // That it was trained with.
};

// Opens a device as cli_open_device does, and loads the model of `file` onto it. Returns
// EXIT_SUCCESS, or the exit code after a message, and then nothing is open.
int saved_model_open(const char *command, const char *file, const char *selector,
                     const struct clef_device_options *options, struct saved_model *saved);

void saved_model_close(struct saved_model *saved);

// Loads a data set in the size and with the number of classes that the model is for.
clef_status saved_model_load_images(const struct saved_model *saved, const char *data,
                                    enum clef_split split, struct clef_dataset **images);

#endif
