// SPDX-License-Identifier: Apache-2.0
// Copies between host and device: the backend's entries, and the order between the two queues.
//
// A graphics processor copies on a queue of its own, beside the kernels of the step under way. A
// buffer that is uploaded to in this way is marked as streamed. It remembers its last upload, for
// which the next plan that uses it waits on the device, and the end of the last plan that used it,
// for which the next upload waits. So the order is that of a single queue, and the host waits for
// nothing.
#ifndef CLEF_OCL_TRANSFER_H
#define CLEF_OCL_TRANSFER_H

#include "opencl/ocl_context.h"

clef_status ocl_upload(void *context, struct clef_buffer *buffer, size_t offset, const void *src,
                       size_t bytes, struct clef_event **event);
clef_status ocl_download(void *context, struct clef_buffer *buffer, size_t offset, void *dst,
                         size_t bytes, struct clef_event **event);
clef_status ocl_event_wait(void *context, struct clef_event *event);

// Makes the queue of kernels wait for a buffer's upload, if one is under way.
clef_status ocl_transfer_before_use(struct ocl_context *ocl, struct ocl_buffer *buffer);

// Notes that what was enqueued up to now uses a streamed buffer.
clef_status ocl_transfer_after_use(struct ocl_context *ocl, struct ocl_buffer *buffer);

// Decides how transfers are done; called when the device is opened.
clef_status ocl_transfer_open(struct ocl_context *ocl);
void ocl_transfer_close(struct ocl_context *ocl);

#endif
