// SPDX-License-Identifier: Apache-2.0
// The residual network: its layers and parameters, what is fused, and which configurations are
// refused.
#include "model/resnet.h"
#include "model/schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

struct counts {
    size_t all, trainable;
};

static struct counts count_parameters(const struct clef_graph *graph)
{
    struct counts counts = {0, 0};
    for (int i = 0; i < graph->parameter_count; i++) {
        counts.all += graph->parameters[i].count;
        if (clef_parameter_is_trainable(graph->parameters[i].kind))
            counts.trainable += graph->parameters[i].count;
    }
    return counts;
}

static struct clef_graph build(const struct clef_resnet_config *config)
{
    struct clef_graph graph = {0};
    assert_int_equal(clef_resnet_check(config), CLEF_OK);
    assert_int_equal(clef_resnet_build(config, &graph), CLEF_OK);
    return graph;
}

// The figures of Keras's summary().
static void test_default_parameters(void **unused)
{
    (void)unused;
    struct clef_resnet_config config = clef_resnet_default();
    struct clef_graph graph = build(&config);
    struct counts counts = count_parameters(&graph);
    assert_int_equal(counts.all, 11707394);
    assert_int_equal(counts.trainable, 11697922);
    clef_graph_release(&graph);
}

// torchvision's figure, and its extents at each stage.
static void test_imagenet(void **unused)
{
    (void)unused;
    struct clef_resnet_config config = clef_resnet_imagenet();
    struct clef_graph graph = build(&config);
    struct counts counts = count_parameters(&graph);
    assert_int_equal(counts.trainable, 11689512);
    assert_int_equal(counts.all - counts.trainable, 9600);
    static const struct {
        const char *name;
        int size, channels;
    } layers[] = {
        {"stem.conv", 112, 64},
        {"stem.bn", 112, 64},
        {"stem.pool", 56, 64},
        {"stage1.block2.relu2", 56, 64},
        {"stage2.block1.downsample.bn", 28, 128},
        {"stage4.block2.relu2", 7, 512},
    };
    size_t found = 0;
    for (int i = 0; i < graph.node_count; i++) {
        const struct clef_node *node = &graph.nodes[i];
        if (node->kind == CLEF_NODE_CONV2D)
            assert_int_equal(node->window.pad_top, node->window.kernel_h / 2);
        if (found == sizeof layers / sizeof *layers || strcmp(node->name, layers[found].name) != 0)
            continue;
        assert_int_equal(node->height, layers[found].size);
        assert_int_equal(node->width, layers[found].size);
        assert_int_equal(node->channels, layers[found].channels);
        found++;
    }
    assert_int_equal(found, sizeof layers / sizeof *layers);
    clef_graph_release(&graph);
}

static void test_avgpool_head(void **unused)
{
    (void)unused;
    struct clef_resnet_config config = clef_resnet_default();
    config.head = CLEF_HEAD_AVGPOOL;
    struct clef_graph graph = build(&config);
    // Without the hidden layer (512*1000 + 1000), and 512 instead of 1000 inputs to the last.
    assert_int_equal(count_parameters(&graph).all, 11707394 - 513000 - 488 * 10);
    const struct clef_node *pool = &graph.nodes[graph.node_count - 2];
    assert_int_equal(pool->kind, CLEF_NODE_GLOBAL_AVGPOOL);
    assert_int_equal(pool->channels, 512);
    clef_graph_release(&graph);
}

static void test_names_and_order(void **unused)
{
    (void)unused;
    static const char *const first[] = {
        "stem.conv.weight",
        "stem.conv.bias",
        "stage1.block1.conv1.weight",
        "stage1.block1.conv1.bias",
        "stage1.block1.bn1.weight",
        "stage1.block1.bn1.bias",
        "stage1.block1.bn1.running_mean",
        "stage1.block1.bn1.running_var",
        "stage1.block1.conv2.weight",
    };
    static const char *const last[] = {"fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"};
    struct clef_resnet_config config = clef_resnet_default();
    struct clef_graph graph = build(&config);
    for (int i = 0; i < 9; i++)
        assert_string_equal(graph.parameters[i].name, first[i]);
    for (int i = 0; i < 4; i++)
        assert_string_equal(graph.parameters[graph.parameter_count - 4 + i].name, last[i]);
    const int *dims = graph.parameters[0].dims;
    assert_int_equal(graph.parameters[0].rank, 4);
    assert_true(dims[0] == 7 && dims[1] == 7 && dims[2] == 1 && dims[3] == 64);
    clef_graph_release(&graph);
}

// Only the stem's convolution keeps the gradient of its bias: all others are normalised.
static void test_zero_gradients(void **unused)
{
    (void)unused;
    struct clef_resnet_config config = clef_resnet_default();
    struct clef_graph graph = build(&config);
    int zero = 0;
    for (int i = 0; i < graph.parameter_count; i++)
        zero += graph.parameters[i].zero_gradient;
    assert_int_equal(zero, 19);
    assert_string_equal(graph.parameters[1].name, "stem.conv.bias");
    assert_false(graph.parameters[1].zero_gradient);
    clef_graph_release(&graph);
}

static int count_steps(const struct clef_schedule *schedule, enum clef_step_op op)
{
    int count = 0;
    for (int i = 0; i < schedule->step_count; i++)
        count += schedule->steps[i].op == op;
    return count;
}

