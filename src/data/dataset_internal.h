// SPDX-License-Identifier: Apache-2.0
// How the readers of this folder make a data set.
#ifndef CLEF_DATA_DATASET_INTERNAL_H
#define CLEF_DATA_DATASET_INTERNAL_H

#include "clef/dataset.h"

// Makes a data set of [count][height][width][channels] pixels and [count] labels, each below
// `shape.classes`. Takes over both arrays, on failure too.
clef_status clef_dataset_take(uint8_t *images, uint8_t *labels, struct clef_dataset_shape shape,
                              struct clef_dataset **dataset);

clef_status clef_dataset_check_classes(int classes);

#endif
