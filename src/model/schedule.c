// SPDX-License-Identifier: Apache-2.0
// Fusion, the forward steps, and the lifetimes of tensors.
#include "model/schedule.h"

#include "core/error.h"
#include "model/memory_plan.h"
#include "model/schedule_build.h"

#include <stdlib.h>
#include <string.h>

const char *clef_step_op_name(enum clef_step_op op)
{
    static const char *const names[] = {
#define CLEF_STEP_NAME(op) #op,
        CLEF_OP_LIST(CLEF_STEP_NAME)
#undef CLEF_STEP_NAME
    };
    return names[op];
}

const char *clef_step_layer_name(const struct clef_graph *graph, const struct clef_step *step)
{
    if (step->node != CLEF_NO_NODE)
        return graph->nodes[step->node].name;
    switch (step->op) {
    case CLEF_STEP_adam:
        return "optimizer";
    case CLEF_STEP_softmax_cross_entropy:
        return "loss";
    default:
        return "statistics";
    }
}

// ---------------------------------------------------------------- lists

static bool grow(struct clef_schedule_builder *builder, void **array, int count, int *capacity,
                 size_t size)
{
    if (builder->status != CLEF_OK)
        return false;
    if (count < *capacity)
        return true;
    int grown = *capacity ? *capacity * 2 : 64;
    void *moved = realloc(*array, (size_t)grown * size);
    if (!moved) {
        builder->status = clef_fail(CLEF_OUT_OF_MEMORY, "no memory to plan a step");
        return false;
    }
    *array = moved;
    *capacity = grown;
    return true;
}

// ---------------------------------------------------------------- fusion

static enum clef_node_kind kind_of(const struct clef_schedule_builder *builder, int node)
{
    return builder->graph->nodes[node].kind;
}

static void link_nodes(struct clef_schedule_builder *builder)
{
    const struct clef_graph *graph = builder->graph;
    for (int i = 0; i < graph->node_count; i++) {
        struct clef_node_state *state = &builder->nodes[i];
        *state = (struct clef_node_state){.chain = {CLEF_NO_NODE, CLEF_NO_NODE, false},
                                          .value = CLEF_NO_VALUE,
                                          .gradient = CLEF_NO_VALUE,
                                          .argmax = CLEF_NO_VALUE,
                                          .saved_mean = CLEF_NO_VALUE,
                                          .saved_inv_std = CLEF_NO_VALUE};
        state->needs_gradient = graph->nodes[i].parameter_count > 0 && !graph->nodes[i].frozen;
        for (int k = 0; k < graph->nodes[i].inputs; k++) {
            int input = graph->nodes[i].input[k];
            if (kind_of(builder, input) == CLEF_NODE_FLATTEN)
                input = builder->nodes[input].input[0];
            state->input[k] = input;
            state->needs_gradient |= builder->nodes[input].needs_gradient;
            if (kind_of(builder, i) != CLEF_NODE_FLATTEN) {
                builder->nodes[input].uses++;
                builder->nodes[input].user = i;
            }
        }
    }
}

// The only reader of a layer, if it is of the given kind.
static int only_user(const struct clef_schedule_builder *builder, int node,
                     enum clef_node_kind kind)
{
    const struct clef_node_state *state = &builder->nodes[node];
    return state->uses == 1 && kind_of(builder, state->user) == kind ? state->user : CLEF_NO_NODE;
}

// Batch normalisation takes an addition and a ReLU along, convolution and dense layers a ReLU.
static void find_chains(struct clef_schedule_builder *builder)
{
    for (int i = 0; i < builder->graph->node_count; i++) {
        struct clef_node_state *state = &builder->nodes[i];
        enum clef_node_kind kind = kind_of(builder, i);
        if (kind == CLEF_NODE_FLATTEN || state->absorbed || state->chain.head != CLEF_NO_NODE)
            continue;
        struct clef_chain chain = {i, CLEF_NO_NODE, builder->graph->nodes[i].relu};
        int last = i;
        int add = kind == CLEF_NODE_BATCHNORM ? only_user(builder, i, CLEF_NODE_ADD) : CLEF_NO_NODE;
        if (add != CLEF_NO_NODE && !builder->nodes[add].absorbed &&
            builder->nodes[add].chain.head == CLEF_NO_NODE) {
            const int *input = builder->nodes[add].input;
            chain.residual = input[0] == i ? input[1] : input[0];
            builder->nodes[last].absorbed = true;
            last = add;
        }
        bool takes_relu =
            kind == CLEF_NODE_BATCHNORM || kind == CLEF_NODE_CONV2D || kind == CLEF_NODE_DENSE;
        int relu = only_user(builder, last, CLEF_NODE_RELU);
        if (takes_relu && relu != CLEF_NO_NODE) {
            chain.relu = true;
            builder->nodes[last].absorbed = true;
            last = relu;
        }
        builder->nodes[last].chain = chain;
    }
}

