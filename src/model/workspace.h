// SPDX-License-Identifier: Apache-2.0
// The device memory of steps beside the parameters. All batch sizes and modes share it; it grows
// when a larger step comes.
#ifndef CLEF_MODEL_WORKSPACE_H
#define CLEF_MODEL_WORKSPACE_H

#include "clef/device.h"

#include <stdbool.h>
#include <stddef.h>

#define CLEF_SLOTS 2 // Steps that may be under way at a time; each has its own input and results.

// What one step needs of it, in bytes. Images, labels and statistics are per slot.
struct clef_workspace_need {
    size_t arena, scratch, images, labels, statistics;
};

struct clef_workspace {
    struct clef_device *device;
    struct clef_buffer *arena;                  // Activations and their gradients.
    struct clef_buffer *scratch;                // Of the op that runs; NULL while none needs any.
    struct clef_buffer *images[CLEF_SLOTS];     // uint8
    struct clef_buffer *labels[CLEF_SLOTS];     // int32
    struct clef_buffer *statistics[CLEF_SLOTS]; // Moving statistics before the slot's step.
    struct clef_buffer *metrics;                // Two floats per slot.
    struct clef_buffer *fault;                  // int32: whether a training step's loss was not
                                                // finite.
};

// Whether all buffers are at least as large as needed.
bool clef_workspace_suffices(const struct clef_workspace *workspace,
                             const struct clef_workspace_need *need);

// Replaces the buffers that are too small. Plans bound to them must have been destroyed.
clef_status clef_workspace_grow(struct clef_workspace *workspace,
                                const struct clef_workspace_need *need);

void clef_workspace_release(struct clef_workspace *workspace);

#endif
