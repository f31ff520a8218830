// SPDX-License-Identifier: Apache-2.0
// The times of a device that was opened with `profile`, by op and by layer.
#ifndef CLEF_CLI_PROFILE_REPORT_H
#define CLEF_CLI_PROFILE_REPORT_H

#include "clef/clef.h"

#include <jansson.h>
#include <stdio.h>

// Prints both tables; nothing if there is no profile.
void profile_print(FILE *stream, const struct clef_device *device);

// An array with an object for each op of each layer.
json_t *profile_json(const struct clef_device *device);

#endif