// ---------------------------------------------------------------- tensors and steps

// With at least as many images as columns, the rows of one position make a matrix tall enough for
// the kernels, and padding is skipped whole; large images in small batches do better image by
// image. The input arrives image by image, and a convolution can read it so.
static bool prefers_position_major(const struct clef_schedule_builder *builder, int node)
{
    if (kind_of(builder, node) == CLEF_NODE_INPUT &&
        only_user(builder, node, CLEF_NODE_CONV2D) != CLEF_NO_NODE)
        return false;
    return builder->schedule->batch_size >= builder->graph->nodes[node].width;
}

static int add_value(struct clef_schedule_builder *builder, const struct clef_value *value)
{
    struct clef_schedule *schedule = builder->schedule;
    if (!grow(builder, (void **)&schedule->values, schedule->value_count, &schedule->value_capacity,
              sizeof *schedule->values))
        return CLEF_NO_VALUE;
    schedule->values[schedule->value_count] = *value;
    return schedule->value_count++;
}

int clef_schedule_add_rows(struct clef_schedule_builder *builder, int node)
{
    const struct clef_node *shape = &builder->graph->nodes[node];
    struct clef_value value = {
        .height = shape->height,
        .width = shape->width,
        .channels = shape->channels,
        .is_position_major = prefers_position_major(builder, node),
        .floats = (size_t)builder->schedule->batch_size * (size_t)shape->height *
                  (size_t)shape->width * (size_t)shape->channels,
    };
    return add_value(builder, &value);
}

int clef_schedule_add_vector(struct clef_schedule_builder *builder, int node)
{
    int channels = builder->graph->nodes[node].channels;
    struct clef_value value = {.height = 1,
                               .width = 1,
                               .channels = channels,
                               .is_vector = true,
                               .floats = (size_t)channels};
    return add_value(builder, &value);
}

struct clef_step *clef_schedule_add_step(struct clef_schedule_builder *builder,
                                         enum clef_step_op op, int node)
{
    struct clef_schedule *schedule = builder->schedule;
    if (!grow(builder, (void **)&schedule->steps, schedule->step_count, &schedule->step_capacity,
              sizeof *schedule->steps))
        return &builder->nowhere;
    struct clef_step *step = &schedule->steps[schedule->step_count++];
    *step = (struct clef_step){.op = op, .node = node};
    for (int role = 0; role < CLEF_ROLE_COUNT; role++)
        step->value[role] = CLEF_NO_VALUE;
    return step;
}

// ---------------------------------------------------------------- forward

static void add_batchnorm(struct clef_schedule_builder *builder, struct clef_node_state *state)
{
    const struct clef_chain *chain = &state->chain;
    int input = builder->nodes[chain->head].input[0];
    int src = builder->nodes[input].value;
    bool training = builder->schedule->training && !builder->graph->nodes[chain->head].frozen;
    // Inference needs the source no longer; training keeps it for the backward pass.
    state->value = !training && builder->nodes[input].uses == 1
                       ? src
                       : clef_schedule_add_rows(builder, chain->head);
    if (training) {
        state->saved_mean = clef_schedule_add_vector(builder, chain->head);
        state->saved_inv_std = clef_schedule_add_vector(builder, chain->head);
    }
    struct clef_step *step = clef_schedule_add_step(
        builder, training ? CLEF_STEP_batchnorm_train : CLEF_STEP_batchnorm_infer, chain->head);
    step->relu = chain->relu;
    step->value[CLEF_ROLE_SRC] = src;
    step->value[CLEF_ROLE_DST] = state->value;
    step->value[CLEF_ROLE_SAVED_MEAN] = state->saved_mean;
    step->value[CLEF_ROLE_SAVED_INV_STD] = state->saved_inv_std;
    if (chain->residual != CLEF_NO_NODE)
        step->value[CLEF_ROLE_EXTRA] = builder->nodes[chain->residual].value;
}

