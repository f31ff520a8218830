// SPDX-License-Identifier: Apache-2.0
// A driver may abort, crash or hang while it lists its devices, and it is loaded into our process:
// all that helps is another process that tries it first. The loader takes a directory with .icd
// files, so that to choose among them is to make a directory of links.
#include "opencl/ocl_drivers.h"
#include "opencl/ocl_library.h"
#include "opencl/ocl_trial.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VENDORS "OCL_ICD_VENDORS"
#define TIMEOUT "CLEF_OPENCL_TIMEOUT"
#define SECONDS 30 // Drivers that wake several graphics processors need some.
#define MAX_SECONDS 3600

struct examination {
    void (*list)(void);
    int seconds;                // That a trial may take.
    char directory[PATH_MAX];   // Of links to .icd files, one for each driver to be known.
    char failure[OCL_FAILURE];  // Of all drivers together.
    struct ocl_drivers drivers; // All, and at the end the bad ones.
};

// ---------------------------------------------------------------- what there is

static const char *vendors(void)
{
    const char *const names[] = {getenv(VENDORS), getenv("OPENCL_VENDOR_PATH")};
    for (int i = 0; i < 2; i++)
        if (names[i] && *names[i])
            return names[i];
    return "/etc/OpenCL/vendors";
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), end_length = strlen(end);
    return length > end_length && strcmp(text + length - end_length, end) == 0;
}

// As the loader does: a directory with .icd files, else the one driver.
static void find_drivers(struct ocl_drivers *drivers)
{
    char path[PATH_MAX];
    DIR *directory = realpath(vendors(), path) ? opendir(path) : NULL;
    if (!directory) {
        snprintf(drivers->rows[0].path, sizeof drivers->rows[0].path, "%s", vendors());
        drivers->count = 1;
        return;
    }
    struct dirent *entry;
    while ((entry = readdir(directory)) && drivers->count < OCL_MAX_DRIVERS)
        if (ends_with(entry->d_name, ".icd")) {
            struct ocl_driver *driver = &drivers->rows[drivers->count++];
            snprintf(driver->path, sizeof driver->path, "%.*s/%s", PATH_MAX - NAME_MAX - 2, path,
                     entry->d_name);
        }
    closedir(directory);
}

// ---------------------------------------------------------------- trials

static bool passes(const struct examination *e, const char *path, char failure[OCL_FAILURE])
{
    const struct ocl_trial trial = {e->list, path, e->seconds};
    return ocl_trial_passes(&trial, failure, OCL_FAILURE);
}

static void link_path(const struct examination *e, int index, char path[PATH_MAX])
{
    snprintf(path, PATH_MAX, "%.*s/%d.icd", PATH_MAX - 32, e->directory, index);
}

// Without links the guilty driver cannot be told.
static clef_status fail_to_link(const struct examination *e, const char *path)
{
    return clef_fail(CLEF_DEVICE,
                     "a driver of OpenCL breaks down when it lists its devices (%s), and to find "
                     "out which needs a place for temporary files: %s: %s",
                     e->failure, path, strerror(errno));
}

static clef_status add_link(const struct examination *e, int index)
{
    char path[PATH_MAX];
    link_path(e, index, path);
    return symlink(e->drivers.rows[index].path, path) == 0 ? CLEF_OK : fail_to_link(e, path);
}

static void remove_link(const struct examination *e, int index)
{
    char path[PATH_MAX];
    link_path(e, index, path);
    unlink(path);
}

static clef_status make_directory(struct examination *e)
{
    const char *base = getenv("TMPDIR");
    snprintf(e->directory, sizeof e->directory, "%.*s/clef-XXXXXX", PATH_MAX - 32,
             base && *base ? base : "/tmp");
    return mkdtemp(e->directory) ? CLEF_OK : fail_to_link(e, e->directory);
}

static void remove_directory(const struct examination *e)
{
    for (int i = 0; i < e->drivers.count; i++)
        remove_link(e, i);
    rmdir(e->directory);
}

