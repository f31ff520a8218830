// SPDX-License-Identifier: Apache-2.0
// In the place of the other files where the library is built without protobuf-c.
#include "clef/onnx.h"

#include "core/error.h"

clef_status clef_onnx_save(struct clef_model *model, const char *path)
{
    (void)model;
    (void)path;
    return clef_fail(CLEF_UNSUPPORTED,
                     "this build writes no ONNX files: install Debian's libprotobuf-c-dev and "
                     "protobuf-c-compiler, and build with -DCLEF_ONNX=ON");
}
