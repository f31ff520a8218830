// SPDX-License-Identifier: Apache-2.0
// Buffers and transfers: what is checked for every backend alike.
#include "core/error.h"
#include "device/backend.h"

clef_status clef_buffer_create(struct clef_device *device, size_t bytes,
                               struct clef_buffer **buffer)
{
    if (!device || !buffer)
        return clef_fail(CLEF_INVALID_ARGUMENT, "clef_buffer_create needs a device and a result");
    *buffer = NULL;
    if (bytes == 0)
        return clef_fail(CLEF_INVALID_ARGUMENT, "a buffer of 0 bytes: ask for at least 1");
    const struct clef_device_info *info = clef_device_get_info(device);
    if (info->max_buffer_bytes && bytes > info->max_buffer_bytes)
        return clef_fail(CLEF_OUT_OF_MEMORY,
                         "a buffer of %zu bytes on %s: its largest has %llu; use a smaller batch "
                         "or network",
                         bytes, info->name, (unsigned long long)info->max_buffer_bytes);
    CLEF_TRY(
        clef_device_backend(device)->buffer_create(clef_device_context(device), bytes, buffer));
    (*buffer)->device = device;
    (*buffer)->bytes = bytes;
    return CLEF_OK;
}

void clef_buffer_destroy(struct clef_buffer *buffer)
{
    if (!buffer)
        return;
    struct clef_device *device = buffer->device;
    clef_device_backend(device)->buffer_destroy(clef_device_context(device), buffer);
}

size_t clef_buffer_size(const struct clef_buffer *buffer)
{
    return buffer->bytes;
}

static clef_status check_range(const char *what, const struct clef_buffer *buffer, size_t offset,
                               const void *host, size_t bytes)
{
    if (!buffer || (!host && bytes))
        return clef_fail(CLEF_INVALID_ARGUMENT, "%s without a %s", what,
                         buffer ? "host address" : "buffer");
    if (offset > buffer->bytes || bytes > buffer->bytes - offset)
        return clef_fail(CLEF_INVALID_ARGUMENT,
                         "%s of %zu bytes at offset %zu: the buffer has %zu bytes", what, bytes,
                         offset, buffer->bytes);
    return CLEF_OK;
}

clef_status clef_buffer_upload(struct clef_buffer *buffer, size_t offset, const void *src,
                               size_t bytes, struct clef_event **event)
{
    if (event)
        *event = NULL;
    CLEF_TRY(check_range("upload", buffer, offset, src, bytes));
    if (bytes == 0)
        return CLEF_OK;
    struct clef_device *device = buffer->device;
    return clef_device_backend(device)->upload(clef_device_context(device), buffer, offset, src,
                                               bytes, event);
}

clef_status clef_buffer_download(struct clef_buffer *buffer, size_t offset, void *dst, size_t bytes,
                                 struct clef_event **event)
{
    if (event)
        *event = NULL;
    CLEF_TRY(check_range("download", buffer, offset, dst, bytes));
    if (bytes == 0)
        return CLEF_OK;
    struct clef_device *device = buffer->device;
    return clef_device_backend(device)->download(clef_device_context(device), buffer, offset, dst,
                                                 bytes, event);
}

clef_status clef_event_wait(struct clef_event *event)
{
    if (!event)
        return CLEF_OK;
    struct clef_device *device = event->device;
    return clef_device_backend(device)->event_wait(clef_device_context(device), event);
}
