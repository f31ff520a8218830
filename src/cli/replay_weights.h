// SPDX-License-Identifier: Apache-2.0
// The starting weights of a recorded trajectory: a hash of each weight's place, so that a few lines
// in any language make the same numbers.
#ifndef CLEF_CLI_REPLAY_WEIGHTS_H
#define CLEF_CLI_REPLAY_WEIGHTS_H

#include "clef/model.h"

#include <stdint.h>

// Writes all parameters and moving statistics. Element i of the kernel that is number p among the
// trained parameters is, with k = 1000*key + p,
//
//     x = lowbias32(i + 0x9E3779B9*(k + 1)),  u = (x >> 8) * 2^-24,
//     weight = (2*u - 1) * sqrt(6 / (fan_in + fan_out))
//
// Biases and beta are 0, gamma is 1.
clef_status replay_write_weights(struct clef_model *model, uint32_t key);

#endif
