// SPDX-License-Identifier: Apache-2.0
#ifndef CLEF_CPU_DESCRIBE_H
#define CLEF_CPU_DESCRIBE_H

#include "device/backend.h"

// Number of processors that this process may use, at least 1.
int cpu_processor_count(void);

// The backend's `describe`.
void cpu_describe(int index, struct clef_device_info *info);

#endif
