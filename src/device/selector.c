// SPDX-License-Identifier: Apache-2.0
#include "device/selector.h"
#include "core/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LIST_HINT "run \"clef devices\" for a list"

static bool is_of_backend(const struct clef_device_info *info, const char *name, size_t length)
{
    return strlen(info->backend) == length && memcmp(info->backend, name, length) == 0;
}

// Whether a device should be taken before another: what can be used, then a graphics processor, one
// with a memory of its own, the one with the most memory. Of processors, the backend "cpu" comes
// first: on none has OpenCL been measured to be faster.
static bool is_better(const struct clef_device_info *a, const struct clef_device_info *b)
{
    bool a_usable = !a->unusable[0], b_usable = !b->unusable[0];
    if (a_usable != b_usable)
        return a_usable;
    if (a->is_gpu != b->is_gpu)
        return a->is_gpu;
    if (!a->is_gpu)
        return strcmp(a->backend, "cpu") == 0 && strcmp(b->backend, "cpu") != 0;
    if (a->shares_host_memory != b->shares_host_memory)
        return b->shares_host_memory;
    return a->memory_bytes > b->memory_bytes;
}

// The best device of a backend, or of all for ""; the first of several that are equal. -1 if there
// is none.
static int best_device(const char *backend, size_t length, const struct clef_device_info *infos,
                       int count)
{
    int best = -1;
    for (int i = 0; i < count; i++)
        if (!infos[i].is_variant && (length == 0 || is_of_backend(&infos[i], backend, length)) &&
            (best < 0 || is_better(&infos[i], &infos[best])))
            best = i;
    return best;
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
        if (infos[i].is_variant || !is_of_backend(&infos[i], selector, backend_length))
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

// "PLATFORM:DEVICE", each a number.
static bool parse_place(const char *text, int *platform, int *device)
{
    char first[16];
    const char *colon = strchr(text, ':');
    if (!colon || (size_t)(colon - text) >= sizeof first)
        return false;
    snprintf(first, sizeof first, "%.*s", (int)(colon - text), text);
    return parse_index(first, platform) && parse_index(colon + 1, device);
}

static clef_status match_place(const char *selector, size_t backend_length, int platform,
                               int device, const struct clef_device_info *infos, int count,
                               int *match)
{
    for (int i = 0; i < count; i++)
        if (is_of_backend(&infos[i], selector, backend_length) &&
            infos[i].platform_index == platform && infos[i].platform_device == device) {
            *match = i;
            return CLEF_OK;
        }
    return clef_fail(CLEF_NOT_FOUND,
                     "no device \"%s\": %.*s has no device %d of a platform %d; " LIST_HINT,
                     selector, (int)backend_length, selector, device, platform);
}

static clef_status match_name(const char *selector, size_t backend_length, const char *part,
                              const struct clef_device_info *infos, int count, int *match)
{
    int found = 0;
    char names[1024] = "";
    for (int i = 0; i < count; i++) {
        if (infos[i].is_variant || !is_of_backend(&infos[i], selector, backend_length) ||
            !contains_ignoring_case(infos[i].name, part))
            continue;
        if (found == 0)
            *match = i;
        size_t length = strlen(names);
        snprintf(names + length, sizeof names - length, "%s%s (%s)", found ? ", " : "",
                 infos[i].selector, infos[i].name);
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
                     "device \"%s\" fits %d devices: %s; use the number of one of them", selector,
                     found, names);
}

clef_status clef_selector_match(const char *selector, const struct clef_device_info *infos,
                                int count, int *match)
{
    if (strcmp(selector, "auto") == 0 && count > 0) {
        *match = best_device("", 0, infos, count);
        return CLEF_OK;
    }
    for (int i = 0; i < count; i++)
        if (strcmp(infos[i].selector, selector) == 0) {
            *match = i;
            return CLEF_OK;
        }
    size_t backend_length = strcspn(selector, ":");
    // If none can be used, opening the first says why.
    int best = backend_length ? best_device(selector, backend_length, infos, count) : -1;
    if (best < 0)
        return clef_fail(CLEF_NOT_FOUND,
                         "no device \"%s\": this build has no backend of this name; " LIST_HINT,
                         selector);
    if (!selector[backend_length]) {
        *match = best;
        return CLEF_OK;
    }
    const char *part = selector + backend_length + 1;
    if (!*part)
        return clef_fail(
            CLEF_NOT_FOUND,
            "no device \"%s\": an index or a part of a name must follow the colon; " LIST_HINT,
            selector);
    int index, platform;
    if (parse_place(part, &platform, &index))
        return match_place(selector, backend_length, platform, index, infos, count, match);
    if (parse_index(part, &index))
        return match_index(selector, backend_length, index, infos, count, match);
    return match_name(selector, backend_length, part, infos, count, match);
}

void clef_selector_explain(const struct clef_device_info *infos, int count, int chosen, char *text,
                           size_t size)
{
    const struct clef_device_info *info = &infos[chosen];
    if (info->is_gpu) {
        snprintf(text, size, "auto took %s, the best graphics processor", info->selector);
        return;
    }
    for (int i = 0; i < count; i++)
        if (infos[i].unusable[0] && !infos[i].is_variant && i != chosen) {
            snprintf(text, size, "auto took %s, since %s cannot be used: %s", info->selector,
                     infos[i].selector, infos[i].unusable);
            return;
        }
    snprintf(text, size, "auto took %s, since no graphics processor is there", info->selector);
}
