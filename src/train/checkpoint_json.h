// SPDX-License-Identifier: Apache-2.0
// What a checkpoint tells beside its tensors, as a text of JSON in the file's metadata.
#ifndef CLEF_TRAIN_CHECKPOINT_JSON_H
#define CLEF_TRAIN_CHECKPOINT_JSON_H

#include "clef/checkpoint.h"

// Returns a text for free(), or NULL without memory, or if a result is infinite.
char *checkpoint_to_json(const struct clef_checkpoint *checkpoint);

// Fills in all but `step` and `notes`. CLEF_FORMAT names what is wrong. `epochs` belongs to the
// caller, on failure too.
clef_status checkpoint_from_json(const char *text, struct clef_checkpoint *checkpoint);

#endif
