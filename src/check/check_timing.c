// SPDX-License-Identifier: Apache-2.0
#include "check/check_timing.h"

#include "check/check_internal.h"
#include "core/error.h"

#include <stdio.h>
#include <string.h>

_Static_assert((int)CHECK_OP_COUNT <= CLEF_CHECK_OPS, "there is an entry for each op");

struct visit {
    struct clef_check_training *training;
    struct clef_run_values values;
};

static clef_status measure(void *user, const char *layer, const char *op, struct clef_plan *plan)
{
    struct visit *visit = user;
    struct clef_check_training *training = visit->training;
    double seconds;
    CLEF_TRY(clef_plan_run_timed(plan, &visit->values, &seconds));
    for (int k = 0; k < CHECK_OP_COUNT; k++)
        if (strcmp(check_cases[k]->op, op) == 0)
            training->op_seconds[k] += seconds;
    struct clef_check_plan *slowest = &training->slowest;
    if (seconds > slowest->seconds) {
        slowest->seconds = seconds;
        snprintf(slowest->layer, sizeof slowest->layer, "%s", layer);
        snprintf(slowest->op, sizeof slowest->op, "%s", op);
        snprintf(slowest->algorithm, sizeof slowest->algorithm, "%s",
                 clef_plan_get_info(plan)->algorithm);
    }
    return CLEF_OK;
}

clef_status check_time_plans(struct clef_model *model, struct clef_check_training *training)
{
    struct visit visit = {.training = training,
                          .values = {.learning_rate = 0, .step = clef_model_get_step(model) + 1}};
    return clef_model_visit_plans(model, training->batch_size, true, measure, &visit);
}
