// SPDX-License-Identifier: Apache-2.0
#include "model/bind.h"

#include "core/error.h"

// Keras's defaults.
#define ADAM_BETA1 0.9f
#define ADAM_BETA2 0.999f
#define ADAM_EPSILON 1e-7f
#define PIXEL_MAXIMUM 255.0f

// The tensors that a step can name. `has` tells which roles it has.
struct step_tensors {
    struct clef_tensor role[CLEF_ROLE_COUNT];
    bool has[CLEF_ROLE_COUNT];
    struct clef_tensor parameter[4], gradient[2]; // By CLEF_SLOT_..., of the step's layer.
    bool has_bias, has_bias_gradient;
    bool has_weights_gradient; // Else the weights are updated without it.
    struct clef_tensor first_moment, second_moment, fault;
    struct clef_weights_update update;
    struct clef_tensor scratch;
};

static struct clef_tensor value_tensor(const struct clef_binding *binding, int index)
{
    const struct clef_value *value = &binding->schedule->values[index];
    struct clef_buffer *arena = binding->workspace->arena;
    if (value->is_vector)
        return clef_tensor_vector(arena, value->offset, value->floats);
    return (value->is_position_major ? clef_tensor_hwnc : clef_tensor_nhwc)(
        arena, value->offset, binding->schedule->batch_size, value->height, value->width,
        value->channels);
}

// What the update of a layer's weights needs.
static void collect_update(const struct clef_binding *binding,
                           const struct clef_parameter_place *place, struct step_tensors *tensors)
{
    const struct clef_parameters *parameters = binding->parameters;
    tensors->first_moment =
        clef_tensor_vector(parameters->first_moments, place->offset, place->floats);
    tensors->second_moment =
        clef_tensor_vector(parameters->second_moments, place->offset, place->floats);
    tensors->fault = clef_tensor_vector(binding->workspace->fault, 0, 1);
    tensors->update = (struct clef_weights_update){.weights = &tensors->parameter[CLEF_SLOT_WEIGHT],
                                                   .m = &tensors->first_moment,
                                                   .v = &tensors->second_moment,
                                                   .fault = &tensors->fault,
                                                   .beta1 = ADAM_BETA1,
                                                   .beta2 = ADAM_BETA2,
                                                   .epsilon = ADAM_EPSILON};
}

static void collect(const struct clef_binding *binding, const struct clef_step *step,
                    struct step_tensors *tensors)
{
    *tensors = (struct step_tensors){.has_bias_gradient = false};
    for (int role = 0; role < CLEF_ROLE_COUNT; role++) {
        tensors->has[role] = step->value[role] != CLEF_NO_VALUE;
        if (tensors->has[role])
            tensors->role[role] = value_tensor(binding, step->value[role]);
    }
    const struct clef_parameters *parameters = binding->parameters;
    size_t skipped = clef_parameters_without_gradient(parameters);
    const struct clef_node *node =
        step->node == CLEF_NO_NODE ? NULL : &binding->graph->nodes[step->node];
    for (int i = 0; node && i < node->parameter_count; i++) {
        int index = node->first_parameter + i;
        const struct clef_parameter_place *place = &parameters->places[index];
        tensors->parameter[i] =
            clef_tensor_vector(parameters->values, place->offset, place->floats);
        if (clef_parameter_is_trainable(binding->graph->parameters[index].kind) &&
            place->offset >= skipped) {
            tensors->gradient[i] =
                clef_tensor_vector(parameters->gradients, place->offset - skipped, place->floats);
            tensors->has_weights_gradient = tensors->has_weights_gradient || i == CLEF_SLOT_WEIGHT;
        }
        if (i == CLEF_SLOT_WEIGHT)
            collect_update(binding, place, tensors);
        if (i != CLEF_SLOT_BIAS)
            continue;
        tensors->has_bias = true;
        tensors->has_bias_gradient = !binding->graph->parameters[index].zero_gradient;
    }
    struct clef_buffer *scratch = binding->workspace->scratch;
    if (scratch)
        tensors->scratch =
            clef_tensor_vector(scratch, 0, clef_buffer_size(scratch) / sizeof(float));
}

static const struct clef_tensor *optional(const struct step_tensors *tensors, enum clef_role role)
{
    return tensors->has[role] ? &tensors->role[role] : NULL;
}

