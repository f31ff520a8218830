// SPDX-License-Identifier: Apache-2.0
#include "support/driver_cache.h"

#include "support/temp_directory.h"

#include <stdlib.h>

int driver_cache_setup(void **state)
{
    int failed = temp_directory_setup(state);
    return failed ? failed : setenv("POCL_CACHE_DIR", *state, 1);
}

int driver_cache_teardown(void **state)
{
    unsetenv("POCL_CACHE_DIR");
    return temp_directory_teardown(state);
}
