// SPDX-License-Identifier: Apache-2.0
// Makes of `clef` a program whose device computes wrongly, for the test of `clef check`: the linker
// sends the planning functions below here. CLEF_TEST_SPOIL names the op that goes wrong.
#include "device/backend.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SPOILED(op)                                                                               \
    clef_status __real_clef_plan_##op(                                                            \
        struct clef_device *device, const struct clef_##op##_args *args,                          \
        const struct clef_tensor *scratch, struct clef_plan_info *info, struct clef_plan **plan); \
    clef_status __wrap_clef_plan_##op(                                                            \
        struct clef_device *device, const struct clef_##op##_args *args,                          \
        const struct clef_tensor *scratch, struct clef_plan_info *info, struct clef_plan **plan); \
    clef_status __wrap_clef_plan_##op(                                                            \
        struct clef_device *device, const struct clef_##op##_args *args,                          \
        const struct clef_tensor *scratch, struct clef_plan_info *info, struct clef_plan **plan)

// clang-format off
#define OTHERWISE(op)                                                   \
    if (!is_spoiled(device, #op))                                       \
        return __real_clef_plan_##op(device, args, scratch, info, plan)
// clang-format on

// With one thread it computes rightly: such is the device that training is compared with.
static bool is_spoiled(const struct clef_device *device, const char *op)
{
    const char *spoiled = getenv("CLEF_TEST_SPOIL");
    return spoiled && strcmp(spoiled, op) == 0 && clef_device_get_options(device)->threads != 1;
}

static clef_status plan_constant(struct clef_device *device, const struct clef_tensor *dst,
                                 float value, const struct clef_tensor *scratch,
                                 struct clef_plan_info *info, struct clef_plan **plan)
{
    struct clef_fill_args args = {.dst = dst, .value = value};
    return clef_plan_fill(device, &args, scratch, info, plan);
}

// Lets negative numbers through.
SPOILED(relu_forward)
{
    OTHERWISE(relu_forward);
    struct clef_copy_args copy = {.src = args->src, .dst = args->dst};
    return clef_plan_copy(device, &copy, scratch, info, plan);
}

SPOILED(batchnorm_infer)
{
    OTHERWISE(batchnorm_infer);
    return plan_constant(device, args->dst, NAN, scratch, info, plan);
}

SPOILED(batchnorm_train)
{
    OTHERWISE(batchnorm_train);
    return plan_constant(device, args->dst, NAN, scratch, info, plan);
}

SPOILED(maxpool_backward)
{
    OTHERWISE(maxpool_backward);
    return plan_constant(device, args->diff_src, 0, scratch, info, plan);
}
