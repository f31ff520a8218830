// SPDX-License-Identifier: Apache-2.0
// The weights that "clef train --init" starts with.
#ifndef CLEF_CLI_TRAIN_INIT_H
#define CLEF_CLI_TRAIN_INIT_H

#include "clef/weights.h"

#include <stdio.h>

// Says what was loaded from `path`, and on a line of its own that the model kept a new classifier.
void train_init_print(FILE *stream, const char *path, const struct clef_weights_found *found,
                      int classes);

#endif
