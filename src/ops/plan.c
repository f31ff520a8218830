// SPDX-License-Identifier: Apache-2.0
// Planning and running ops: what is the same for every op and every backend.
#include "core/error.h"
#include "device/backend.h"
#include "ops/validate.h"

const char *clef_op_name(enum clef_op op)
{
    static const char *const names[] = {
#define OP_NAME(op) #op,
        CLEF_OP_LIST(OP_NAME)
#undef OP_NAME
    };
    return op >= 0 && op < CLEF_OP_COUNT ? names[op] : "unknown";
}

// Pairs of an output and an input that ops.h allows to be in place, ended by NULL.
static const char *const *in_place_pairs(enum clef_op op)
{
    static const char *const none[] = {NULL};
    static const char *const conv2d_backward_data[] = {"diff_src:addend", NULL};
    static const char *const batchnorm_infer[] = {"dst:src", NULL};
    static const char *const batchnorm_backward[] = {"diff_src:diff_dst", "diff_residual:diff_dst",
                                                     NULL};
    static const char *const relu_forward[] = {"dst:src", NULL};
    static const char *const relu_backward[] = {"diff_src:diff_dst", NULL};
    static const char *const add[] = {"dst:a", "dst:b", NULL};
    switch (op) {
    case CLEF_OP_conv2d_backward_data:
        return conv2d_backward_data;
    case CLEF_OP_batchnorm_infer:
        return batchnorm_infer;
    case CLEF_OP_batchnorm_backward:
        return batchnorm_backward;
    case CLEF_OP_relu_forward:
        return relu_forward;
    case CLEF_OP_relu_backward:
        return relu_backward;
    case CLEF_OP_add:
        return add;
    default:
        return none;
    }
}

static clef_status begin_check(struct clef_validation *check, enum clef_op op,
                               struct clef_device *device, const void *args,
                               struct clef_plan **plan)
{
    if (plan)
        *plan = NULL;
    if (!device || !args)
        return clef_fail(CLEF_INVALID_ARGUMENT, "%s: a plan needs a device and arguments",
                         clef_op_name(op));
    *check = (struct clef_validation){.op = op,
                                      .device = device,
                                      .filter_panel = clef_device_get_info(device)->filter_panel,
                                      .bound = plan != NULL};
    return CLEF_OK;
}

// Sees to it that there is scratch of `floats`: the caller's, or a buffer of the plan's own.
static clef_status find_scratch(struct clef_validation *check, struct clef_device *device,
                                const struct clef_tensor **scratch, size_t floats,
                                struct clef_tensor *own)
{
    if (floats == 0) {
        *scratch = NULL;
        return CLEF_OK;
    }
    if (*scratch) {
        CLEF_TRY(clef_check_output(check, "scratch", *scratch));
        if (clef_tensor_rows(*scratch) != 1 || (size_t)(*scratch)->c < floats)
            return clef_invalid(check,
                                "scratch is [%d, %d, %d, %d]: it must be a vector of at least %zu",
                                (*scratch)->n, (*scratch)->h, (*scratch)->w, (*scratch)->c, floats);
        return clef_require_disjoint(check, in_place_pairs(check->op));
    }
    size_t bytes;
    if (__builtin_mul_overflow(floats, sizeof(float), &bytes))
        return clef_fail(CLEF_OUT_OF_MEMORY, "%s: scratch of %zu floats is larger than any memory",
                         clef_op_name(check->op), floats);
    struct clef_buffer *buffer;
    CLEF_TRY(clef_buffer_create(device, bytes, &buffer));
    *own = clef_tensor_vector(buffer, 0, floats);
    *scratch = own;
    return CLEF_OK;
}

// Completes a plan that the backend has made.
static void finish_plan(struct clef_plan *plan, const struct clef_validation *check,
                        struct clef_device *device, const struct clef_plan_info *info,
                        struct clef_buffer *own_scratch)
{
    plan->device = device;
    plan->op = check->op;
    plan->takes_step = check->takes_step;
    plan->info = *info;
    plan->own_scratch = own_scratch;
}

