// SPDX-License-Identifier: Apache-2.0
#include "support/driver_cache.h"

#include "support/temp_directory.h"

#include <stdio.h>
#include <stdlib.h>

// Where PoCL would look by itself, so that what one program has compiled the next one need not.
static int keep_place(void *const *state)
{
    const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    char path[4096];
    if (base && *base)
        snprintf(path, sizeof path, "%s/pocl/kcache", base);
    else if (home && *home)
        snprintf(path, sizeof path, "%s/.cache/pocl/kcache", home);
    else
        snprintf(path, sizeof path, "%s", (const char *)*state);
    return setenv("POCL_CACHE_DIR", path, 0);
}

int driver_cache_setup(void **state)
{
    int failed = temp_directory_setup(state);
    return failed ? failed : keep_place(state);
}

int driver_cache_teardown(void **state)
{
    unsetenv("POCL_CACHE_DIR");
    return temp_directory_teardown(state);
}
