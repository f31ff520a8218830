// SPDX-License-Identifier: Apache-2.0
// What the child process of clef_hdf5_open does.
#ifndef CLEF_IO_HDF5_CONVERT_H
#define CLEF_IO_HDF5_CONVERT_H

#include "clef/status.h"

// Reads the datasets below a group of an HDF5 file and writes them to a descriptor as safetensors.
// The library must have been opened. A file that is not sound may end the process.
clef_status hdf5_convert(const char *path, const char *group, int descriptor);

#endif
