// SPDX-License-Identifier: Apache-2.0
// What tuning has found, as text and as JSON.
#ifndef CLEF_CLI_TUNE_REPORT_H
#define CLEF_CLI_TUNE_REPORT_H

#include "clef/clef.h"

#include <jansson.h>

void tune_report_print(const struct clef_tune_report *report);
json_t *tune_report_json(const struct clef_device *device, const struct clef_tune_report *report);

#endif
