// SPDX-License-Identifier: Apache-2.0
// The same model with the same values on two devices, and a batch of synthetic images.
#ifndef CLEF_CHECK_CHECK_PAIR_H
#define CLEF_CHECK_CHECK_PAIR_H

#include "clef/clef.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct check_layer {
    char name[64];
    size_t begin, end; // Its parameters, among all parameters one after another.
};

// [0] is on the device to check.
struct check_pair {
    struct clef_model *models[2];
    uint8_t *images;
    int32_t *labels;
    struct check_layer *layers;
    int layer_count;
    size_t total;       // Of all parameters, which the arrays below hold.
    float *initial;     // Values before the first step.
    float *values[2];   // What is compared.
    bool *is_trainable; // Not a moving statistic.
    bool *is_rounding;  // The gradient may be.
};

// The pair arrives zeroed, and is to be released on failure too.
clef_status check_pair_create(struct clef_device *device, struct clef_device *reference,
                              int batch_size, uint64_t seed, struct check_pair *pair);
void check_pair_release(struct check_pair *pair);

// Reads `values` of both: the gradients of the last step, or the parameters.
clef_status check_pair_read(struct check_pair *pair, bool gradients);

#endif