static void add_forward_step(struct clef_schedule_builder *builder, int last)
{
    static const enum clef_step_op ops[] = {
        [CLEF_NODE_INPUT] = CLEF_STEP_cast,
        [CLEF_NODE_CONV2D] = CLEF_STEP_conv2d_forward,
        [CLEF_NODE_BATCHNORM] = CLEF_STEP_batchnorm_train,
        [CLEF_NODE_RELU] = CLEF_STEP_relu_forward,
        [CLEF_NODE_ADD] = CLEF_STEP_add,
        [CLEF_NODE_MAXPOOL] = CLEF_STEP_maxpool_forward,
        [CLEF_NODE_GLOBAL_AVGPOOL] = CLEF_STEP_avgpool_forward,
        [CLEF_NODE_DENSE] = CLEF_STEP_dense_forward,
    };
    struct clef_node_state *state = &builder->nodes[last];
    int head = state->chain.head;
    if (kind_of(builder, head) == CLEF_NODE_BATCHNORM) {
        add_batchnorm(builder, state);
        return;
    }
    state->value = clef_schedule_add_rows(builder, head);
    if (kind_of(builder, head) == CLEF_NODE_MAXPOOL && builder->schedule->training)
        state->argmax = clef_schedule_add_rows(builder, head);
    struct clef_step *step = clef_schedule_add_step(builder, ops[kind_of(builder, head)], head);
    step->relu = state->chain.relu;
    step->value[CLEF_ROLE_DST] = state->value;
    step->value[CLEF_ROLE_ARGMAX] = state->argmax;
    for (int k = 0; k < builder->graph->nodes[head].inputs; k++)
        step->value[CLEF_ROLE_SRC + k] = builder->nodes[builder->nodes[head].input[k]].value;
}

static void add_steps(struct clef_schedule_builder *builder)
{
    struct clef_schedule *schedule = builder->schedule;
    int count = builder->graph->node_count;
    if (schedule->training)
        clef_schedule_add_step(builder, CLEF_STEP_copy, CLEF_NO_NODE);
    for (int i = 0; i < count; i++)
        if (builder->nodes[i].chain.head != CLEF_NO_NODE)
            add_forward_step(builder, i);
    schedule->forward_count = schedule->step_count;
    struct clef_node_state *last = &builder->nodes[count - 1];
    schedule->logits = last->value;
    if (schedule->training)
        last->gradient = clef_schedule_add_rows(builder, count - 1);
    struct clef_step *loss =
        clef_schedule_add_step(builder, CLEF_STEP_softmax_cross_entropy, CLEF_NO_NODE);
    loss->value[CLEF_ROLE_SRC] = last->value;
    loss->value[CLEF_ROLE_DIFF_SRC] = last->gradient;
    if (schedule->training) {
        clef_schedule_add_backward(builder);
        clef_schedule_add_step(builder, CLEF_STEP_adam, CLEF_NO_NODE);
    }
}

// ---------------------------------------------------------------- memory

// A tensor lives from the first to the last step that names it; the logits stay until the end, for
// those who want to read them after the step.
static clef_status place_values(struct clef_schedule *schedule)
{
    struct clef_memory_item *items = calloc((size_t)schedule->value_count, sizeof *items);
    if (!items)
        return clef_fail(CLEF_OUT_OF_MEMORY, "no memory to plan a step");
    for (int i = 0; i < schedule->value_count; i++) {
        items[i].floats = schedule->values[i].floats;
        items[i].first_step = schedule->step_count;
        items[i].last_step = 0;
    }
    for (int i = 0; i < schedule->step_count; i++)
        for (int role = 0; role < CLEF_ROLE_COUNT; role++) {
            int value = schedule->steps[i].value[role];
            if (value == CLEF_NO_VALUE)
                continue;
            if (items[value].first_step > i)
                items[value].first_step = i;
            items[value].last_step = i;
        }
    items[schedule->logits].last_step = schedule->step_count - 1;
    clef_status status =
        clef_memory_plan_items(items, schedule->value_count, &schedule->arena_floats);
    for (int i = 0; i < schedule->value_count; i++)
        schedule->values[i].offset = items[i].offset;
    free(items);
    return status;
}

clef_status clef_schedule_create(const struct clef_graph *graph, int batch_size, bool training,
                                 struct clef_schedule *schedule)
{
    memset(schedule, 0, sizeof *schedule);
    if (batch_size < 1 || batch_size > CLEF_MAX_BATCH)
        return clef_fail(CLEF_INVALID_ARGUMENT, "the batch size is %d, but must be in 1..%d",
                         batch_size, CLEF_MAX_BATCH);
    schedule->batch_size = batch_size;
    schedule->training = training;
    struct clef_schedule_builder builder = {.graph = graph, .schedule = schedule};
    builder.nodes = calloc((size_t)graph->node_count, sizeof *builder.nodes);
    if (!builder.nodes)
        return clef_fail(CLEF_OUT_OF_MEMORY, "no memory to plan a step");
    link_nodes(&builder);
    find_chains(&builder);
    add_steps(&builder);
    free(builder.nodes);
    clef_status status = builder.status == CLEF_OK ? place_values(schedule) : builder.status;
    if (status != CLEF_OK)
        clef_schedule_release(schedule);
    return status;
}

void clef_schedule_release(struct clef_schedule *schedule)
{
    free(schedule->steps);
    free(schedule->values);
    memset(schedule, 0, sizeof *schedule);
}