// What every binding function below gets.
struct bind_call {
    const struct clef_binding *binding;
    const struct clef_step *step;
    const struct clef_node *node; // NULL for a step without a layer.
    const struct step_tensors *tensors;
    const struct clef_tensor *scratch; // NULL if there is none.
    struct clef_plan_info *info;
    struct clef_plan **plan;
};

#define ROLE(name) (&call->tensors->role[CLEF_ROLE_##name])
#define OPTIONAL(name) optional(call->tensors, CLEF_ROLE_##name)
#define PARAMETER(name) (&call->tensors->parameter[CLEF_SLOT_##name])
#define GRADIENT(name) (&call->tensors->gradient[CLEF_SLOT_##name])
#define PLAN(op, args)                                                                             \
    (call->binding->visit ? call->binding->visit(call->binding->user, layer_name(call), #op, args) \
                          : clef_plan_##op(call->binding->parameters->device, args, call->scratch, \
                                           call->info, call->plan))

static const char *layer_name(const struct bind_call *call)
{
    return clef_step_layer_name(call->binding->graph, call->step);
}

// ---------------------------------------------------------------- forward

static clef_status bind_cast(const struct bind_call *call)
{
    const struct clef_tensor *dst = ROLE(DST);
    struct clef_tensor src = clef_tensor_nhwc(call->binding->workspace->images[call->binding->slot],
                                              0, dst->n, dst->h, dst->w, dst->c);
    struct clef_cast_args args = {.src = &src, .dst = dst, .divisor = PIXEL_MAXIMUM};
    return PLAN(cast, &args);
}

static clef_status bind_conv2d_forward(const struct bind_call *call)
{
    struct clef_conv2d_forward_args args = {.src = ROLE(SRC),
                                            .weights = PARAMETER(WEIGHT),
                                            .bias =
                                                call->tensors->has_bias ? PARAMETER(BIAS) : NULL,
                                            .dst = ROLE(DST),
                                            .window = call->node->window,
                                            .relu = call->step->relu};
    return PLAN(conv2d_forward, &args);
}

static clef_status bind_dense_forward(const struct bind_call *call)
{
    struct clef_dense_forward_args args = {.src = ROLE(SRC),
                                           .weights = PARAMETER(WEIGHT),
                                           .bias = PARAMETER(BIAS),
                                           .dst = ROLE(DST),
                                           .relu = call->step->relu};
    return PLAN(dense_forward, &args);
}

static clef_status bind_batchnorm_train(const struct bind_call *call)
{
    struct clef_batchnorm_train_args args = {.src = ROLE(SRC),
                                             .gamma = PARAMETER(WEIGHT),
                                             .beta = PARAMETER(BIAS),
                                             .residual = OPTIONAL(EXTRA),
                                             .dst = ROLE(DST),
                                             .moving_mean = PARAMETER(MEAN),
                                             .moving_variance = PARAMETER(VARIANCE),
                                             .saved_mean = ROLE(SAVED_MEAN),
                                             .saved_inv_std = ROLE(SAVED_INV_STD),
                                             .momentum = (float)call->node->batchnorm.momentum,
                                             .epsilon = (float)call->node->batchnorm.epsilon,
                                             .unbiased = call->node->batchnorm.unbiased_variance,
                                             .relu = call->step->relu};
    return PLAN(batchnorm_train, &args);
}

static clef_status bind_batchnorm_infer(const struct bind_call *call)
{
    struct clef_batchnorm_infer_args args = {.src = ROLE(SRC),
                                             .gamma = PARAMETER(WEIGHT),
                                             .beta = PARAMETER(BIAS),
                                             .residual = OPTIONAL(EXTRA),
                                             .dst = ROLE(DST),
                                             .moving_mean = PARAMETER(MEAN),
                                             .moving_variance = PARAMETER(VARIANCE),
                                             .epsilon = (float)call->node->batchnorm.epsilon,
                                             .relu = call->step->relu};
    return PLAN(batchnorm_infer, &args);
}

static clef_status bind_maxpool_forward(const struct bind_call *call)
{
    struct clef_maxpool_forward_args args = {.src = ROLE(SRC),
                                             .dst = ROLE(DST),
                                             .argmax = OPTIONAL(ARGMAX),
                                             .window = call->node->window};
    return PLAN(maxpool_forward, &args);
}

static clef_status bind_avgpool_forward(const struct bind_call *call)
{
    struct clef_avgpool_forward_args args = {
        .src = ROLE(SRC), .dst = ROLE(DST), .window = call->node->window};
    return PLAN(avgpool_forward, &args);
}

