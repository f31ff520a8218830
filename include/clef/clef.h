// SPDX-License-Identifier: Apache-2.0
/// @file clef.h
/// All of Clef. Simple use needs dataset.h, model.h and trainer.h; weights.h is for files of
/// other frameworks, and ops.h is the layer below the model.
#ifndef CLEF_CLEF_H
#define CLEF_CLEF_H

#include "clef/checkpoint.h"
#include "clef/dataset.h"
#include "clef/device.h"
#include "clef/model.h"
#include "clef/onnx.h"
#include "clef/ops.h"
#include "clef/status.h"
#include "clef/tensor.h"
#include "clef/trainer.h"
#include "clef/weights.h"

#endif
