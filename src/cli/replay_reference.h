// SPDX-License-Identifier: Apache-2.0
// A training trajectory that another framework recorded, as a JSON file tells it.
#ifndef CLEF_CLI_REPLAY_REFERENCE_H
#define CLEF_CLI_REPLAY_REFERENCE_H

#include "clef/status.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    REPLAY_FIRST = 4
}; // Elements of a gradient that are recorded one by one, if it has as many.

// A trained parameter: its gradient of the first step and its norm after the last one.
struct replay_parameter {
    char *name;
    double gradient_l2, gradient_sum;
    int first_count;
    double first[REPLAY_FIRST];
    double final_l2;
};

// Norms of a batch normalisation's moving statistics after the last step.
struct replay_moving {
    char *layer;
    double mean_l2, variance_l2;
};

struct replay_reference {
    char *what;
    uint32_t key; // Of the weights, see replay_weights.h.
    int batch_size, first_image, steps;
    double learning_rate;
    double *losses; // [steps]
    int classes, logit_rows;
    double *logits; // Of the first step, [logit_rows][classes].
    int parameter_count, moving_count;
    struct replay_parameter *parameters;
    struct replay_moving *moving;
    double test_loss, test_accuracy; // On the first test images, inference mode.
    double *test_logits;             // Of the first of them, [classes].
    // What float32 arithmetic alone did to the same trajectory, from the file of the same name with
    // "float32" in place of "float64"; NULL if there is none.
    double *float32_losses;
    double float32_test_loss;
};

// Reads and checks a file. Trajectories of another optimiser or batch normalisation than Clef's are
// CLEF_UNSUPPORTED.
clef_status replay_reference_load(const char *path, struct replay_reference *reference);
void replay_reference_release(struct replay_reference *reference);

#endif
