// SPDX-License-Identifier: Apache-2.0
#include "opencl/ocl_staging.h"

#include <stdlib.h>

#define PIECES 8                    // Two steps under way have six transfers.
#define LARGEST ((size_t)16 << 20)  // Bytes; pinned memory is taken from everyone.
#define SMALLEST ((size_t)64 << 10) // Bytes; a driver takes whole pages anyway.

struct ocl_staging_pool {
    struct ocl_staging pieces[PIECES];
};

static void release_piece(struct ocl_context *ocl, struct ocl_staging *piece)
{
    if (piece->data)
        ocl_api.clEnqueueUnmapMemObject(ocl->queue, piece->memory, piece->data, 0, NULL, NULL);
    if (piece->memory)
        ocl_api.clReleaseMemObject(piece->memory);
    *piece = (struct ocl_staging){0};
}

static bool fill_piece(struct ocl_context *ocl, struct ocl_staging *piece, size_t bytes)
{
    cl_int code;
    piece->bytes = bytes < SMALLEST ? SMALLEST : bytes;
    piece->memory = ocl_api.clCreateBuffer(ocl->context, CL_MEM_READ_WRITE | CL_MEM_ALLOC_HOST_PTR,
                                           piece->bytes, NULL, &code);
    if (piece->memory)
        piece->data = ocl_api.clEnqueueMapBuffer(ocl->queue, piece->memory, CL_TRUE,
                                                 CL_MAP_READ | CL_MAP_WRITE, 0, piece->bytes, 0,
                                                 NULL, NULL, &code);
    if (!piece->data)
        release_piece(ocl, piece);
    return piece->data != NULL;
}

struct ocl_staging *ocl_staging_take(struct ocl_context *ocl, size_t bytes)
{
    if (bytes > LARGEST)
        return NULL;
    if (!ocl->staging)
        ocl->staging = calloc(1, sizeof *ocl->staging);
    struct ocl_staging *found = NULL;
    for (int i = 0; ocl->staging && i < PIECES; i++) {
        struct ocl_staging *piece = &ocl->staging->pieces[i];
        if (piece->in_use)
            continue;
        // One that fits, else any that can be replaced.
        if (!found || (found->bytes < bytes && piece->bytes >= bytes))
            found = piece;
    }
    if (found && found->bytes < bytes) {
        release_piece(ocl, found);
        if (!fill_piece(ocl, found, bytes))
            return NULL;
    }
    if (found)
        found->in_use = true;
    return found;
}

void ocl_staging_release(struct ocl_context *ocl)
{
    if (!ocl->staging)
        return;
    for (int i = 0; i < PIECES; i++)
        release_piece(ocl, &ocl->staging->pieces[i]);
    // Intel's runtime for processors crashes if the program ends while memory is unmapped.
    ocl_api.clFinish(ocl->queue);
    free(ocl->staging);
    ocl->staging = NULL;
}