// Tries each driver alone, and leaves links to those that can be listed.
static clef_status try_each(struct examination *e)
{
    for (int i = 0; i < e->drivers.count; i++) {
        struct ocl_driver *driver = &e->drivers.rows[i];
        if (e->drivers.count == 1) {
            snprintf(driver->failure, sizeof driver->failure, "%s", e->failure);
            continue;
        }
        CLEF_TRY(add_link(e, i));
        passes(e, e->directory, driver->failure);
        remove_link(e, i);
    }
    for (int i = 0; i < e->drivers.count; i++)
        if (!e->drivers.rows[i].failure[0])
            CLEF_TRY(add_link(e, i));
    return CLEF_OK;
}

static int count_good(const struct ocl_drivers *drivers)
{
    int good = 0;
    for (int i = 0; i < drivers->count; i++)
        good += !drivers->rows[i].failure[0];
    return good;
}

// The loader reads the variable when it is first asked, and keeps what it has loaded then.
static void load_from(const struct examination *e)
{
    const char *value = getenv(VENDORS);
    char *saved = value ? strdup(value) : NULL;
    setenv(VENDORS, e->directory, 1);
    e->list();
    if (saved)
        setenv(VENDORS, saved, 1);
    else
        unsetenv(VENDORS);
    free(saved);
}

static clef_status sort_out(struct examination *e)
{
    char failure[OCL_FAILURE];
    if (!passes(e, e->directory, failure))
        return clef_fail(CLEF_DEVICE,
                         "the OpenCL loader breaks down without any driver (%s): reinstall "
                         "ocl-icd-libopencl1",
                         failure);
    CLEF_TRY(try_each(e));
    int good = count_good(&e->drivers);
    if (good == 0 && e->drivers.count > 0)
        return CLEF_OK;
    if (good == e->drivers.count || !passes(e, e->directory, failure))
        return clef_fail(CLEF_DEVICE,
                         "the OpenCL drivers in %s break down together (%s): let " VENDORS
                         " be the path of one",
                         vendors(), e->failure);
    load_from(e);
    return CLEF_OK;
}

static clef_status tell_apart(struct examination *e)
{
    find_drivers(&e->drivers);
    CLEF_TRY(make_directory(e));
    clef_status status = sort_out(e);
    remove_directory(e);
    struct ocl_drivers *drivers = &e->drivers;
    int bad = 0;
    for (int i = 0; i < drivers->count; i++)
        if (drivers->rows[i].failure[0])
            drivers->rows[bad++] = drivers->rows[i];
    drivers->none_left = bad == drivers->count;
    drivers->count = bad;
    return status;
}

// ---------------------------------------------------------------- once

static clef_status read_seconds(int *seconds)
{
    const char *text = getenv(TIMEOUT);
    *seconds = SECONDS;
    if (!text || !*text)
        return CLEF_OK;
    char *end;
    long value = strtol(text, &end, 10);
    if (*end || value < 1 || value > MAX_SECONDS)
        return clef_fail(CLEF_INVALID_ARGUMENT,
                         "environment variable " TIMEOUT
                         ": \"%s\" is not a number of seconds from 1 to %d",
                         text, MAX_SECONDS);
    *seconds = (int)value;
    return CLEF_OK;
}

static clef_status examine(struct examination *e)
{
    // A program that has the loader may be using drivers: a copy of them in a child would be of no
    // use, and they have come back before.
    if (ocl_library_is_loaded())
        return CLEF_OK;
    CLEF_TRY(read_seconds(&e->seconds));
    if (passes(e, NULL, e->failure))
        return CLEF_OK;
    return tell_apart(e);
}

clef_status ocl_drivers_examine(void (*list)(void), const struct ocl_drivers **drivers)
{
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    static struct examination examination;
    static bool is_done;
    static clef_status result;
    static char explanation[512];
    pthread_mutex_lock(&mutex);
    if (!is_done) {
        examination.list = list;
        result = examine(&examination);
        if (result != CLEF_OK)
            snprintf(explanation, sizeof explanation, "%s", clef_last_error());
        is_done = true;
    }
    pthread_mutex_unlock(&mutex);
    *drivers = &examination.drivers;
    return result == CLEF_OK ? CLEF_OK : clef_fail(result, "%s", explanation);
}
