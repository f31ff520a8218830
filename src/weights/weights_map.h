// SPDX-License-Identifier: Apache-2.0
// What each parameter of a model is called in files, and how its elements lie there.
#ifndef CLEF_WEIGHTS_WEIGHTS_MAP_H
#define CLEF_WEIGHTS_WEIGHTS_MAP_H

#include "clef/weights.h"

#define WEIGHTS_NAME 96

// One parameter in a file.
struct weights_tensor {
    char name[WEIGHTS_NAME];
    int rank;
    int dims[CLEF_MAX_RANK];
    // As a kernel, whatever it is: of a dense layer as large as the image that it reads, of a
    // vector 1x1 with no input. One panel holds all filters, so that panels are HWIO.
    struct clef_weights_layout kernel;
    enum clef_weights_order order;
};

// The layouts, the one whose names are paths in a .weights.h5, and that of ONNX files.
enum weights_naming { WEIGHTS_KERAS_H5 = CLEF_LAYOUT_KERAS + 1, WEIGHTS_ONNX, WEIGHTS_NAMINGS };

// Such as "pytorch".
const char *weights_naming_title(enum weights_naming naming);

// Describes every parameter in the order of the model. The array is released with free.
clef_status weights_map_create(const struct clef_model *model, enum weights_naming naming,
                               struct weights_tensor **tensors);

#endif