static clef_status bind_relu_forward(const struct bind_call *call)
{
    struct clef_relu_forward_args args = {.src = ROLE(SRC), .dst = ROLE(DST)};
    return PLAN(relu_forward, &args);
}

static clef_status bind_add(const struct bind_call *call)
{
    struct clef_add_args args = {.a = ROLE(SRC), .b = ROLE(EXTRA), .dst = ROLE(DST)};
    return PLAN(add, &args);
}

// Between two tensors of the arena, or the moving statistics into the slot's copy of them.
static clef_status bind_copy(const struct bind_call *call)
{
    if (call->node) {
        struct clef_copy_args args = {.src = ROLE(SRC), .dst = ROLE(DST)};
        return PLAN(copy, &args);
    }
    const struct clef_parameters *parameters = call->binding->parameters;
    size_t count = parameters->total_floats - parameters->trainable_floats;
    struct clef_tensor src =
        clef_tensor_vector(parameters->values, parameters->trainable_floats, count);
    struct clef_tensor dst =
        clef_tensor_vector(call->binding->workspace->statistics[call->binding->slot], 0, count);
    struct clef_copy_args args = {.src = &src, .dst = &dst};
    return PLAN(copy, &args);
}

// ---------------------------------------------------------------- loss and optimiser

static clef_status bind_softmax_cross_entropy(const struct bind_call *call)
{
    const struct clef_binding *binding = call->binding;
    const struct clef_workspace *workspace = binding->workspace;
    struct clef_tensor labels = clef_tensor_vector(workspace->labels[binding->slot], 0,
                                                   (size_t)binding->schedule->batch_size);
    struct clef_tensor metrics =
        clef_tensor_vector(workspace->metrics, (size_t)binding->slot * 2, 2);
    struct clef_tensor fault = clef_tensor_vector(workspace->fault, 0, 1);
    struct clef_softmax_cross_entropy_args args = {.logits = ROLE(SRC),
                                                   .labels = &labels,
                                                   .diff_logits = OPTIONAL(DIFF_SRC),
                                                   .metrics = &metrics,
                                                   .fault =
                                                       binding->schedule->training ? &fault : NULL};
    return PLAN(softmax_cross_entropy, &args);
}

// Of all parameters but kernels, which the ops that have their gradients update.
static clef_status bind_adam(const struct bind_call *call)
{
    const struct clef_parameters *parameters = call->binding->parameters;
    size_t first = parameters->kernel_floats, count = parameters->trainable_floats - first;
    size_t skipped = clef_parameters_without_gradient(parameters);
    struct clef_tensor grad = clef_tensor_vector(parameters->gradients, first - skipped, count);
    struct clef_tensor param = clef_tensor_vector(parameters->values, first, count);
    struct clef_tensor m = clef_tensor_vector(parameters->first_moments, first, count);
    struct clef_tensor v = clef_tensor_vector(parameters->second_moments, first, count);
    struct clef_tensor fault = clef_tensor_vector(call->binding->workspace->fault, 0, 1);
    struct clef_adam_args args = {.grad = &grad,
                                  .param = &param,
                                  .m = &m,
                                  .v = &v,
                                  .extents = parameters->extents,
                                  .extent_count = parameters->extent_count,
                                  .fault = &fault,
                                  .beta1 = ADAM_BETA1,
                                  .beta2 = ADAM_BETA2,
                                  .epsilon = ADAM_EPSILON};
    return PLAN(adam, &args);
}

// ---------------------------------------------------------------- backward

static clef_status bind_conv2d_backward_data(const struct bind_call *call)
{
    struct clef_conv2d_backward_data_args args = {.diff_dst = ROLE(DIFF_DST),
                                                  .weights = PARAMETER(WEIGHT),
                                                  .addend = OPTIONAL(EXTRA),
                                                  .diff_src = ROLE(DIFF_SRC),
                                                  .window = call->node->window};
    return PLAN(conv2d_backward_data, &args);
}

static const struct clef_tensor *weights_gradient(const struct bind_call *call)
{
    return call->tensors->has_weights_gradient ? GRADIENT(WEIGHT) : NULL;
}

