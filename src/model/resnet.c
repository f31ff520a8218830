// SPDX-License-Identifier: Apache-2.0
#include "model/resnet.h"

#include "core/error.h"

#include <stdio.h>

struct clef_resnet_config clef_resnet_default(void)
{
    return (struct clef_resnet_config){
        .input_height = 32,
        .input_width = 32,
        .input_channels = 1,
        .classes = 10,
        .stages = 4,
        .blocks = {2, 2, 2, 2},
        .filters = {64, 128, 256, 512},
        .head = CLEF_HEAD_FLATTEN_DENSE,
        .dense_units = 1000,
    };
}

static clef_status check_range(const char *what, int value, int low, int high)
{
    if (value < low || value > high)
        return clef_fail(CLEF_INVALID_ARGUMENT, "resnet: %s is %d, but must be in %d..%d", what,
                         value, low, high);
    return CLEF_OK;
}

clef_status clef_resnet_check(const struct clef_resnet_config *config)
{
    if (!config)
        return clef_fail(CLEF_INVALID_ARGUMENT, "resnet: the configuration is NULL");
    CLEF_TRY(check_range("the input's height", config->input_height, 1, CLEF_MAX_EXTENT));
    CLEF_TRY(check_range("the input's width", config->input_width, 1, CLEF_MAX_EXTENT));
    CLEF_TRY(
        check_range("the input's number of channels", config->input_channels, 1, CLEF_MAX_EXTENT));
    CLEF_TRY(check_range("the number of classes", config->classes, 2, CLEF_MAX_EXTENT));
    CLEF_TRY(check_range("the number of stages", config->stages, 1, CLEF_MAX_STAGES));
    for (int stage = 0; stage < config->stages; stage++) {
        char what[48];
        snprintf(what, sizeof what, "the number of blocks of stage %d", stage + 1);
        CLEF_TRY(check_range(what, config->blocks[stage], 1, CLEF_MAX_BLOCKS));
        snprintf(what, sizeof what, "the number of filters of stage %d", stage + 1);
        CLEF_TRY(check_range(what, config->filters[stage], 1, CLEF_MAX_EXTENT));
    }
    switch (config->head) {
    case CLEF_HEAD_FLATTEN_DENSE:
        return check_range("the number of dense units", config->dense_units, 1, CLEF_MAX_EXTENT);
    case CLEF_HEAD_AVGPOOL:
        return CLEF_OK;
    }
    return clef_fail(CLEF_INVALID_ARGUMENT, "resnet: there is no head number %d",
                     (int)config->head);
}

struct names {
    char prefix[40];
    char full[CLEF_NODE_NAME];
};

static const char *join(struct names *names, const char *layer)
{
    snprintf(names->full, sizeof names->full, "%s.%s", names->prefix, layer);
    return names->full;
}

// x + two 3x3 convolutions; x is projected by a 1x1 convolution where the shape changes.
static int build_block(struct clef_graph *graph, struct names *names, int x, int channels,
                       int filters, int stride)
{
    int y = clef_graph_conv2d(graph, join(names, "conv1"), x, filters, 3, stride, false);
    y = clef_graph_batchnorm(graph, join(names, "bn1"), y);
    y = clef_graph_relu(graph, join(names, "relu1"), y);
    y = clef_graph_conv2d(graph, join(names, "conv2"), y, filters, 3, 1, false);
    y = clef_graph_batchnorm(graph, join(names, "bn2"), y);
    if (stride != 1 || channels != filters) {
        x = clef_graph_conv2d(graph, join(names, "downsample.conv"), x, filters, 1, stride, false);
        x = clef_graph_batchnorm(graph, join(names, "downsample.bn"), x);
    }
    y = clef_graph_add(graph, join(names, "add"), y, x);
    return clef_graph_relu(graph, join(names, "relu2"), y);
}

clef_status clef_resnet_build(const struct clef_resnet_config *config, struct clef_graph *graph)
{
    const int shape[3] = {config->input_height, config->input_width, config->input_channels};
    int channels = config->filters[0];
    int x = clef_graph_input(graph, "input", shape);
    x = clef_graph_conv2d(graph, "stem.conv", x, channels, 7, 2, true);
    x = clef_graph_maxpool(graph, "stem.pool", x, 3, 2);
    for (int stage = 0; stage < config->stages; stage++) {
        for (int block = 0; block < config->blocks[stage]; block++) {
            struct names names;
            snprintf(names.prefix, sizeof names.prefix, "stage%d.block%d", stage + 1, block + 1);
            int stride = stage > 0 && block == 0 ? 2 : 1;
            x = build_block(graph, &names, x, channels, config->filters[stage], stride);
            channels = config->filters[stage];
        }
    }
    if (config->head == CLEF_HEAD_FLATTEN_DENSE) {
        x = clef_graph_flatten(graph, "flatten", x);
        x = clef_graph_dense(graph, "fc1", x, config->dense_units, true);
        clef_graph_dense(graph, "fc2", x, config->classes, false);
    } else {
        x = clef_graph_global_avgpool(graph, "avgpool", x);
        clef_graph_dense(graph, "fc", x, config->classes, false);
    }
    return clef_graph_finish(graph);
}
