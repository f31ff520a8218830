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
        .padding = CLEF_PADDING_SAME,
        .conv_bias = true,
        .batchnorm = {.momentum = 0.99, .epsilon = 1e-3},
    };
}

struct clef_resnet_config clef_resnet_imagenet(void)
{
    struct clef_resnet_config config = clef_resnet_default();
    config.input_height = config.input_width = 224;
    config.input_channels = 3;
    config.classes = 1000;
    config.head = CLEF_HEAD_AVGPOOL;
    config.padding = CLEF_PADDING_SYMMETRIC;
    config.stem_batchnorm = true;
    config.conv_bias = false;
    config.batchnorm =
        (struct clef_batchnorm_config){.momentum = 0.9, .epsilon = 1e-5, .unbiased_variance = true};
    return config;
}

static clef_status check_range(const char *what, int value, int low, int high)
{
    if (value < low || value > high)
        return clef_fail(CLEF_INVALID_ARGUMENT, "resnet: %s is %d, but must be in %d..%d", what,
                         value, low, high);
    return CLEF_OK;
}

// Padding and normalisation.
static clef_status check_conventions(const struct clef_resnet_config *config)
{
    const struct clef_batchnorm_config *batchnorm = &config->batchnorm;
    if (config->padding != CLEF_PADDING_SAME && config->padding != CLEF_PADDING_SYMMETRIC)
        return clef_fail(CLEF_INVALID_ARGUMENT, "resnet: there is no padding number %d",
                         (int)config->padding);
    if (!(batchnorm->momentum >= 0 && batchnorm->momentum <= 1))
        return clef_fail(CLEF_INVALID_ARGUMENT,
                         "resnet: the momentum of batch norms is %g, but must be in 0..1",
                         batchnorm->momentum);
    if (!((float)batchnorm->epsilon > 0 && batchnorm->epsilon <= 1))
        return clef_fail(CLEF_INVALID_ARGUMENT,
                         "resnet: the epsilon of batch norms is %g, but must be above 0 and at "
                         "most 1",
                         batchnorm->epsilon);
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
    CLEF_TRY(check_conventions(config));
    switch (config->head) {
    case CLEF_HEAD_FLATTEN_DENSE:
        return check_range("the number of dense units", config->dense_units, 1, CLEF_MAX_EXTENT);
    case CLEF_HEAD_AVGPOOL:
        return CLEF_OK;
    }
    return clef_fail(CLEF_INVALID_ARGUMENT, "resnet: there is no head number %d",
                     (int)config->head);
}

// What the functions below share: the network under way, and the name of its next layer.
struct builder {
    const struct clef_resnet_config *config;
    struct clef_graph *graph;
    char prefix[40];
    char name[CLEF_NODE_NAME];
};

static const char *join(struct builder *b, const char *layer)
{
    snprintf(b->name, sizeof b->name, "%s.%s", b->prefix, layer);
    return b->name;
}

static int add_conv2d(struct builder *b, const char *layer, int x, int filters, int kernel,
                      int stride, bool relu)
{
    const struct clef_conv2d_config conv = {.filters = filters,
                                            .kernel = kernel,
                                            .stride = stride,
                                            .padding = b->config->padding,
                                            .bias = b->config->conv_bias,
                                            .relu = relu};
    return clef_graph_conv2d(b->graph, join(b, layer), x, &conv);
}

static int add_batchnorm(struct builder *b, const char *layer, int x)
{
    return clef_graph_batchnorm(b->graph, join(b, layer), x, &b->config->batchnorm);
}

static int build_stem(struct builder *b, int x)
{
    snprintf(b->prefix, sizeof b->prefix, "stem");
    x = add_conv2d(b, "conv", x, b->config->filters[0], 7, 2, !b->config->stem_batchnorm);
    if (b->config->stem_batchnorm) {
        x = add_batchnorm(b, "bn", x);
        x = clef_graph_relu(b->graph, join(b, "relu"), x);
    }
    return clef_graph_maxpool(b->graph, join(b, "pool"), x, 3, 2, b->config->padding);
}

// x + two 3x3 convolutions; x is projected by a 1x1 convolution where the shape changes.
static int build_block(struct builder *b, int x, int channels, int filters, int stride)
{
    int y = add_conv2d(b, "conv1", x, filters, 3, stride, false);
    y = add_batchnorm(b, "bn1", y);
    y = clef_graph_relu(b->graph, join(b, "relu1"), y);
    y = add_conv2d(b, "conv2", y, filters, 3, 1, false);
    y = add_batchnorm(b, "bn2", y);
    if (stride != 1 || channels != filters) {
        x = add_conv2d(b, "downsample.conv", x, filters, 1, stride, false);
        x = add_batchnorm(b, "downsample.bn", x);
    }
    y = clef_graph_add(b->graph, join(b, "add"), y, x);
    return clef_graph_relu(b->graph, join(b, "relu2"), y);
}

static void build_head(struct builder *b, int x)
{
    if (b->config->head == CLEF_HEAD_FLATTEN_DENSE) {
        x = clef_graph_flatten(b->graph, "flatten", x);
        x = clef_graph_dense(b->graph, "fc1", x, b->config->dense_units, true);
        clef_graph_dense(b->graph, "fc2", x, b->config->classes, false);
    } else {
        x = clef_graph_global_avgpool(b->graph, "avgpool", x);
        clef_graph_dense(b->graph, "fc", x, b->config->classes, false);
    }
}

clef_status clef_resnet_build(const struct clef_resnet_config *config, struct clef_graph *graph)
{
    struct builder builder = {.config = config, .graph = graph}, *b = &builder;
    const int shape[3] = {config->input_height, config->input_width, config->input_channels};
    int channels = config->filters[0];
    int x = build_stem(b, clef_graph_input(graph, "input", shape));
    for (int stage = 0; stage < config->stages; stage++) {
        for (int block = 0; block < config->blocks[stage]; block++) {
            snprintf(b->prefix, sizeof b->prefix, "stage%d.block%d", stage + 1, block + 1);
            int stride = stage > 0 && block == 0 ? 2 : 1;
            x = build_block(b, x, channels, config->filters[stage], stride);
            channels = config->filters[stage];
        }
    }
    build_head(b, x);
    return clef_graph_finish(graph);
}
