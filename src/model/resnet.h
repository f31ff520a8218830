// SPDX-License-Identifier: Apache-2.0
// The residual network, built from its configuration.
#ifndef CLEF_MODEL_RESNET_H
#define CLEF_MODEL_RESNET_H

#include "model/graph.h"

#define CLEF_MAX_BLOCKS 128 // Of one stage.

// Says what is wrong with a configuration, if anything.
clef_status clef_resnet_check(const struct clef_resnet_config *config);

// Fills an empty graph. The configuration must have been checked.
clef_status clef_resnet_build(const struct clef_resnet_config *config, struct clef_graph *graph);

#endif
