// SPDX-License-Identifier: Apache-2.0
// The backend's entries for memory and transfers.
#ifndef CLEF_OCL_BUFFER_H
#define CLEF_OCL_BUFFER_H

#include "opencl/ocl_context.h"

clef_status ocl_buffer_create(void *context, size_t bytes, struct clef_buffer **buffer);
void ocl_buffer_destroy(void *context, struct clef_buffer *buffer);
clef_status ocl_upload(void *context, struct clef_buffer *buffer, size_t offset, const void *src,
                       size_t bytes, struct clef_event **event);
clef_status ocl_download(void *context, struct clef_buffer *buffer, size_t offset, void *dst,
                         size_t bytes, struct clef_event **event);
clef_status ocl_event_wait(void *context, struct clef_event *event);

#endif
