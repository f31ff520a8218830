// SPDX-License-Identifier: Apache-2.0
// The file is made in memory, as the HDF5 library would leave half of one where a disk is full.
#include "core/error.h"
#include "io/atomic_file.h"
#include "io/hdf5.h"
#include "io/hdf5_library.h"

#include <stdlib.h>

#define GROWTH ((size_t)1 << 20) // Bytes by which the file in memory grows.

struct writer {
    const char *path;
    hid_t access, links, creation, file;
    float *values; // Room for the largest tensor.
};

static clef_status fail(const struct writer *writer, const char *what)
{
    return clef_fail(CLEF_IO, "cannot write %s: the HDF5 library cannot make %s", writer->path,
                     what);
}

static clef_status begin(struct writer *writer, const char *empty_group)
{
    writer->access = hdf5.H5Pcreate(hdf5.H5P_CLS_FILE_ACCESS_ID_g);
    writer->links = hdf5.H5Pcreate(hdf5.H5P_CLS_LINK_CREATE_ID_g);
    writer->creation = hdf5.H5Pcreate(hdf5.H5P_CLS_DATASET_CREATE_ID_g);
    if (hdf5.H5Pset_fapl_core(writer->access, GROWTH, 0) < 0 ||
        hdf5.H5Pset_create_intermediate_group(writer->links, 1) < 0 ||
        hdf5.H5Pset_obj_track_times(writer->creation, 0) < 0)
        return fail(writer, "its lists of properties");
    writer->file = hdf5.H5Fcreate(writer->path, HDF5_ACC_TRUNC, H5P_DEFAULT, writer->access);
    if (writer->file < 0)
        return fail(writer, "a file in memory");
    if (!empty_group)
        return CLEF_OK;
    hid_t group =
        hdf5.H5Gcreate2(writer->file, empty_group, writer->links, H5P_DEFAULT, H5P_DEFAULT);
    return group >= 0 && hdf5.H5Gclose(group) >= 0 ? CLEF_OK : fail(writer, empty_group);
}

static clef_status write_tensor(const struct writer *writer,
                                const struct clef_safetensors_tensor *tensor)
{
    hsize_t dims[CLEF_SAFETENSORS_MAX_RANK];
    for (int i = 0; i < tensor->rank; i++)
        dims[i] = (hsize_t)tensor->dims[i];
    hid_t space = hdf5.H5Screate_simple(tensor->rank, dims, NULL);
    hid_t dataset = hdf5.H5Dcreate2(writer->file, tensor->name, hdf5.H5T_IEEE_F32LE_g, space,
                                    writer->links, writer->creation, H5P_DEFAULT);
    herr_t written = -1;
    if (dataset >= 0)
        written = hdf5.H5Dwrite(dataset, hdf5.H5T_NATIVE_FLOAT_g, H5S_ALL, H5S_ALL, H5P_DEFAULT,
                                writer->values);
    if (dataset >= 0 && hdf5.H5Dclose(dataset) < 0)
        written = -1;
    hdf5.H5Sclose(space);
    return written >= 0 ? CLEF_OK : fail(writer, tensor->name);
}

static clef_status write_tensors(struct writer *writer,
                                 const struct clef_safetensors_tensor *tensors, int count,
                                 clef_safetensors_source source, void *user)
{
    size_t largest = 1;
    for (int i = 0; i < count; i++) {
        size_t size = 1;
        for (int k = 0; k < tensors[i].rank; k++)
            size *= (size_t)tensors[i].dims[k];
        largest = size > largest ? size : largest;
    }
    writer->values = calloc(largest, sizeof *writer->values);
    if (!writer->values)
        return clef_fail(CLEF_OUT_OF_MEMORY, "cannot write %s: out of memory", writer->path);
    for (int i = 0; i < count; i++) {
        CLEF_TRY(source(user, i, writer->values));
        CLEF_TRY(write_tensor(writer, &tensors[i]));
    }
    return CLEF_OK;
}

static clef_status save(const struct writer *writer)
{
    ssize_t size = -1;
    if (hdf5.H5Fflush(writer->file, H5F_SCOPE_LOCAL) >= 0)
        size = hdf5.H5Fget_file_image(writer->file, NULL, 0);
    if (size < 0)
        return fail(writer, "an image of the file");
    void *bytes = malloc((size_t)size);
    if (!bytes)
        return clef_fail(CLEF_OUT_OF_MEMORY, "cannot write %s: out of memory", writer->path);
    clef_status status = CLEF_OK;
    if (hdf5.H5Fget_file_image(writer->file, bytes, (size_t)size) != size)
        status = fail(writer, "an image of the file");
    else
        status = clef_atomic_file_save(writer->path, bytes, (size_t)size);
    free(bytes);
    return status;
}

static void release(struct writer *writer)
{
    if (writer->file >= 0)
        hdf5.H5Fclose(writer->file);
    hdf5.H5Pclose(writer->access);
    hdf5.H5Pclose(writer->links);
    hdf5.H5Pclose(writer->creation);
    free(writer->values);
}

clef_status clef_hdf5_write(const char *path, const struct clef_safetensors_tensor *tensors,
                            int tensor_count, const char *empty_group,
                            clef_safetensors_source source, void *user)
{
    struct writer writer = {.path = path, .file = -1};
    CLEF_TRY(clef_file_check_replaceable(path));
    CLEF_TRY(hdf5_library_open());
    CLEF_TRY(hdf5_library_start());
    clef_status status = begin(&writer, empty_group);
    if (status == CLEF_OK)
        status = write_tensors(&writer, tensors, tensor_count, source, user);
    if (status == CLEF_OK)
        status = save(&writer);
    release(&writer);
    return status;
}
