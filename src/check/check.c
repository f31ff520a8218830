// SPDX-License-Identifier: Apache-2.0
#include "check/check.h"

#include "check/check_internal.h"
#include "check/check_session_internal.h"
#include "core/clock.h"
#include "core/error.h"

#include <stdlib.h>

// Ways to run a row. The results of the first are compared with the oracle, those of the others
// with the first one's.
struct way {
    int threads;
    bool own_scratch;
};
static const struct way ways[CHECK_WAYS] = {{2, false}, {1, false}, {5, true}};

const struct check_case *const check_cases[CHECK_OP_COUNT] = {
#define CHECK_CASE_ROW(op) [CHECK_OP_##op] = &check_case_##op,
    CLEF_OP_LIST(CHECK_CASE_ROW)
#undef CHECK_CASE_ROW
};

static clef_status open_devices(struct clef_check *check, const char *selector,
                                const struct clef_device_options *options)
{
    CLEF_TRY(clef_device_open(selector, options, &check->device));
    const struct clef_device_info *info = clef_device_get_info(check->device);
    for (int i = 0; info->has_threads && i < CHECK_WAYS; i++) {
        struct clef_device_options threads = options ? *options : (struct clef_device_options){0};
        threads.threads = ways[i].threads;
        CLEF_TRY(clef_device_open(info->selector, &threads, &check->devices[i]));
    }
    return CLEF_OK;
}

clef_status clef_check_open(const char *selector, const struct clef_device_options *device,
                            const struct clef_check_options *options, struct clef_check **check)
{
    *check = calloc(1, sizeof **check);
    if (!*check)
        return clef_fail(CLEF_OUT_OF_MEMORY, "no memory for a check");
    (*check)->options = *options;
    clef_status status = open_devices(*check, selector, device);
    if (status != CLEF_OK) {
        clef_check_close(*check);
        *check = NULL;
    }
    return status;
}

void clef_check_close(struct clef_check *check)
{
    if (!check)
        return;
    for (int op = 0; op < CHECK_OP_COUNT; op++)
        free(check->network[op].rows);
    for (int i = 0; i < CHECK_WAYS; i++)
        clef_device_close(check->devices[i]);
    clef_device_close(check->device);
    free(check);
}

struct clef_device *clef_check_get_device(const struct clef_check *check)
{
    return check->device;
}

int clef_check_op_count(void)
{
    return CHECK_OP_COUNT;
}

const char *clef_check_op_name(int op)
{
    return check_cases[op]->op;
}

// Runs a row in every way with one algorithm; false as soon as one fails.
static bool run_ways(struct clef_check *check, struct session *session)
{
    bool has_threads = check->devices[0] != NULL;
    for (int i = 0; i < CHECK_WAYS; i++) {
        // Without threads, the second way would be the first once more.
        if (!has_threads && i > 0 && !ways[i].own_scratch)
            continue;
        session->threads = has_threads ? ways[i].threads : 0;
        session->own_scratch = ways[i].own_scratch;
        session->device = has_threads ? check->devices[i] : check->device;
        session->verify = i == 0;
        clef_status status = clef_device_prefer(session->device, session->alternative);
        bool passed = status == CLEF_OK && session_run_row(session);
        clef_device_prefer(session->device, NULL);
        if (!passed || session->repeats || session->too_large || check->options.brief > 0)
            return passed;
    }
    return true;
}

// Runs a row with the device's own choice, then with each alternative that it has.
static void run_row(struct clef_check *check, struct session *session)
{
    const char *const *alternative = clef_device_get_alternatives(check->device);
    struct clef_check_result *result = session->result;
    int plans = 0;
    session->alternative = NULL;
    do {
        bool passed = run_ways(check, session);
        session_forget_bits(session);
        bool ran = !session->repeats && !session->too_large;
        result->plans += ran;
        plans += ran;
        result->failures += !passed;
        session->alternative = check->options.no_alternatives ? NULL : *alternative++;
    } while (session->alternative);
    session_forget_expected(session);
    result->rows += plans > 0;
}

void clef_check_run_op(struct clef_check *check, int op, int row, struct clef_check_result *result)
{
    const struct check_case *check_case = check_cases[op];
    const struct check_rows *network = &check->network[op];
    double began = clef_seconds();
    *result = (struct clef_check_result){0};
    for (int i = 0; i < check_case->row_count + network->count; i++) {
        if (row != CLEF_CHECK_ALL_ROWS && row != i)
            continue;
        bool in_table = i < check_case->row_count;
        size_t at = (size_t)(in_table ? i : i - check_case->row_count) * check_case->row_bytes;
        const unsigned char *rows = in_table ? check_case->rows : network->rows;
        struct session session = {.check_case = check_case,
                                  .row = i,
                                  .row_data = rows + at,
                                  .guard = in_table ? GUARD_ODD : GUARD_ALIGNED,
                                  .seed = check->options.seed,
                                  .options = &check->options,
                                  .result = result};
        run_row(check, &session);
    }
    result->seconds = clef_seconds() - began;
}