#define DEFINE_PLAN(op_)                                                                          \
    clef_status clef_plan_##op_(struct clef_device *device, const struct clef_##op_##_args *args, \
                                const struct clef_tensor *scratch, struct clef_plan_info *info,   \
                                struct clef_plan **plan)                                          \
    {                                                                                             \
        struct clef_validation check;                                                             \
        CLEF_TRY(begin_check(&check, CLEF_OP_##op_, device, args, plan));                         \
        CLEF_TRY(clef_validate_##op_(&check, args));                                              \
        CLEF_TRY(clef_require_disjoint(&check, in_place_pairs(CLEF_OP_##op_)));                   \
        void *context = clef_device_context(device);                                              \
        const struct clef_backend_ops *ops = clef_device_ops(device);                             \
        struct clef_plan_info needs = {0};                                                        \
        CLEF_TRY(ops->op_(context, args, NULL, &needs, NULL));                                    \
        if (info)                                                                                 \
            *info = needs;                                                                        \
        if (!plan)                                                                                \
            return CLEF_OK;                                                                       \
        struct clef_tensor own = {0};                                                             \
        CLEF_TRY(find_scratch(&check, device, &scratch, needs.scratch_floats, &own));             \
        clef_status status = ops->op_(context, args, scratch, &needs, plan);                      \
        if (status != CLEF_OK) {                                                                  \
            *plan = NULL;                                                                         \
            clef_buffer_destroy(own.buffer);                                                      \
            return status;                                                                        \
        }                                                                                         \
        finish_plan(*plan, &check, device, &needs, own.buffer);                                   \
        return CLEF_OK;                                                                           \
    }
CLEF_OP_LIST(DEFINE_PLAN)
#undef DEFINE_PLAN

static clef_status check_run(const struct clef_plan *plan, const struct clef_run_values *values)
{
    if (!plan)
        return clef_fail(CLEF_INVALID_ARGUMENT, "there is no plan to run");
    if (plan->takes_step && (!values || values->step == 0))
        return clef_fail(CLEF_INVALID_ARGUMENT,
                         "%s: a run needs a learning rate and the number of the step, from 1",
                         clef_op_name(plan->op));
    return CLEF_OK;
}

// Says which op and layer a failure belongs to.
static clef_status name_failure(const struct clef_plan *plan, clef_status status)
{
    const char *layer = plan->layer ? plan->layer : "";
    return clef_fail_in(status, "%s%s%s", layer, *layer ? ", " : "", clef_op_name(plan->op));
}

// Runs a plan and waits for it, as the options of the device ask for.
static clef_status run_and_wait(struct clef_plan *plan, const struct clef_run_values *values,
                                bool profile)
{
    double seconds;
    const struct clef_backend *backend = clef_device_backend(plan->device);
    void *context = clef_device_context(plan->device);
    if (profile) {
        CLEF_TRY(backend->run_timed(context, plan, values, &seconds));
        return clef_device_profile_add(plan->device, plan, seconds);
    }
    CLEF_TRY(plan->run(plan, values));
    return backend->synchronize(context);
}

clef_status clef_plan_run(struct clef_plan *plan, const struct clef_run_values *values)
{
    CLEF_TRY(check_run(plan, values));
    const struct clef_device_options *options = clef_device_get_options(plan->device);
    clef_status status = options->sync || options->profile
                             ? run_and_wait(plan, values, options->profile)
                             : plan->run(plan, values);
    return status == CLEF_OK ? CLEF_OK : name_failure(plan, status);
}

clef_status clef_plan_run_timed(struct clef_plan *plan, const struct clef_run_values *values,
                                double *seconds)
{
    CLEF_TRY(check_run(plan, values));
    return clef_device_backend(plan->device)
        ->run_timed(clef_device_context(plan->device), plan, values, seconds);
}

void clef_plan_set_layer(struct clef_plan *plan, const char *layer)
{
    plan->layer = layer;
}

const struct clef_plan_info *clef_plan_get_info(const struct clef_plan *plan)
{
    return &plan->info;
}

void clef_plan_destroy(struct clef_plan *plan)
{
    if (!plan)
        return;
    struct clef_buffer *own_scratch = plan->own_scratch;
    plan->destroy(plan);
    clef_buffer_destroy(own_scratch);
}
