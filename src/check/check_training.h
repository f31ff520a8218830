// SPDX-License-Identifier: Apache-2.0
// Compares training steps on a device with the same steps on another.
#ifndef CLEF_CHECK_CHECK_TRAINING_H
#define CLEF_CHECK_CHECK_TRAINING_H

#include "clef/clef.h"

#include <stdbool.h>
#include <stdint.h>

#define CLEF_CHECK_STEPS 2
#define CLEF_CHECK_OPS 64 // No fewer than there are ops.

// One comparison.
struct clef_check_figure {
    char name[96];    // Such as "step 1: loss".
    double error;     // Relative, as said where it is computed; NaN if a value is.
    double tolerance; // The error must not be larger.
};

// What the distances between the devices are told of.
enum clef_check_kind {
    CLEF_CHECK_LOGITS,
    CLEF_CHECK_LOSS,
    CLEF_CHECK_GRADIENTS,  // Of the first step.
    CLEF_CHECK_WEIGHTS,    // After the last one: all parameters that are trained...
    CLEF_CHECK_STATISTICS, // ...and those that are not.
    CLEF_CHECK_KINDS
};

// The largest distance of a kind: the length of the difference of a parameter, or of the logits or
// loss of a step, relative to its own on the reference, and of a gradient to that of its layer.
struct clef_check_distance {
    double relative; // NaN if a value is.
    char where[96];  // "step 1", or the parameter's name; "" if it was not reached.
    bool same_bits;  // Of everything of this kind.
};

struct clef_check_training {
    int steps, batch_size;
    struct clef_check_distance distances[CLEF_CHECK_KINDS];
    double losses[CLEF_CHECK_STEPS], reference_losses[CLEF_CHECK_STEPS];
    struct clef_check_figure *figures;
    int figure_count, figure_capacity;
    // What a further step takes on the device, by its own clock: of each op, see
    // clef_check_op_name, and the one plan that takes longest.
    double op_seconds[CLEF_CHECK_OPS];
    struct clef_check_plan {
        char layer[64], op[32], algorithm[64];
        double seconds;
    } slowest;
};

// Trains the default network from one seed on synthetic images on both devices, and compares the
// losses, the gradients of the first step, and the parameters and statistics after the last one.
// @param training released with clef_check_training_release, on failure too.
clef_status clef_check_train(struct clef_device *device, struct clef_device *reference,
                             int batch_size, uint64_t seed, struct clef_check_training *training);

void clef_check_training_release(struct clef_check_training *training);

// Such as "moving statistics".
const char *clef_check_distance_name(enum clef_check_kind kind);

// Whether all that was compared has the same bits on both devices.
bool clef_check_training_has_same_bits(const struct clef_check_training *training);

bool clef_check_figure_passes(const struct clef_check_figure *figure);

// The figure that comes closest to its tolerance, or is farthest beyond; NULL if there is none.
const struct clef_check_figure *
clef_check_training_worst(const struct clef_check_training *training);

#endif
