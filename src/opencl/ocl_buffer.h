// SPDX-License-Identifier: Apache-2.0
// The backend's entries for memory.
#ifndef CLEF_OCL_BUFFER_H
#define CLEF_OCL_BUFFER_H

#include "opencl/ocl_context.h"

clef_status ocl_buffer_create(void *context, size_t bytes, struct clef_buffer **buffer);
void ocl_buffer_destroy(void *context, struct clef_buffer *buffer);

#endif
