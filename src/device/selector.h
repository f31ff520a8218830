// SPDX-License-Identifier: Apache-2.0
// Choosing a device by what the user wrote, see clef_device_open in clef/device.h.
#ifndef CLEF_DEVICE_SELECTOR_H
#define CLEF_DEVICE_SELECTOR_H

#include "clef/device.h"

// Finds the device that `selector` means among `infos`. "auto" takes the best usable graphics
// processor, else the first usable device, else the first, so that opening it says why it is
// unusable. A variant is taken by its own selector alone. A selector that fits no device, or more
// than one, is CLEF_NOT_FOUND.
clef_status clef_selector_match(const char *selector, const struct clef_device_info *infos,
                                int count, int *match);

// Says in one line why "auto" took the device `chosen`.
void clef_selector_explain(const struct clef_device_info *infos, int count, int chosen, char *text,
                           size_t size);

#endif
