// SPDX-License-Identifier: Apache-2.0
// HDF5 files as far as they hold named float32 tensors: a tensor's name is its dataset's path, such
// as "layers/conv2d/vars/0". The HDF5 library is opened when it is first needed. In a build without
// it (CLEF_HDF5=OFF) both functions return CLEF_UNSUPPORTED.
#ifndef CLEF_IO_HDF5_H
#define CLEF_IO_HDF5_H

#include "io/safetensors.h"

#include <stdbool.h>

// Whether a file can be read and begins as HDF5 files do.
bool clef_hdf5_is(const char *path);

// Writes contiguous datasets, and the groups that their names ask for. The file appears whole or
// not at all, and the same tensors give the same bytes.
// `empty_group` is made too; NULL for none.
clef_status clef_hdf5_write(const char *path, const struct clef_safetensors_tensor *tensors,
                            int tensor_count, const char *empty_group,
                            clef_safetensors_source source, void *user);

// Reads all datasets below a group, and hands them on as a safetensors file in memory.
// Only what Keras writes is accepted: groups and contiguous or compact float32 datasets of rank 4
// at most, by hard links. All datasets together have no more bytes than the file.
// The HDF5 library trusts the files that it reads. So it works in a child process, which may
// allocate 64 MiB and four times the file's size, and compute for a minute: a file that breaks it
// is CLEF_FORMAT.
clef_status clef_hdf5_open(const char *path, const char *group, struct clef_safetensors **file);

#endif
