// SPDX-License-Identifier: Apache-2.0
// The HDF5 library, opened when it is first needed: it brings dozens of others with it, which would
// make each start of a program slower.
#ifndef CLEF_IO_HDF5_LIBRARY_H
#define CLEF_IO_HDF5_LIBRARY_H

#include "clef/status.h"

#include <hdf5.h>

#define HDF5_FUNCTIONS(X)               \
    X(H5Dclose)                         \
    X(H5Dcreate2)                       \
    X(H5Dget_create_plist)              \
    X(H5Dget_space)                     \
    X(H5Dget_type)                      \
    X(H5Dread)                          \
    X(H5Dwrite)                         \
    X(H5Eset_auto2)                     \
    X(H5Fclose)                         \
    X(H5Fcreate)                        \
    X(H5Fflush)                         \
    X(H5Fget_file_image)                \
    X(H5Fopen)                          \
    X(H5Gclose)                         \
    X(H5Gcreate2)                       \
    X(H5Gopen2)                         \
    X(H5Iget_type)                      \
    X(H5Oclose)                         \
    X(H5Oopen)                          \
    X(H5Pclose)                         \
    X(H5Pcreate)                        \
    X(H5Pget_external_count)            \
    X(H5Pget_layout)                    \
    X(H5Pset_create_intermediate_group) \
    X(H5Pset_fapl_core)                 \
    X(H5Pset_obj_track_times)           \
    X(H5Sclose)                         \
    X(H5Screate_simple)                 \
    X(H5Sget_simple_extent_dims)        \
    X(H5Sget_simple_extent_ndims)       \
    X(H5Tclose)                         \
    X(H5Tget_class)                     \
    X(H5Tget_size)                      \
    X(H5open)

// Functions whose name tells the version of their interface, from the header's macro of that name.
#define HDF5_ITERATE H5Literate

// Numbers of classes and types, known once the library is open.
#define HDF5_NUMBERS(X)            \
    X(H5P_CLS_DATASET_CREATE_ID_g) \
    X(H5P_CLS_FILE_ACCESS_ID_g)    \
    X(H5P_CLS_LINK_CREATE_ID_g)    \
    X(H5T_IEEE_F32LE_g)            \
    X(H5T_NATIVE_FLOAT_g)

// H5F_ACC_RDONLY and H5F_ACC_TRUNC, whose macros in the header call functions of the library.
#define HDF5_ACC_RDONLY 0u
#define HDF5_ACC_TRUNC 2u

// Under their own names: `hdf5.H5Fclose(file)`.
struct hdf5_api {
#define HDF5_MEMBER(name) __typeof__(name) *name;
    HDF5_FUNCTIONS(HDF5_MEMBER)
#undef HDF5_MEMBER
    __typeof__(HDF5_ITERATE) *iterate;
#define HDF5_MEMBER(name) hid_t name;
    HDF5_NUMBERS(HDF5_MEMBER)
#undef HDF5_MEMBER
};
extern struct hdf5_api hdf5;

// Loads the library. CLEF_NOT_FOUND says what to install. Any thread may call it.
clef_status hdf5_library_open(void);

// Initialises it, keeps it from printing, and fills in the numbers.
clef_status hdf5_library_start(void);

#endif
