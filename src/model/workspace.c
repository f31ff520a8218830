// SPDX-License-Identifier: Apache-2.0
#include "model/workspace.h"

#include "core/error.h"

#include <string.h>

#define METRICS_BYTES (sizeof(float) * 2 * CLEF_SLOTS)

static bool suffices(const struct clef_buffer *buffer, size_t bytes)
{
    return bytes == 0 || (buffer && clef_buffer_size(buffer) >= bytes);
}

bool clef_workspace_suffices(const struct clef_workspace *workspace,
                             const struct clef_workspace_need *need)
{
    bool enough = suffices(workspace->arena, need->arena) &&
                  suffices(workspace->scratch, need->scratch) && workspace->metrics &&
                  workspace->fault;
    for (int slot = 0; slot < CLEF_SLOTS; slot++)
        enough = enough && suffices(workspace->images[slot], need->images) &&
                 suffices(workspace->labels[slot], need->labels) &&
                 suffices(workspace->statistics[slot], need->statistics);
    return enough;
}

// The old buffer goes first, so that both never exist together.
static clef_status grow(struct clef_device *device, struct clef_buffer **buffer, size_t bytes)
{
    if (suffices(*buffer, bytes))
        return CLEF_OK;
    clef_buffer_destroy(*buffer);
    *buffer = NULL;
    return clef_buffer_create(device, bytes, buffer);
}

clef_status clef_workspace_grow(struct clef_workspace *workspace,
                                const struct clef_workspace_need *need)
{
    struct clef_device *device = workspace->device;
    CLEF_TRY(grow(device, &workspace->arena, need->arena));
    CLEF_TRY(grow(device, &workspace->scratch, need->scratch));
    for (int slot = 0; slot < CLEF_SLOTS; slot++) {
        CLEF_TRY(grow(device, &workspace->images[slot], need->images));
        CLEF_TRY(grow(device, &workspace->labels[slot], need->labels));
        CLEF_TRY(grow(device, &workspace->statistics[slot], need->statistics));
    }
    CLEF_TRY(grow(device, &workspace->metrics, METRICS_BYTES));
    return grow(device, &workspace->fault, sizeof(int32_t));
}

void clef_workspace_release(struct clef_workspace *workspace)
{
    clef_buffer_destroy(workspace->arena);
    clef_buffer_destroy(workspace->scratch);
    for (int slot = 0; slot < CLEF_SLOTS; slot++) {
        clef_buffer_destroy(workspace->images[slot]);
        clef_buffer_destroy(workspace->labels[slot]);
        clef_buffer_destroy(workspace->statistics[slot]);
    }
    clef_buffer_destroy(workspace->metrics);
    clef_buffer_destroy(workspace->fault);
    memset(workspace, 0, sizeof *workspace);
}
