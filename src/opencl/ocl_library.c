// SPDX-License-Identifier: Apache-2.0
#include "opencl/ocl_library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>

#define LOADER "libOpenCL.so.1"
#define CLBLAST "libclblast.so.1"

struct ocl_api ocl_api;

struct entry {
    const char *name;
    void **address;
};

#define ENTRY(name) {#name, (void **)&ocl_api.name},
static const struct entry loader_entries[] = {OCL_FUNCTIONS(ENTRY){NULL, NULL}};
static const struct entry clblast_entries[] = {OCL_CLBLAST_FUNCTIONS(ENTRY){NULL, NULL}};
#undef ENTRY

// Opens a library for the whole process and looks its functions up the way a linked program would,
// so that a tool or a simulator which was preloaded comes first, for us and for CLBlast alike. A
// library stays open until the process ends: drivers do not survive being unloaded.
static clef_status open_library(const char *path, const char *advice, const struct entry *entries)
{
    if (!dlopen(path, RTLD_NOW | RTLD_GLOBAL)) {
        const char *reason = dlerror();
        return clef_fail(CLEF_NOT_FOUND, "cannot open %s; %s (%s)", path, advice,
                         reason ? reason : "no reason given");
    }
    for (; entries->name; entries++) {
        *entries->address = dlsym(RTLD_DEFAULT, entries->name);
        if (!*entries->address)
            return clef_fail(CLEF_UNSUPPORTED, "%s has no function %s: it is too old; %s", path,
                             entries->name, advice);
    }
    return CLEF_OK;
}

static const char *loader_path(void)
{
    const char *path = getenv("CLEF_OPENCL_LIBRARY");
    return path && *path ? path : LOADER;
}

bool ocl_library_is_loaded(void)
{
    void *loader = dlopen(loader_path(), RTLD_LAZY | RTLD_NOLOAD);
    if (loader)
        dlclose(loader);
    return loader != NULL;
}

clef_status ocl_library_open(void)
{
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    static bool is_open;
    pthread_mutex_lock(&mutex);
    clef_status status = CLEF_OK;
    if (!is_open) {
        status = open_library(
            loader_path(), "install the OpenCL loader, package ocl-icd-libopencl1", loader_entries);
        is_open = status == CLEF_OK;
    }
    pthread_mutex_unlock(&mutex);
    return status;
}

clef_status ocl_library_open_clblast(void)
{
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    static bool is_open;
    pthread_mutex_lock(&mutex);
    clef_status status = CLEF_OK;
    if (!is_open) {
        status = open_library(CLBLAST, "install CLBlast, package libclblast1", clblast_entries);
        is_open = status == CLEF_OK;
    }
    pthread_mutex_unlock(&mutex);
    return status;
}
