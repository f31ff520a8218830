// SPDX-License-Identifier: Apache-2.0
// A graph turned into the ops of one step, in order, for one batch size: which ops are fused, which
// tensors exist, where each lives in the arena. Nothing is allocated on the device.
#ifndef CLEF_MODEL_SCHEDULE_H
#define CLEF_MODEL_SCHEDULE_H

#include "core/op_list.h"
#include "model/graph.h"

enum clef_step_op {
#define CLEF_STEP_ENUM(op) CLEF_STEP_##op,
    CLEF_OP_LIST(CLEF_STEP_ENUM)
#undef CLEF_STEP_ENUM
};

// What a tensor is to the step that uses it.
enum clef_role {
    CLEF_ROLE_SRC,   // Also `a` of an addition, and the logits of the loss.
    CLEF_ROLE_EXTRA, // `b` of an addition, a residual, an addend, or the mask of a max pool.
    CLEF_ROLE_DST,
    CLEF_ROLE_DIFF_DST,
    CLEF_ROLE_DIFF_SRC, // Also the gradient of the logits.
    CLEF_ROLE_DIFF_RESIDUAL,
    CLEF_ROLE_ARGMAX,
    CLEF_ROLE_SAVED_MEAN,
    CLEF_ROLE_SAVED_INV_STD,
    CLEF_ROLE_COUNT
};

#define CLEF_NO_NODE (-1)  // A step that belongs to no layer.
#define CLEF_NO_VALUE (-1) // A role that a step does not have.

// One op. Roles that are computed in place name the same value.
struct clef_step {
    enum clef_step_op op;
    int node; // The layer whose parameters and window it uses, or CLEF_NO_NODE.
    bool relu;
    int value[CLEF_ROLE_COUNT];
};

// One tensor in the arena: an image of every item of the batch, or one vector of channels.
struct clef_value {
    int height, width, channels;
    bool is_vector;
    bool is_position_major; // HWNC, else NHWC.
    size_t offset;          // In floats.
    size_t floats;
};

struct clef_schedule {
    int batch_size;
    bool training;
    struct clef_step *steps;
    int step_count, step_capacity;
    int forward_count; // Steps before the loss.
    struct clef_value *values;
    int value_count, value_capacity;
    int logits; // The value that holds them after the forward steps.
    size_t arena_floats;
};

// Makes the schedule. A training step is: keep a copy of the moving statistics (the one step of
// the op `copy` without a layer), forward, loss, backward with the update of kernels, Adam for the
// other parameters. An inference step is forward, loss.
clef_status clef_schedule_create(const struct clef_graph *graph, int batch_size, bool training,
                                 struct clef_schedule *schedule);

void clef_schedule_release(struct clef_schedule *schedule);

// The name of a step's layer, or of what stands in for one: "optimizer", "loss", "statistics".
const char *clef_step_layer_name(const struct clef_graph *graph, const struct clef_step *step);

// The name of a step's op, such as "conv2d_forward".
const char *clef_step_op_name(enum clef_step_op op);

#endif
