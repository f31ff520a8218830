// SPDX-License-Identifier: Apache-2.0
#include "check/check.h"

#include "check/check_session_internal.h"
#include "core/error.h"

#include <stdlib.h>
#include <time.h>

// Ways to run a row. The results of the first are compared with the oracle, those of the others
// with the first one's.
struct way {
    int threads;
    bool own_scratch;
};
static const struct way ways[] = {{2, false}, {1, false}, {5, true}};
#define WAY_COUNT ARRAY_LENGTH(ways)

struct clef_check {
    struct clef_check_options options;
    // By way; where a device has no threads, the first one's serves for all that are used.
    struct clef_device *devices[WAY_COUNT];
    bool has_threads;
};

static const struct check_case *const cases[] = {
#define CHECK_CASE_ROW(op) &check_case_##op,
    CLEF_OP_LIST(CHECK_CASE_ROW)
#undef CHECK_CASE_ROW
};

clef_status clef_check_open(const char *selector, const struct clef_device_options *device,
                            const struct clef_check_options *options, struct clef_check **check)
{
    *check = calloc(1, sizeof **check);
    if (!*check)
        return clef_fail(CLEF_OUT_OF_MEMORY, "no memory for a check");
    (*check)->options = *options;
    for (int i = 0; i < WAY_COUNT; i++) {
        struct clef_device_options threads = device ? *device : (struct clef_device_options){0};
        threads.threads = ways[i].threads;
        clef_status status = clef_device_open(selector, &threads, &(*check)->devices[i]);
        if (status != CLEF_OK) {
            clef_check_close(*check);
            *check = NULL;
            return status;
        }
        (*check)->has_threads = clef_check_get_info(*check)->has_threads;
        if (!(*check)->has_threads)
            break;
    }
    return CLEF_OK;
}

void clef_check_close(struct clef_check *check)
{
    if (!check)
        return;
    for (int i = 0; i < WAY_COUNT; i++)
        clef_device_close(check->devices[i]);
    free(check);
}

const struct clef_device_info *clef_check_get_info(const struct clef_check *check)
{
    return clef_device_get_info(check->devices[0]);
}

int clef_check_op_count(void)
{
    return ARRAY_LENGTH(cases);
}

const char *clef_check_op_name(int op)
{
    return cases[op]->op;
}

// Runs a row in every way; false as soon as one fails.
static bool run_row(struct clef_check *check, const struct check_case *check_case,
                    struct session *session)
{
    for (int i = 0; i < WAY_COUNT; i++) {
        // Without threads, the second way would be the first once more.
        if (!check->has_threads && i > 0 && !ways[i].own_scratch)
            continue;
        session->threads = check->has_threads ? ways[i].threads : 0;
        session->own_scratch = ways[i].own_scratch;
        session->device = check->devices[check->has_threads ? i : 0];
        session->verify = i == 0;
        session->has_run = false;
        if (!session_run_row(session, check_case))
            return false;
    }
    return true;
}

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void clef_check_run_op(struct clef_check *check, int op, int row, struct clef_check_result *result)
{
    const struct check_case *check_case = cases[op];
    double began = seconds_now();
    *result = (struct clef_check_result){0};
    for (int i = 0; i < check_case->row_count; i++) {
        if (row != CLEF_CHECK_ALL_ROWS && row != i)
            continue;
        struct session session = {.op = check_case->op,
                                  .row = i,
                                  .seed = check->options.seed,
                                  .options = &check->options,
                                  .result = result};
        if (!run_row(check, check_case, &session))
            result->failures++;
        session_forget(&session);
        result->rows++;
    }
    result->seconds = seconds_now() - began;
}
