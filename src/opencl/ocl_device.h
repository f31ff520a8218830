// SPDX-License-Identifier: Apache-2.0
// The platforms and devices that the loader knows.
#ifndef CLEF_OCL_DEVICE_H
#define CLEF_OCL_DEVICE_H

#include "opencl/ocl_context.h"

// The backend's `enumerate`, `describe` and the search that `open` needs.
int ocl_enumerate(void);
void ocl_describe(int index, struct clef_device_info *info);
clef_status ocl_find(int index, cl_platform_id *platform, cl_device_id *device);

// Asks the driver for a device's capabilities.
clef_status ocl_read_caps(cl_device_id device, struct ocl_caps *caps);

#endif
