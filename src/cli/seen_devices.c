// SPDX-License-Identifier: Apache-2.0
#include "cli/seen_devices.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINE_LENGTH = 4 * CLEF_NAME_LENGTH }; // Three texts, two tabs, and an end.

static bool find_path(char path[PATH_MAX])
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    int length;
    if (state && state[0] == '/') // The XDG specification: a relative path is to be ignored.
        length = snprintf(path, PATH_MAX, "%s/clef/devices", state);
    else if (home && home[0] == '/')
        length = snprintf(path, PATH_MAX, "%s/.local/state/clef/devices", home);
    else
        return false;
    return length < PATH_MAX;
}

// Makes the directories that lead to a file.
static bool make_directories(const char *path)
{
    char part[PATH_MAX];
    for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        snprintf(part, sizeof part, "%.*s", (int)(slash - path), path);
        if (mkdir(part, 0777) != 0 && errno != EEXIST)
            return false;
    }
    return true;
}

// One line for a device, with its end.
static void describe(const struct clef_device_info *info, char line[LINE_LENGTH])
{
    int length =
        snprintf(line, LINE_LENGTH, "%s\t%s\t%s\n", info->name, info->driver, info->version);
    for (char *c = line; c < line + length - 1; c++)
        if (*c == '\n')
            *c = ' ';
}

static bool contains_line(const char *path, const char *wanted)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    char *line = NULL;
    size_t size = 0;
    bool found = false;
    while (!found && getline(&line, &size, file) > 0)
        found = strcmp(line, wanted) == 0;
    free(line);
    fclose(file);
    return found;
}

// In one call, so that the lines of two runs never mix.
static bool append(const char *path, const char *line)
{
    int file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    if (file < 0)
        return false;
    ssize_t length = (ssize_t)strlen(line);
    bool written = write(file, line, (size_t)length) == length;
    return close(file) == 0 && written;
}

bool seen_devices_add(const struct clef_device_info *info)
{
    char path[PATH_MAX], line[LINE_LENGTH];
    if (info->platform_index < 0 || !find_path(path))
        return false;
    describe(info, line);
    return !contains_line(path, line) && make_directories(path) && append(path, line);
}
