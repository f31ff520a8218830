// SPDX-License-Identifier: Apache-2.0
// Which layers are trained.
#include "core/error.h"
#include "model/graph.h"

#include <string.h>

bool clef_graph_trains(const struct clef_graph *graph, int parameter)
{
    const struct clef_graph_parameter *known = &graph->parameters[parameter];
    return clef_parameter_is_trainable(known->kind) && !graph->nodes[known->node].frozen;
}

static bool is_named(const struct clef_node *node, const char *name, size_t length)
{
    return strncmp(node->name, name, length) == 0 &&
           (node->name[length] == '\0' || node->name[length] == '.');
}

static clef_status freeze_entry(struct clef_graph *graph, const char *name, size_t length)
{
    bool found = false;
    for (int i = 0; i < graph->node_count; i++) {
        struct clef_node *node = &graph->nodes[i];
        if (node->parameter_count == 0 || length == 0 || !is_named(node, name, length))
            continue;
        node->frozen = true;
        found = true;
    }
    if (found)
        return CLEF_OK;
    return clef_fail(
        CLEF_INVALID_ARGUMENT,
        "cannot freeze \"%.*s\": no layer with parameters has this name or begins with "
        "it up to a dot, as with \"stem\" or \"stage1.block2\"",
        (int)length, name);
}

static clef_status freeze_list(struct clef_graph *graph, const char *layers)
{
    for (;;) {
        size_t length = strcspn(layers, ",");
        CLEF_TRY(freeze_entry(graph, layers, length));
        if (layers[length] == '\0')
            return CLEF_OK;
        layers += length + 1;
    }
}

// A frozen batch normalisation infers, and there is no op for the gradient through that. Since
// layers come in the order of execution, it is enough that no layer before one is trained.
static clef_status check_order(const struct clef_graph *graph)
{
    const struct clef_node *trained = NULL;
    for (int i = 0; i < graph->node_count; i++) {
        const struct clef_node *node = &graph->nodes[i];
        if (trained && node->frozen && node->kind == CLEF_NODE_BATCHNORM)
            return clef_fail(CLEF_INVALID_ARGUMENT,
                             "cannot freeze \"%s\" while \"%s\" before it is trained: freeze all "
                             "layers up to it",
                             node->name, trained->name);
        if (node->parameter_count > 0 && !node->frozen && !trained)
            trained = node;
    }
    if (!trained)
        return clef_fail(CLEF_INVALID_ARGUMENT, "all layers are frozen: nothing is left to train");
    return CLEF_OK;
}

clef_status clef_graph_freeze(struct clef_graph *graph, const char *layers)
{
    for (int i = 0; i < graph->node_count; i++)
        graph->nodes[i].frozen = false;
    if (!layers)
        return CLEF_OK;
    clef_status status = freeze_list(graph, layers);
    if (status == CLEF_OK)
        status = check_order(graph);
    for (int i = 0; status != CLEF_OK && i < graph->node_count; i++)
        graph->nodes[i].frozen = false;
    return status;
}