static clef_status bind_conv2d_backward_weights(const struct bind_call *call)
{
    struct clef_conv2d_backward_weights_args args = {
        .src = ROLE(SRC),
        .diff_dst = ROLE(DIFF_DST),
        .diff_weights = weights_gradient(call),
        .diff_bias = call->tensors->has_bias_gradient ? GRADIENT(BIAS) : NULL,
        .window = call->node->window,
        .update = &call->tensors->update};
    return PLAN(conv2d_backward_weights, &args);
}

static clef_status bind_dense_backward_data(const struct bind_call *call)
{
    struct clef_dense_backward_data_args args = {
        .diff_dst = ROLE(DIFF_DST), .weights = PARAMETER(WEIGHT), .diff_src = ROLE(DIFF_SRC)};
    return PLAN(dense_backward_data, &args);
}

static clef_status bind_dense_backward_weights(const struct bind_call *call)
{
    struct clef_dense_backward_weights_args args = {.src = ROLE(SRC),
                                                    .diff_dst = ROLE(DIFF_DST),
                                                    .diff_weights = weights_gradient(call),
                                                    .diff_bias = GRADIENT(BIAS),
                                                    .update = &call->tensors->update};
    return PLAN(dense_backward_weights, &args);
}

static clef_status bind_batchnorm_backward(const struct bind_call *call)
{
    struct clef_batchnorm_backward_args args = {.src = ROLE(SRC),
                                                .dst = OPTIONAL(DST),
                                                .gamma = PARAMETER(WEIGHT),
                                                .saved_mean = ROLE(SAVED_MEAN),
                                                .saved_inv_std = ROLE(SAVED_INV_STD),
                                                .diff_dst = ROLE(DIFF_DST),
                                                .diff_src = ROLE(DIFF_SRC),
                                                .diff_residual = OPTIONAL(DIFF_RESIDUAL),
                                                .diff_gamma = GRADIENT(WEIGHT),
                                                .diff_beta = GRADIENT(BIAS),
                                                .relu = call->step->relu};
    return PLAN(batchnorm_backward, &args);
}

static clef_status bind_maxpool_backward(const struct bind_call *call)
{
    struct clef_maxpool_backward_args args = {.diff_dst = ROLE(DIFF_DST),
                                              .argmax = ROLE(ARGMAX),
                                              .relu_dst = OPTIONAL(EXTRA),
                                              .diff_src = ROLE(DIFF_SRC),
                                              .window = call->node->window};
    return PLAN(maxpool_backward, &args);
}

static clef_status bind_avgpool_backward(const struct bind_call *call)
{
    struct clef_avgpool_backward_args args = {
        .diff_dst = ROLE(DIFF_DST), .diff_src = ROLE(DIFF_SRC), .window = call->node->window};
    return PLAN(avgpool_backward, &args);
}

static clef_status bind_relu_backward(const struct bind_call *call)
{
    struct clef_relu_backward_args args = {
        .dst = ROLE(DST), .diff_dst = ROLE(DIFF_DST), .diff_src = ROLE(DIFF_SRC)};
    return PLAN(relu_backward, &args);
}

// No schedule needs it, but every op has a row.
static clef_status bind_fill(const struct bind_call *call)
{
    struct clef_fill_args args = {.dst = ROLE(DST), .value = 0};
    return PLAN(fill, &args);
}

clef_status clef_bind_step(const struct clef_binding *binding, const struct clef_step *step,
                           struct clef_plan_info *info, struct clef_plan **plan)
{
    static clef_status (*const bind[])(const struct bind_call *) = {
#define CLEF_BIND_ROW(op) [CLEF_STEP_##op] = bind_##op,
        CLEF_OP_LIST(CLEF_BIND_ROW)
#undef CLEF_BIND_ROW
    };
    struct step_tensors tensors;
    collect(binding, step, &tensors);
    struct bind_call call = {
        .binding = binding,
        .step = step,
        .node = step->node == CLEF_NO_NODE ? NULL : &binding->graph->nodes[step->node],
        .tensors = &tensors,
        .scratch = binding->workspace->scratch ? &tensors.scratch : NULL,
        .info = info,
        .plan = plan,
    };
    clef_status status = bind[step->op](&call);
    if (status != CLEF_OK && call.node)
        return clef_fail_in(status, "layer \"%s\"", call.node->name);
    return status;
}

bool clef_step_depends_on_slot(const struct clef_step *step)
{
    return step->op == CLEF_STEP_cast || step->op == CLEF_STEP_softmax_cross_entropy ||
           (step->op == CLEF_STEP_copy && step->node == CLEF_NO_NODE);
}
