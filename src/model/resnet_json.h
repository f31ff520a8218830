// SPDX-License-Identifier: Apache-2.0
// The configuration of a residual network as JSON text, as model files keep it.
#ifndef CLEF_MODEL_RESNET_JSON_H
#define CLEF_MODEL_RESNET_JSON_H

#include "clef/model.h"

// Returns one line of text that the caller frees, or NULL if there is no memory.
char *clef_resnet_to_json(const struct clef_resnet_config *config);

// Reads such a text. The values are checked for their form alone; clef_resnet_check does the rest.
clef_status clef_resnet_from_json(const char *text, struct clef_resnet_config *config);

#endif
