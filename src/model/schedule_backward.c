// SPDX-License-Identifier: Apache-2.0
// The backward steps, in reverse order. The first contribution to the gradient of a layer's output
// is written, each later one is added to it. When the steps of a layer begin, its gradient is
// complete and no longer needed after them, so that it may be overwritten.
#include "model/schedule_build.h"

static bool wants(const struct clef_schedule_builder *builder, int node)
{
    return builder->nodes[node].needs_gradient;
}

// Adds `value` to the gradient of a layer.
static void join(struct clef_schedule_builder *builder, int node, int value)
{
    struct clef_node_state *state = &builder->nodes[node];
    if (state->gradient == CLEF_NO_VALUE) {
        state->gradient = value;
        return;
    }
    struct clef_step *step = clef_schedule_add_step(builder, CLEF_STEP_add, node);
    step->value[CLEF_ROLE_SRC] = state->gradient;
    step->value[CLEF_ROLE_EXTRA] = value;
    step->value[CLEF_ROLE_DST] = state->gradient;
}

static void add_relu(struct clef_schedule_builder *builder, struct clef_node_state *state, int node)
{
    if (state->masked)
        return;
    struct clef_step *step = clef_schedule_add_step(builder, CLEF_STEP_relu_backward, node);
    step->value[CLEF_ROLE_DST] = state->value;
    step->value[CLEF_ROLE_DIFF_DST] = state->gradient;
    step->value[CLEF_ROLE_DIFF_SRC] = state->gradient;
}

// The last step of a layer, since it also updates the weights.
static void add_weights(struct clef_schedule_builder *builder, enum clef_step_op op,
                        struct clef_node_state *state)
{
    int head = state->chain.head;
    if (builder->graph->nodes[head].frozen)
        return;
    struct clef_step *step = clef_schedule_add_step(builder, op, head);
    step->value[CLEF_ROLE_SRC] = builder->nodes[builder->nodes[head].input[0]].value;
    step->value[CLEF_ROLE_DIFF_DST] = state->gradient;
}

// A convolution adds to what is already there by itself.
static void add_conv2d(struct clef_schedule_builder *builder, struct clef_node_state *state)
{
    int head = state->chain.head, input = builder->nodes[head].input[0];
    if (state->chain.relu)
        add_relu(builder, state, head);
    if (wants(builder, input)) {
        int earlier = builder->nodes[input].gradient;
        int diff_src = earlier == CLEF_NO_VALUE ? clef_schedule_add_rows(builder, input) : earlier;
        struct clef_step *step =
            clef_schedule_add_step(builder, CLEF_STEP_conv2d_backward_data, head);
        step->value[CLEF_ROLE_DIFF_DST] = state->gradient;
        step->value[CLEF_ROLE_EXTRA] = earlier;
        step->value[CLEF_ROLE_DIFF_SRC] = diff_src;
        builder->nodes[input].gradient = diff_src;
    }
    add_weights(builder, CLEF_STEP_conv2d_backward_weights, state);
}

static void add_dense(struct clef_schedule_builder *builder, struct clef_node_state *state)
{
    int head = state->chain.head, input = builder->nodes[head].input[0];
    if (state->chain.relu)
        add_relu(builder, state, head);
    if (wants(builder, input)) {
        int diff_src = clef_schedule_add_rows(builder, input);
        struct clef_step *step =
            clef_schedule_add_step(builder, CLEF_STEP_dense_backward_data, head);
        step->value[CLEF_ROLE_DIFF_DST] = state->gradient;
        step->value[CLEF_ROLE_DIFF_SRC] = diff_src;
        join(builder, input, diff_src);
    }
    add_weights(builder, CLEF_STEP_dense_backward_weights, state);
}

// The gradient that arrives turns in place into that of the residual, or else of the source.
static void add_batchnorm(struct clef_schedule_builder *builder, struct clef_node_state *state)
{
    int head = state->chain.head, residual = state->chain.residual;
    int input = builder->nodes[head].input[0];
    bool splits = residual != CLEF_NO_NODE && wants(builder, residual);
    int diff_src = splits ? clef_schedule_add_rows(builder, input) : state->gradient;
    struct clef_step *step = clef_schedule_add_step(builder, CLEF_STEP_batchnorm_backward, head);
    step->relu = state->chain.relu;
    step->value[CLEF_ROLE_SRC] = builder->nodes[input].value;
    step->value[CLEF_ROLE_DST] = state->chain.relu ? state->value : CLEF_NO_VALUE;
    step->value[CLEF_ROLE_SAVED_MEAN] = state->saved_mean;
    step->value[CLEF_ROLE_SAVED_INV_STD] = state->saved_inv_std;
    step->value[CLEF_ROLE_DIFF_DST] = state->gradient;
    step->value[CLEF_ROLE_DIFF_SRC] = diff_src;
    if (splits) {
        step->value[CLEF_ROLE_DIFF_RESIDUAL] = state->gradient;
        join(builder, residual, state->gradient);
    }
    if (wants(builder, input))
        join(builder, input, diff_src);
}

