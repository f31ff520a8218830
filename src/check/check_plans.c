// SPDX-License-Identifier: Apache-2.0
#include "check/check_session.h"

#define CHECK_PLAN_DEFINITION(op)                                                               \
    clef_status check_plan_##op(struct clef_device *device, const void *args,                   \
                                const struct clef_tensor *scratch, struct clef_plan_info *info, \
                                struct clef_plan **plan)                                        \
    {                                                                                           \
        return clef_plan_##op(device, args, scratch, info, plan);                               \
    }
CLEF_OP_LIST(CHECK_PLAN_DEFINITION)