// Every addition and every ReLU but that of the hidden layer's backward pass is fused.
static void test_training_is_fused(void **unused)
{
    (void)unused;
    struct clef_resnet_config config = clef_resnet_default();
    struct clef_graph graph = build(&config);
    struct clef_schedule schedule;
    assert_int_equal(clef_schedule_create(&graph, 64, true, &schedule), CLEF_OK);
    assert_int_equal(count_steps(&schedule, CLEF_STEP_conv2d_forward), 20);
    assert_int_equal(count_steps(&schedule, CLEF_STEP_conv2d_backward_weights), 20);
    assert_int_equal(count_steps(&schedule, CLEF_STEP_conv2d_backward_data), 19);
    assert_int_equal(count_steps(&schedule, CLEF_STEP_batchnorm_train), 19);
    assert_int_equal(count_steps(&schedule, CLEF_STEP_batchnorm_backward), 19);
    assert_int_equal(count_steps(&schedule, CLEF_STEP_add), 0);
    assert_int_equal(count_steps(&schedule, CLEF_STEP_copy), 1);
    assert_int_equal(count_steps(&schedule, CLEF_STEP_relu_forward), 0);
    assert_int_equal(count_steps(&schedule, CLEF_STEP_relu_backward), 1);
    assert_int_equal(schedule.steps[schedule.step_count - 1].op, CLEF_STEP_adam);
    clef_schedule_release(&schedule);
    clef_graph_release(&graph);
}

static void test_inference_is_fused_and_smaller(void **unused)
{
    (void)unused;
    struct clef_resnet_config config = clef_resnet_default();
    struct clef_graph graph = build(&config);
    struct clef_schedule inference, training;
    assert_int_equal(clef_schedule_create(&graph, 64, false, &inference), CLEF_OK);
    assert_int_equal(clef_schedule_create(&graph, 64, true, &training), CLEF_OK);
    // Cast, 20 convolutions, 19 normalisations, pool, two dense layers, loss.
    assert_int_equal(inference.step_count, 44);
    assert_true(inference.arena_floats * 3 < training.arena_floats);
    clef_schedule_release(&inference);
    clef_schedule_release(&training);
    clef_graph_release(&graph);
}

// Extents of 1 x 1 are valid: `same` padding never gives less.
static void test_smallest_input(void **unused)
{
    (void)unused;
    struct clef_resnet_config config = clef_resnet_default();
    config.input_height = config.input_width = 1;
    struct clef_graph graph = build(&config);
    const struct clef_node *last = &graph.nodes[graph.node_count - 1];
    assert_int_equal(last->channels, 10);
    clef_graph_release(&graph);
}

static void expect_refused(const struct clef_resnet_config *config, const char *word)
{
    assert_int_equal(clef_resnet_check(config), CLEF_INVALID_ARGUMENT);
    if (!strstr(clef_last_error(), word))
        fail_msg("\"%s\" does not contain \"%s\"", clef_last_error(), word);
}

static void test_refused_configurations(void **unused)
{
    (void)unused;
    struct clef_resnet_config config;
#define REFUSE(change, word)            \
    do {                                \
        config = clef_resnet_default(); \
        change;                         \
        expect_refused(&config, word);  \
    } while (0)
    REFUSE(config.input_height = 0, "height is 0");
    REFUSE(config.input_width = -3, "width is -3");
    REFUSE(config.input_channels = 0, "channels is 0");
    REFUSE(config.classes = 1, "classes is 1");
    REFUSE(config.stages = 0, "stages is 0");
    REFUSE(config.stages = CLEF_MAX_STAGES + 1, "stages is 9");
    REFUSE(config.blocks[2] = 0, "blocks of stage 3 is 0");
    REFUSE(config.filters[1] = 0, "filters of stage 2 is 0");
    REFUSE(config.filters[3] = CLEF_MAX_EXTENT + 1, "filters of stage 4 is 65537");
    REFUSE(config.dense_units = 0, "dense units is 0");
    REFUSE(config.padding = (enum clef_padding)2, "padding number 2");
    REFUSE(config.batchnorm.momentum = 1.5, "momentum of batch norms is 1.5");
    REFUSE(config.batchnorm.epsilon = 0, "epsilon of batch norms is 0");
    REFUSE(config.batchnorm.epsilon = 1e-60, "epsilon of batch norms is 1e-60");
    REFUSE(config.head = (enum clef_head)7, "head number 7");
#undef REFUSE
    expect_refused(NULL, "NULL");
}

// Each extent is allowed, but not all of them together.
static void test_too_large_image(void **unused)
{
    (void)unused;
    struct clef_resnet_config config = clef_resnet_default();
    config.input_height = config.input_width = 60000;
    struct clef_graph graph = {0};
    assert_int_equal(clef_resnet_build(&config, &graph), CLEF_INVALID_ARGUMENT);
    assert_non_null(strstr(clef_last_error(), "layer \"input\""));
    clef_graph_release(&graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_default_parameters),
        cmocka_unit_test(test_imagenet),
        cmocka_unit_test(test_avgpool_head),
        cmocka_unit_test(test_names_and_order),
        cmocka_unit_test(test_zero_gradients),
        cmocka_unit_test(test_training_is_fused),
        cmocka_unit_test(test_inference_is_fused_and_smaller),
        cmocka_unit_test(test_smallest_input),
        cmocka_unit_test(test_refused_configurations),
        cmocka_unit_test(test_too_large_image),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