// Both inputs receive the gradient; the second gets a copy, since each may be overwritten later.
static void add_addition(struct clef_schedule_builder *builder, struct clef_node_state *state)
{
    int node = state->chain.head;
    const int *input = builder->nodes[node].input;
    if (wants(builder, input[1])) {
        if (builder->nodes[input[1]].gradient == CLEF_NO_VALUE && wants(builder, input[0])) {
            int copy = clef_schedule_add_rows(builder, node);
            struct clef_step *step = clef_schedule_add_step(builder, CLEF_STEP_copy, node);
            step->value[CLEF_ROLE_SRC] = state->gradient;
            step->value[CLEF_ROLE_DST] = copy;
            builder->nodes[input[1]].gradient = copy;
        } else {
            join(builder, input[1], state->gradient);
        }
    }
    if (wants(builder, input[0]))
        join(builder, input[0], state->gradient);
}

// Where the source is the result of a ReLU that nothing else reads, the pool applies the ReLU's
// mask as well.
static void add_maxpool(struct clef_schedule_builder *builder, struct clef_node_state *state)
{
    int node = state->chain.head, input = builder->nodes[node].input[0];
    struct clef_node_state *source = &builder->nodes[input];
    if (!wants(builder, input))
        return;
    enum clef_node_kind kind = builder->graph->nodes[source->chain.head].kind;
    bool follows_relu = source->uses == 1 && (kind == CLEF_NODE_RELU ||
                                              (kind != CLEF_NODE_BATCHNORM && source->chain.relu));
    int diff_src = clef_schedule_add_rows(builder, input);
    struct clef_step *step = clef_schedule_add_step(builder, CLEF_STEP_maxpool_backward, node);
    step->value[CLEF_ROLE_DIFF_DST] = state->gradient;
    step->value[CLEF_ROLE_ARGMAX] = state->argmax;
    step->value[CLEF_ROLE_EXTRA] = follows_relu ? source->value : CLEF_NO_VALUE;
    step->value[CLEF_ROLE_DIFF_SRC] = diff_src;
    source->masked = follows_relu;
    join(builder, input, diff_src);
}

static void add_avgpool(struct clef_schedule_builder *builder, struct clef_node_state *state)
{
    int node = state->chain.head, input = builder->nodes[node].input[0];
    if (!wants(builder, input))
        return;
    int diff_src = clef_schedule_add_rows(builder, input);
    struct clef_step *step = clef_schedule_add_step(builder, CLEF_STEP_avgpool_backward, node);
    step->value[CLEF_ROLE_DIFF_DST] = state->gradient;
    step->value[CLEF_ROLE_DIFF_SRC] = diff_src;
    join(builder, input, diff_src);
}

void clef_schedule_add_backward(struct clef_schedule_builder *builder)
{
    for (int i = builder->graph->node_count - 1; i >= 0; i--) {
        struct clef_node_state *state = &builder->nodes[i];
        if (state->chain.head == CLEF_NO_NODE || state->gradient == CLEF_NO_VALUE)
            continue;
        int head = state->chain.head;
        switch (builder->graph->nodes[head].kind) {
        case CLEF_NODE_CONV2D:
            add_conv2d(builder, state);
            break;
        case CLEF_NODE_DENSE:
            add_dense(builder, state);
            break;
        case CLEF_NODE_BATCHNORM:
            add_batchnorm(builder, state);
            break;
        case CLEF_NODE_RELU:
            add_relu(builder, state, head);
            if (wants(builder, builder->nodes[head].input[0]))
                join(builder, builder->nodes[head].input[0], state->gradient);
            break;
        case CLEF_NODE_ADD:
            add_addition(builder, state);
            break;
        case CLEF_NODE_MAXPOOL:
            add_maxpool(builder, state);
            break;
        case CLEF_NODE_GLOBAL_AVGPOOL:
            add_avgpool(builder, state);
            break;
        case CLEF_NODE_INPUT:
        case CLEF_NODE_FLATTEN:
            break;
        }
    }
}
