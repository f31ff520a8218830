// SPDX-License-Identifier: Apache-2.0
// Compares a model along a recorded trajectory; each function appends rows to the report.
#ifndef CLEF_CLI_REPLAY_COMPARE_H
#define CLEF_CLI_REPLAY_COMPARE_H

#include "clef/trainer.h"
#include "cli/replay_reference.h"
#include "cli/replay_report.h"

// Before the first step: the file must describe every trained parameter of the network, in its
// order, and as many first elements of its gradient as there are to be. `path` is for the message.
clef_status replay_check_parameters(const struct clef_model *model,
                                    const struct replay_reference *reference, const char *path);

// After the first step: its logits and all gradients.
clef_status replay_compare_logits(struct clef_model *model,
                                  const struct replay_reference *reference,
                                  struct replay_report *report);
clef_status replay_compare_gradients(struct clef_model *model,
                                     const struct replay_reference *reference,
                                     struct replay_report *report);

// The losses of all steps, and the figures on test images after the last one.
clef_status replay_compare_losses(const struct replay_reference *reference, const double *losses,
                                  const struct clef_evaluation *test, struct replay_report *report);

// After the last step: norms of parameters and moving statistics, which inform only.
clef_status replay_compare_parameters(struct clef_model *model,
                                      const struct replay_reference *reference,
                                      struct replay_report *report);

// The logits of the first test image, which inform only.
clef_status replay_compare_test_logits(struct clef_model *model,
                                       const struct replay_reference *reference,
                                       struct replay_report *report);

#endif
