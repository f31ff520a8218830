// SPDX-License-Identifier: Apache-2.0
// All that steps leave in a model, as bits to compare.
#ifndef CLEF_TESTS_TRAINING_STATE_H
#define CLEF_TESTS_TRAINING_STATE_H

#include "clef/model.h"

// Parameters, moving statistics and both moments, one after another, in the order of files.
struct training_state {
    float *values;
    size_t count;
    uint64_t step;
};

// Fails the test if it cannot be read. Released with training_state_release.
struct training_state training_state_read(struct clef_model *model);
void training_state_release(struct training_state *state);

// Fails the test with `when` at the first bit that differs.
void training_state_check_same(const char *when, const struct training_state *expected,
                               const struct training_state *found);

#endif
