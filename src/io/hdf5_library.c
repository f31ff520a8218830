// SPDX-License-Identifier: Apache-2.0
#include "io/hdf5_library.h"

#include "core/error.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#define TEXT_OF(name) #name
#define EXPANDED_TEXT_OF(name) TEXT_OF(name)

struct hdf5_api hdf5;

static void *library;

static clef_status look_up(void)
{
    static const struct {
        const char *name;
        void **address;
    } rows[] = {
#define ROW(name) {#name, (void **)&hdf5.name},
        HDF5_FUNCTIONS(ROW)
#undef ROW
            {EXPANDED_TEXT_OF(HDF5_ITERATE), (void **)&hdf5.iterate},
    };
    library = dlopen(CLEF_HDF5_LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        const char *reason = dlerror();
        return clef_fail(CLEF_NOT_FOUND,
                         "cannot open " CLEF_HDF5_LIBRARY
                         ": install the HDF5 library that Clef was built with (%s)",
                         reason ? reason : "no reason given");
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        *rows[i].address = dlsym(library, rows[i].name);
        if (!*rows[i].address)
            return clef_fail(CLEF_UNSUPPORTED, CLEF_HDF5_LIBRARY " has no function %s",
                             rows[i].name);
    }
    return CLEF_OK;
}

clef_status hdf5_library_open(void)
{
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    static bool is_open;
    pthread_mutex_lock(&mutex);
    clef_status status = is_open ? CLEF_OK : look_up();
    is_open = status == CLEF_OK;
    pthread_mutex_unlock(&mutex);
    return status;
}

clef_status hdf5_library_start(void)
{
    static const struct {
        const char *name;
        hid_t *number;
    } rows[] = {
#define ROW(name) {#name, &hdf5.name},
        HDF5_NUMBERS(ROW)
#undef ROW
    };
    if (hdf5.H5open() < 0)
        return clef_fail(CLEF_UNSUPPORTED, "the HDF5 library does not start");
    hdf5.H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const hid_t *number = dlsym(library, rows[i].name);
        if (!number)
            return clef_fail(CLEF_UNSUPPORTED, CLEF_HDF5_LIBRARY " has no %s", rows[i].name);
        *rows[i].number = *number;
    }
    return CLEF_OK;
}
