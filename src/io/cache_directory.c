// SPDX-License-Identifier: Apache-2.0
#include "io/cache_directory.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

bool clef_cache_directory(const char *name, char *path, size_t size)
{
    const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    int length = -1;
    if (base && base[0] == '/') // The XDG specification: a relative path is to be ignored.
        length = snprintf(path, size, "%s/clef/%s", base, name);
    else if (home && *home)
        length = snprintf(path, size, "%s/.cache/clef/%s", home, name);
    return length > 0 && (size_t)length < size;
}

bool clef_make_directories(const char *path)
{
    char part[PATH_MAX];
    snprintf(part, sizeof part, "%s", path);
    for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(part, 0777) != 0 && errno != EEXIST)
            return false;
        *slash = '/';
    }
    return mkdir(part, 0777) == 0 || errno == EEXIST;
}
