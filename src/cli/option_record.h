// SPDX-License-Identifier: Apache-2.0
// The options of a run as a document that a later run can take them from.
#ifndef CLEF_CLI_OPTION_RECORD_H
#define CLEF_CLI_OPTION_RECORD_H

#include "cli/options.h"

#include <jansson.h>

// An object with the text of each option that is kept and has a value. A new reference; NULL if
// memory ran out.
json_t *option_record_make(const struct option_command *command, const void *settings);

// Takes what was not given from a record, which must outlive the settings. Returns EXIT_SUCCESS, or
// an exit code after a message: EXIT_USAGE if a fixed option was given with another value.
int option_record_apply(const struct option_command *command, const bool *given, json_t *record,
                        void *settings);

#endif
