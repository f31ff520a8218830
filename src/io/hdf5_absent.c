// SPDX-License-Identifier: Apache-2.0
// In place of hdf5_read.c and hdf5_write.c in a build without the HDF5 library.
#include "core/error.h"
#include "io/hdf5.h"

static clef_status fail(const char *verb, const char *path)
{
    return clef_fail(CLEF_UNSUPPORTED,
                     "cannot %s %s: this Clef was built without HDF5; configure with "
                     "-DCLEF_HDF5=ON, or use safetensors",
                     verb, path);
}

clef_status clef_hdf5_write(const char *path, const struct clef_safetensors_tensor *tensors,
                            int tensor_count, const char *empty_group,
                            clef_safetensors_source source, void *user)
{
    (void)tensors, (void)tensor_count, (void)empty_group, (void)source, (void)user;
    return fail("write", path);
}

clef_status clef_hdf5_open(const char *path, const char *group, struct clef_safetensors **file)
{
    (void)group, (void)file;
    return fail("read", path);
}
