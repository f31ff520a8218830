// SPDX-License-Identifier: Apache-2.0
#include "device/profile.h"
#include "core/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct clef_profile {
    struct clef_profile_row *rows;
    int count, capacity;
};

clef_status clef_profile_create(struct clef_profile **profile)
{
    *profile = calloc(1, sizeof **profile);
    return *profile ? CLEF_OK : clef_fail(CLEF_OUT_OF_MEMORY, "no memory for a profile");
}

void clef_profile_destroy(struct clef_profile *profile)
{
    if (profile)
        free(profile->rows);
    free(profile);
}

static bool is_row_of(const struct clef_profile_row *row, const struct clef_plan *plan,
                      const char *layer)
{
    return strcmp(row->op, clef_op_name(plan->op)) == 0 &&
           strcmp(row->algorithm, plan->info.algorithm) == 0 &&
           strncmp(row->layer, layer, sizeof row->layer - 1) == 0;
}

// Finds the row of a plan, or adds it.
static struct clef_profile_row *find_row(struct clef_profile *profile, const struct clef_plan *plan)
{
    const char *layer = plan->layer ? plan->layer : "";
    for (int i = 0; i < profile->count; i++)
        if (is_row_of(&profile->rows[i], plan, layer))
            return &profile->rows[i];
    if (profile->count == profile->capacity) {
        int capacity = profile->capacity ? 2 * profile->capacity : 128;
        struct clef_profile_row *rows =
            realloc(profile->rows, (size_t)capacity * sizeof *profile->rows);
        if (!rows)
            return NULL;
        profile->rows = rows;
        profile->capacity = capacity;
    }
    struct clef_profile_row *row = &profile->rows[profile->count++];
    *row =
        (struct clef_profile_row){.op = clef_op_name(plan->op), .algorithm = plan->info.algorithm};
    snprintf(row->layer, sizeof row->layer, "%s", layer);
    return row;
}

clef_status clef_profile_add(struct clef_profile *profile, const struct clef_plan *plan,
                             double seconds)
{
    struct clef_profile_row *row = find_row(profile, plan);
    if (!row)
        return clef_fail(CLEF_OUT_OF_MEMORY, "no memory for a profile of %d rows",
                         2 * profile->capacity);
    row->runs++;
    row->seconds += seconds;
    row->flops += plan->info.flops;
    row->bytes += plan->info.bytes;
    return CLEF_OK;
}

void clef_profile_get(const struct clef_profile *profile, const struct clef_profile_row **rows,
                      int *count)
{
    *rows = profile ? profile->rows : NULL;
    *count = profile ? profile->count : 0;
}
