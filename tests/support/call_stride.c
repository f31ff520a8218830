// SPDX-License-Identifier: Apache-2.0
#include "support/call_stride.h"

#include <stdlib.h>

int call_stride(int stride)
{
    return stride == 0 || getenv("CLEF_TEST_EVERY_CALL") != NULL ? 1 : stride;
}
