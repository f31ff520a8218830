// SPDX-License-Identifier: Apache-2.0
// The drivers that the loader finds, and how the program survives those that end it.
#ifndef CLEF_OCL_DRIVERS_H
#define CLEF_OCL_DRIVERS_H

#include "core/error.h"

#include <limits.h>
#include <stdbool.h>

#define OCL_MAX_DRIVERS 32
#define OCL_FAILURE 128

struct ocl_driver {
    char path[PATH_MAX];       // Of the .icd file.
    char failure[OCL_FAILURE]; // How it ends the process that lists its devices; "" if it does not.
};

struct ocl_drivers {
    struct ocl_driver rows[OCL_MAX_DRIVERS];
    int count;
    bool none_left; // None can be listed: the loader must not be asked.
};

// Must have succeeded before anything is asked of the loader. Tries once in a child process whether
// `list`, which asks for all platforms and devices, comes back. If not, the drivers are told apart,
// and the loader is made to know those alone that can be listed. `drivers` has only the others. A
// failure explains why none can be told to be at fault.
clef_status ocl_drivers_examine(void (*list)(void), const struct ocl_drivers **drivers);

#endif
