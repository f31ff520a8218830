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

struct clef_check_training {
    int steps, batch_size;
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

bool clef_check_figure_passes(const struct clef_check_figure *figure);

// The figure that comes closest to its tolerance, or is farthest beyond; NULL if there is none.
const struct clef_check_figure *
clef_check_training_worst(const struct clef_check_training *training);

#endif
