// SPDX-License-Identifier: Apache-2.0
// What a model is made of.
#ifndef CLEF_MODEL_MODEL_STATE_H
#define CLEF_MODEL_MODEL_STATE_H

#include "model/executable.h"

// Full and partial batches of training and of evaluation, twice.
#define CLEF_MAX_EXECUTABLES 8

// A step that has been enqueued. Its number is the slot that it uses.
struct clef_ticket {
    bool open;
    bool training;           // Whether its forward pass is that of training.
    struct clef_batch batch; // The caller's; valid until the ticket has been waited for.
    uint64_t step;           // From 1; that of a step which takes statistics alone is the next.
    struct clef_event *events[3];
    float metrics[2];
};

struct clef_model {
    struct clef_device *device;
    struct clef_resnet_config config;
    struct clef_graph graph;
    struct clef_parameters parameters;
    struct clef_workspace workspace;
    struct clef_executable executables[CLEF_MAX_EXECUTABLES];
    int executable_count;
    uint64_t uses;
    struct clef_ticket tickets[CLEF_SLOTS];
    uint64_t step;
    // Where the arena holds the logits of the last step that was enqueued; no floats before it.
    size_t logits_offset, logits_floats;
    uint64_t fault_step; // The training step whose loss was not finite, or 0.
};

// Builds a model whose parameters are all zero.
clef_status clef_model_create_empty(struct clef_device *device,
                                    const struct clef_resnet_config *config,
                                    struct clef_model **model);

// Finds or makes the executable for a batch size and mode, with its plans bound. The pointer is
// valid until the next call.
clef_status clef_model_get_executable(struct clef_model *model, int batch_size, bool training,
                                      struct clef_executable **executable);

// Runs the forward pass of a step again, op by op, and records as the error which layer was the
// first with a value that is not finite. `when` begins the message. The moving statistics are left
// changed.
clef_status clef_model_diagnose(struct clef_model *model, int slot, const char *when);

#endif
