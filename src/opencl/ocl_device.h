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

// Copies a text that the driver tells of a device or platform, without the spaces around it; "" and
// false if it does not tell.
bool ocl_device_text(cl_device_id device, cl_device_info what, char *text, size_t size);
bool ocl_platform_text(cl_platform_id platform, cl_platform_info what, char *text, size_t size);

#endif
