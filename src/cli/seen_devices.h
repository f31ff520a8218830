// SPDX-License-Identifier: Apache-2.0
// Remembers on which devices and drivers the user has worked, in clef/devices below
// $XDG_STATE_HOME or ~/.local/state.
#ifndef CLEF_CLI_SEEN_DEVICES_H
#define CLEF_CLI_SEEN_DEVICES_H

#include "clef/device.h"

#include <stdbool.h>

// Whether this device with this driver is new; from now on it is not. A device that has no driver
// of its own, and one that cannot be remembered, is never new.
bool seen_devices_add(const struct clef_device_info *info);

#endif
