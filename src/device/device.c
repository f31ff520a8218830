// SPDX-License-Identifier: Apache-2.0
// Open devices, and the list of all that could be opened.
#include "core/error.h"
#include "device/backend.h"
#include "device/backend_list.h"
#include "device/profile.h"
#include "device/selector.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct clef_device {
    const struct clef_backend *backend;
    const struct clef_backend_ops *ops;
    void *context;
    struct clef_device_info info;
    struct clef_device_options options;
    struct clef_profile *profile; // NULL without the option.
    char choice[512];             // Why "auto" took it.
};

#define DECLARE_BACKEND(name) extern const struct clef_backend clef_backend_##name;
CLEF_BACKEND_LIST(DECLARE_BACKEND)
#undef DECLARE_BACKEND

static const struct clef_backend *const backends[] = {
#define BACKEND_ROW(name) &clef_backend_##name,
    CLEF_BACKEND_LIST(BACKEND_ROW)
#undef BACKEND_ROW
};
#define BACKEND_COUNT (sizeof backends / sizeof backends[0])

// Where a row of the list comes from.
struct origin {
    const struct clef_backend *backend;
    int index;
};

// Whether a selector can mean a device of this backend. The others are not even asked: what is
// wrong with their drivers must not matter.
static bool may_mean(const char *selector, const struct clef_backend *backend)
{
    size_t length = strcspn(selector, ":");
    return strcmp(selector, "auto") == 0 ||
           (strlen(backend->name) == length && memcmp(backend->name, selector, length) == 0);
}

static void name_device(struct clef_device_info *info, const struct clef_backend *backend,
                        int index, int count)
{
    if (count == 1 && info->platform_index < 0)
        snprintf(info->selector, sizeof info->selector, "%s", backend->name);
    else
        snprintf(info->selector, sizeof info->selector, "%s:%d", backend->name, index);
}

// Lists the devices that `selector` can mean; `origins` may be NULL. Both arrays are released with
// free.
static clef_status list_devices(const char *selector, struct clef_device_info **infos,
                                struct origin **origins, int *count)
{
    int per_backend[BACKEND_COUNT], total = 0;
    for (size_t b = 0; b < BACKEND_COUNT; b++) {
        per_backend[b] = may_mean(selector, backends[b]) ? backends[b]->enumerate() : 0;
        total += per_backend[b];
    }
    // One more than needed, so that an empty list is no special case.
    *infos = calloc((size_t)total + 1, sizeof **infos);
    struct origin *rows = calloc((size_t)total + 1, sizeof *rows);
    if (!*infos || !rows) {
        free(*infos);
        free(rows);
        *infos = NULL;
        return clef_fail(CLEF_OUT_OF_MEMORY, "no memory for a list of %d devices", total);
    }
    int row = 0;
    for (size_t b = 0; b < BACKEND_COUNT; b++)
        for (int i = 0; i < per_backend[b]; i++, row++) {
            struct clef_device_info *info = &(*infos)[row];
            backends[b]->describe(i, info);
            if (!info->selector[0])
                name_device(info, backends[b], i, per_backend[b]);
            rows[row] = (struct origin){.backend = backends[b], .index = i};
        }
    *count = total;
    if (origins)
        *origins = rows;
    else
        free(rows);
    return CLEF_OK;
}

clef_status clef_device_list(struct clef_device_info **infos, int *count)
{
    if (!infos || !count)
        return clef_fail(CLEF_INVALID_ARGUMENT, "clef_device_list needs both of its results");
    return list_devices("auto", infos, NULL, count);
}

static clef_status open_backend(const struct origin *origin, const struct clef_device_info *info,
                                const struct clef_device_options *options,
                                struct clef_device **device)
{
    struct clef_device *opened = calloc(1, sizeof *opened);
    if (!opened)
        return clef_fail(CLEF_OUT_OF_MEMORY, "no memory to open device \"%s\"", info->selector);
    opened->backend = origin->backend;
    opened->info = *info;
    if (options)
        opened->options = *options;
    clef_status status = opened->options.profile ? clef_profile_create(&opened->profile) : CLEF_OK;
    if (status == CLEF_OK)
        // NOLINTNEXTLINE(clang-analyzer-core.NullDereference): one of the rows that were filled.
        status = origin->backend->open(origin->index, &opened->options, &opened->info,
                                       &opened->context, &opened->ops);
    if (status != CLEF_OK) {
        clef_profile_destroy(opened->profile);
        free(opened);
        return status;
    }
    *device = opened;
    return CLEF_OK;
}

