// SPDX-License-Identifier: Apache-2.0
#include "device/selector.h"
#include "core/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LIST_HINT "run \"clef devices\" for a list"

static int best_device(const struct clef_device_info *infos, int count)
{
    for (int i = 0; i < count; i++)
        if (infos[i].is_gpu && !infos[i].unusable[0])
            return i;
    for (int i = 0; i < count; i++)
        if (!infos[i].unusable[0])
            return i;
    return 0;
}

static bool is_of_backend(const struct clef_device_info *info, const char *name, size_t length)
{
    return strlen(info->backend) == length && memcmp(info->backend, name, length) == 0;
}

static bool contains_ignoring_case(const char *text, const char *part)
{
    size_t length = strlen(part);
    for (; *text; text++)
        if (strncasecmp(text, part, length) == 0)
            return true;
    return length == 0;
}

// Whether `text` is a decimal number; a larger one than INT_MAX is taken as INT_MAX, which no list
// reaches.
static bool parse_index(const char *text, int *index)
{
    if (!*text || strspn(text, "0123456789") != strlen(text))
        return false;
    long value = strtol(text, NULL, 10);
    *index = value < 0x7fffffff ? (int)value : 0x7fffffff;
    return true;
}

static clef_status match_index(const char *selector, size_t backend_length, int index,
                               const struct clef_device_info *infos, int count, int *match)
{
    int seen = 0;
    for (int i = 0; i < count; i++) {
        if (!is_of_backend(&infos[i], selector, backend_length))
            continue;
        if (seen == index) {
            *match = i;
            return CLEF_OK;
        }
        seen++;
    }
    return clef_fail(CLEF_NOT_FOUND, "no device \"%s\": %.*s has %d device%s; " LIST_HINT, selector,
                     (int)backend_length, selector, seen, seen == 1 ? "" : "s");
}

static clef_status match_name(const char *selector, size_t backend_length, const char *part,
                              const struct clef_device_info *infos, int count, int *match)
{
    int found = 0;
    char names[1024] = "";
    for (int i = 0; i < count; i++) {
        if (!is_of_backend(&infos[i], selector, backend_length) ||
            !contains_ignoring_case(infos[i].name, part))
            continue;
        if (found == 0)
            *match = i;
        size_t length = strlen(names);
        snprintf(names + length, sizeof names - length, "%s%s", found ? ", " : "", infos[i].name);
        found++;
    }
    if (found == 1)
        return CLEF_OK;
    if (found == 0)
        return clef_fail(
            CLEF_NOT_FOUND,
            "no device \"%s\": no name of a device of %.*s contains \"%s\"; " LIST_HINT, selector,
            (int)backend_length, selector, part);
    return clef_fail(CLEF_NOT_FOUND,
                     "device \"%s\" fits %d devices (%s): name one of them, or use its index",
                     selector, found, names);
}

clef_status clef_selector_match(const char *selector, const struct clef_device_info *infos,
                                int count, int *match)
{
    if (strcmp(selector, "auto") == 0) {
        *match = best_device(infos, count);
        return CLEF_OK;
    }
    size_t backend_length = strcspn(selector, ":");
    int first = 0;
    while (first < count && !is_of_backend(&infos[first], selector, backend_length))
        first++;
    if (first == count)
        return clef_fail(CLEF_NOT_FOUND,
                         "no device \"%s\": no backend of this name has a device; " LIST_HINT,
                         selector);
    if (!selector[backend_length]) {
        // The first usable one; if there is none, opening the first says why.
        *match = first;
        for (int i = count - 1; i >= first; i--)
            if (is_of_backend(&infos[i], selector, backend_length) && !infos[i].unusable[0])
                *match = i;
        return CLEF_OK;
    }
    const char *part = selector + backend_length + 1;
    if (!*part)
        return clef_fail(
            CLEF_NOT_FOUND,
            "no device \"%s\": an index or a part of a name must follow the colon; " LIST_HINT,
            selector);
    int index;
    if (parse_index(part, &index))
        return match_index(selector, backend_length, index, infos, count, match);
    return match_name(selector, backend_length, part, infos, count, match);
}
