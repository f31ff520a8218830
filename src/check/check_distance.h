// SPDX-License-Identifier: Apache-2.0
// How far apart the results of a pair of models are.
#ifndef CLEF_CHECK_CHECK_DISTANCE_H
#define CLEF_CHECK_CHECK_DISTANCE_H

#include "check/check_pair.h"
#include "check/check_training.h"

// The length of a difference, relative to that of what is expected. What has no length must not
// differ at all.
struct check_length {
    double difference, expected; // Squares.
};

void check_length_add(struct check_length *length, double difference, double expected);
double check_length_relative(const struct check_length *length);

// Add to the distances, after a step: its loss and logits; what check_pair_read has just read.
clef_status check_distance_add_step(struct check_pair *pair, struct clef_check_training *training);
void check_distance_add_gradients(const struct check_pair *pair,
                                  struct clef_check_training *training);
void check_distance_add_parameters(const struct check_pair *pair,
                                   struct clef_check_training *training);

#endif
