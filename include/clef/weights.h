// SPDX-License-Identifier: Apache-2.0
/// @file weights.h
/// Parameters in files of other frameworks: their names, their order of elements, their formats.
#ifndef CLEF_WEIGHTS_H
#define CLEF_WEIGHTS_H

#include "clef/model.h"

#ifdef __cplusplus
extern "C" {
#endif

/// How a file names parameters and orders their elements.
enum clef_layout {
    /// As `clef_model_save` does: "stage1.block1.conv1.weight", convolutions HWIO, dense layers
    /// [in][out].
    CLEF_LAYOUT_CLEF,
    /// The names of torchvision's ResNet, such as "layer1.0.conv1.weight", and "fc1", "fc2" for the
    /// head flatten-dense; convolutions OIHW, dense layers [out][in]. What a flattened image
    /// meets in the first dense layer is in the order of channels, height, width.
    CLEF_LAYOUT_PYTORCH,
    /// "conv2d_1/kernel", convolutions HWIO, dense layers [in][out]. As in a .weights.h5 of Keras,
    /// layers of one class are numbered in the order of the network, whatever names they had there.
    CLEF_LAYOUT_KERAS
};

/// Writes parameters and moving statistics as safetensors in the layout of another framework. The
/// file appears whole or not at all. The configuration is there as metadata, but `clef_model_load`
/// takes only what `clef_model_save` made.
/// @param layout CLEF_LAYOUT_PYTORCH or CLEF_LAYOUT_KERAS.
clef_status clef_weights_save(struct clef_model *model, enum clef_layout layout, const char *path);

/// Writes the same as Keras's `save_weights` does, for a file name that ends with ".weights.h5":
/// its `load_weights` takes the file for the same network, built as a functional model in which
/// `Add` has the two convolutions first and the projection second. The file appears whole or not at
/// all.
/// @return CLEF_UNSUPPORTED if the library was built without HDF5, CLEF_NOT_FOUND if that is not
/// installed.
clef_status clef_weights_save_keras(struct clef_model *model, const char *path);

/// What was found in a file of weights.
struct clef_weights_found {
    const char *layout; ///< "clef", "pytorch" or "keras".
    int file_classes;   ///< Of the classifier in the file, if the model kept its own; else 0.
    char head[64];      ///< The name of the classifier that was kept; else "".
};

/// Sets a model's parameters and moving statistics from a safetensors file in any layout, which is
/// known by its names, or from a .weights.h5 of Keras. Every parameter must be there, of the right
/// shape, and nothing else but PyTorch's counters "num_batches_tracked" and the optimiser of a
/// checkpoint. One thing may differ: if
/// the file's last dense layer is for another number of classes, the model keeps its own.
/// @param[out] found filled in on success.
/// @return CLEF_FORMAT with the name of the first tensor that is missing, has another shape or
/// does not belong to the model; up to then nothing in the model has changed. CLEF_UNSUPPORTED if
/// one is not float32. After a failure to read, the parameters are undefined.
clef_status clef_weights_load(struct clef_model *model, const char *path,
                              struct clef_weights_found *found);

#ifdef __cplusplus
}
#endif
#endif