clef_status clef_device_open(const char *selector, const struct clef_device_options *options,
                             struct clef_device **device)
{
    if (!device)
        return clef_fail(CLEF_INVALID_ARGUMENT, "clef_device_open has no place for the device");
    *device = NULL;
    bool from_environment = false;
    if (!selector || !*selector) {
        selector = getenv("CLEF_DEVICE");
        from_environment = selector && *selector;
        if (!from_environment)
            selector = "auto";
    }
    struct clef_device_info *infos;
    struct origin *origins;
    int count, chosen;
    CLEF_TRY(list_devices(selector, &infos, &origins, &count));
    clef_status status = clef_selector_match(selector, infos, count, &chosen);
    if (status == CLEF_OK)
        status = open_backend(&origins[chosen], &infos[chosen], options, device);
    if (status == CLEF_OK && strcmp(selector, "auto") == 0)
        clef_selector_explain(infos, count, chosen, (*device)->choice, sizeof(*device)->choice);
    if (status != CLEF_OK && from_environment)
        clef_fail_in(status, "environment variable CLEF_DEVICE");
    free(infos);
    free(origins);
    return status;
}

void clef_device_close(struct clef_device *device)
{
    if (!device)
        return;
    device->backend->synchronize(device->context);
    device->backend->close(device->context);
    clef_profile_destroy(device->profile);
    free(device);
}

const struct clef_device_info *clef_device_get_info(const struct clef_device *device)
{
    return &device->info;
}

const char *clef_device_get_choice(const struct clef_device *device)
{
    return device->choice;
}

const char *const *clef_device_get_alternatives(const struct clef_device *device)
{
    return device->backend->alternatives(device->context);
}

clef_status clef_device_prefer(struct clef_device *device, const char *alternative)
{
    const char *const *known = clef_device_get_alternatives(device);
    while (alternative && *known && strcmp(*known, alternative) != 0)
        known++;
    if (alternative && !*known)
        return clef_fail(CLEF_NOT_FOUND, "device \"%s\" has no alternative \"%s\"",
                         device->info.selector, alternative);
    device->backend->prefer(device->context, alternative ? *known : NULL);
    return CLEF_OK;
}

clef_status clef_device_tune(struct clef_device *device, struct clef_plan *const *plans,
                             int plan_count, const struct clef_tune_options *options,
                             struct clef_tune_report *report)
{
    *report = (struct clef_tune_report){.rows = NULL};
    for (int i = 0; i < plan_count; i++)
        if (plans[i]->device != device)
            return clef_fail(CLEF_INVALID_ARGUMENT,
                             "a plan of another device cannot be tuned for on \"%s\"",
                             device->info.selector);
    clef_status status = device->backend->tune(device->context, plans, plan_count, options, report);
    if (status != CLEF_OK)
        clef_tune_report_free(report);
    return status;
}

void clef_tune_report_free(struct clef_tune_report *report)
{
    free(report->rows);
    *report = (struct clef_tune_report){.rows = NULL};
}

const struct clef_device_options *clef_device_get_options(const struct clef_device *device)
{
    return &device->options;
}

clef_status clef_device_profile_add(struct clef_device *device, const struct clef_plan *plan,
                                    double seconds)
{
    return clef_profile_add(device->profile, plan, seconds);
}

void clef_device_get_profile(const struct clef_device *device, const struct clef_profile_row **rows,
                             int *count)
{
    clef_profile_get(device->profile, rows, count);
}

clef_status clef_device_synchronize(struct clef_device *device)
{
    return device->backend->synchronize(device->context);
}

clef_status clef_device_measure_peak(struct clef_device *device, struct clef_device_peak *peak)
{
    CLEF_TRY(device->backend->synchronize(device->context));
    return device->backend->measure_peak(device->context, peak);
}

void *clef_device_context(const struct clef_device *device)
{
    return device->context;
}

const struct clef_backend_ops *clef_device_ops(const struct clef_device *device)
{
    return device->ops;
}

const struct clef_backend *clef_device_backend(const struct clef_device *device)
{
    return device->backend;
}
