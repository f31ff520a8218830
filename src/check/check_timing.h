// SPDX-License-Identifier: Apache-2.0
#ifndef CLEF_CHECK_CHECK_TIMING_H
#define CLEF_CHECK_CHECK_TIMING_H

#include "check/check_training.h"

// Measures each plan of a training step that has been taken before.
clef_status check_time_plans(struct clef_model *model, struct clef_check_training *training);

#endif
