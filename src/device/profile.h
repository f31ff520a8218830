// SPDX-License-Identifier: Apache-2.0
// The time that a device spends on each op of each layer.
#ifndef CLEF_DEVICE_PROFILE_H
#define CLEF_DEVICE_PROFILE_H

#include "device/backend.h"

struct clef_profile;

clef_status clef_profile_create(struct clef_profile **profile);
void clef_profile_destroy(struct clef_profile *profile); // NULL is accepted.

// Adds a run to the row of the plan's layer, op and algorithm.
clef_status clef_profile_add(struct clef_profile *profile, const struct clef_plan *plan,
                             double seconds);

// The rows; none for NULL.
void clef_profile_get(const struct clef_profile *profile, const struct clef_profile_row **rows,
                      int *count);

#endif
