// SPDX-License-Identifier: Apache-2.0
// Arrays in NumPy's format (NEP 1, version 1.0).
#ifndef CLEF_IO_NPY_H
#define CLEF_IO_NPY_H

#include "clef/status.h"

#include <stddef.h>

// Writes float32 values [rows][columns], row-major. The file appears whole or not at all.
clef_status clef_npy_save(const char *path, const float *values, size_t rows, size_t columns);

#endif
