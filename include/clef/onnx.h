// SPDX-License-Identifier: Apache-2.0
/// @file onnx.h
/// Networks as ONNX files, the format that onnxruntime and many others run.
#ifndef CLEF_ONNX_H
#define CLEF_ONNX_H

#include "clef/model.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Writes a network for inference (moving statistics) with all its parameters. The file appears
/// whole or not at all.
///
/// Its input "input" is float32 [N, input_channels, input_height, input_width]: pixels already
/// divided by 255, channels first, in batches of any size N. Its output "logits" is float32 [N,
/// classes]. Every other value has the name of its layer, and every tensor that of its parameter.
/// Kernels are [out][in][kernel_h][kernel_w], those of dense layers [out][in], where the inputs of
/// one that follows a flatten layer stand channels first too. The operators are those of version
/// 13.
/// @return CLEF_UNSUPPORTED if the file would have 2 GiB or more, which the format does not allow,
/// or if the library was built without this format (CMake's option CLEF_ONNX).
clef_status clef_onnx_save(struct clef_model *model, const char *path);

#ifdef __cplusplus
}
#endif
#endif
