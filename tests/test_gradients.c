// SPDX-License-Identifier: Apache-2.0
// Whole networks against a naive reference in double precision: the loss, the moving statistics,
// and the gradients, which the reference knows from finite differences alone. The reference walks
// the layers one by one, image by image, and knows nothing of fusion, layouts or memory plans.
#include "model/executable.h"
#include "model/resnet.h"
#include "support/expect.h"
#include "support/network_reference.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SEED 20240607u

// ---------------------------------------------------------------- the device's side

struct subject {
    struct clef_device *device;
    struct clef_parameters parameters;
    struct clef_workspace workspace;
    struct clef_executable executable;
};

// Gives all parameters values off the special ones, so that no gradient vanishes by symmetry.
static void make_parameters(struct subject *subject, struct network_reference *reference)
{
    const struct clef_graph *graph = reference->graph;
    EXPECT_OK(clef_parameters_initialise(&subject->parameters, SEED));
    for (int i = 0; i < graph->parameter_count; i++) {
        size_t count = graph->parameters[i].count;
        float *values = malloc(count * sizeof *values);
        double *exact = malloc(count * sizeof *exact);
        EXPECT_OK(clef_parameters_read(&subject->parameters, CLEF_SLAB_VALUES, i, values));
        for (size_t k = 0; k < count; k++) {
            if (graph->parameters[i].kind != CLEF_PARAMETER_KERNEL)
                values[k] += (float)(0.3 * network_random((uint32_t)i, k));
            exact[k] = (double)values[k];
        }
        EXPECT_OK(clef_parameters_write(&subject->parameters, CLEF_SLAB_VALUES, i, values));
        reference->parameters[i] = exact;
        free(values);
    }
}

// Runs a training step that moves nothing; returns the loss.
static double run_subject(struct subject *subject, const struct network_reference *reference)
{
    struct clef_executable *executable = &subject->executable;
    struct clef_workspace *workspace = &subject->workspace;
    int batch = reference->batch;
    clef_parameters_keep_gradients(&subject->parameters);
    EXPECT_OK(clef_parameters_require_gradients(&subject->parameters));
    EXPECT_OK(
        clef_executable_create(reference->graph, &subject->parameters, batch, true, executable));
    workspace->device = subject->device;
    EXPECT_OK(clef_workspace_grow(workspace, &executable->need));
    EXPECT_OK(clef_executable_bind(executable, reference->graph, &subject->parameters, workspace));
    EXPECT_OK(clef_buffer_upload(workspace->images[1], 0, reference->images,
                                 network_image_size(&reference->graph->nodes[0]) * (size_t)batch,
                                 NULL));
    EXPECT_OK(clef_buffer_upload(workspace->labels[1], 0, reference->labels,
                                 (size_t)batch * sizeof(int32_t), NULL));
    const struct clef_run_values rest = {.learning_rate = 0, .step = 1};
    EXPECT_OK(clef_executable_run(executable, 1, 0, executable->schedule.step_count, &rest));
    float metrics[2];
    EXPECT_OK(
        clef_buffer_download(workspace->metrics, sizeof metrics, metrics, sizeof metrics, NULL));
    return (double)metrics[0];
}

static void release_subject(struct subject *subject)
{
    clef_executable_release(&subject->executable);
    clef_workspace_release(&subject->workspace);
    clef_parameters_release(&subject->parameters);
    clef_device_close(subject->device);
}

// ---------------------------------------------------------------- comparison

static void expect_near(double actual, double expected, double tolerance, const char *what)
{
    if (!(fabs(actual - expected) <= tolerance))
        fail_msg("%s is %.9g, expected %.9g within %.3g", what, actual, expected, tolerance);
}

// The derivative of the loss along a direction in one parameter. Central differences of step 1e-6
// in double have an error below 1e-8 on these networks.
static double derivative(struct network_reference *reference, int index, const double *direction)
{
    const double step = 1e-6;
    double *values = reference->parameters[index];
    size_t count = reference->graph->parameters[index].count;
    double *saved = malloc(count * sizeof *saved), loss[2];
    memcpy(saved, values, count * sizeof *saved);
    for (int side = 0; side < 2; side++) {
        for (size_t k = 0; k < count; k++)
            values[k] = saved[k] + (side ? step : -step) * direction[k];
        loss[side] = network_reference_loss(reference);
    }
    memcpy(values, saved, count * sizeof *saved);
    free(saved);
    return (loss[1] - loss[0]) / (2 * step);
}

// Compares one gradient along a dense random direction and along single elements. The tolerance is
// that of float32 sums through the depth of these networks, relative to the gradient's length.
static void check_gradient(struct subject *subject, struct network_reference *reference, int index)
{
    const struct clef_graph_parameter *parameter = &reference->graph->parameters[index];
    size_t count = parameter->count;
    float *gradient = malloc(count * sizeof *gradient);
    double *direction = calloc(count, sizeof *direction);
    EXPECT_OK(clef_parameters_read_gradient(&subject->parameters, index, gradient));
    double square = 0, along = 0;
    for (size_t k = 0; k < count; k++) {
        direction[k] = network_random(2000 + (uint32_t)index, k) < 0 ? -1 : 1;
        square += (double)gradient[k] * (double)gradient[k];
        along += (double)gradient[k] * direction[k];
    }
    double tolerance = 1e-4 * sqrt(square) + 1e-7;
    expect_near(along, derivative(reference, index, direction), tolerance, parameter->name);
    for (size_t sample = 0; sample < 4; sample++) {
        memset(direction, 0, count * sizeof *direction);
        size_t k = (sample * 7919 + (size_t)index) % count;
        direction[k] = 1;
        expect_near((double)gradient[k], derivative(reference, index, direction), tolerance,
                    parameter->name);
    }
    free(gradient);
    free(direction);
}

static void check_moving(struct subject *subject, struct network_reference *reference, int index)
{
    const struct clef_graph_parameter *parameter = &reference->graph->parameters[index];
    bool is_mean = parameter->kind == CLEF_PARAMETER_MOVING_MEAN;
    const double *batch = (is_mean ? reference->mean : reference->variance)[parameter->node];
    double keep = reference->graph->nodes[parameter->node].batchnorm.momentum;
    float *values = malloc(parameter->count * sizeof *values);
    EXPECT_OK(clef_parameters_read(&subject->parameters, CLEF_SLAB_VALUES, index, values));
    for (size_t k = 0; k < parameter->count; k++)
        expect_near((double)values[k],
                    keep * reference->parameters[index][k] + (1 - keep) * batch[k],
                    1e-6 * (1 + fabs(batch[k])), parameter->name);
    free(values);
}

static void check_graph(struct clef_graph *graph, enum clef_padding padding, int batch)
{
    struct subject subject = {0};
    struct network_reference reference;
    EXPECT_OK(clef_device_open(NULL, NULL, &subject.device));
    EXPECT_OK(clef_parameters_create(subject.device, graph, &subject.parameters));
    network_reference_create(&reference, graph, batch);
    reference.padding = padding;
    make_parameters(&subject, &reference);
    double loss = run_subject(&subject, &reference);
    expect_near(loss, network_reference_loss(&reference), 1e-5 * fabs(loss), "the loss");
    for (int i = 0; i < graph->parameter_count; i++)
        if (!clef_parameter_is_trainable(graph->parameters[i].kind))
            check_moving(&subject, &reference, i);
    for (int i = 0; i < graph->parameter_count; i++)
        if (clef_graph_trains(graph, i))
            check_gradient(&subject, &reference, i);
    network_reference_release(&reference);
    release_subject(&subject);
    clef_graph_release(graph);
}

static void check_resnet(const struct clef_resnet_config *config, int batch)
{
    struct clef_graph graph = {0};
    EXPECT_OK(clef_resnet_check(config));
    EXPECT_OK(clef_resnet_build(config, &graph));
    check_graph(&graph, config->padding, batch);
}

// ---------------------------------------------------------------- networks

static void test_flatten_dense(void **unused)
{
    (void)unused;
    check_resnet(&(struct clef_resnet_config){.input_height = 8,
                                              .input_width = 8,
                                              .input_channels = 1,
                                              .classes = 3,
                                              .stages = 2,
                                              .blocks = {1, 1},
                                              .filters = {4, 6},
                                              .head = CLEF_HEAD_FLATTEN_DENSE,
                                              .dense_units = 7,
                                              .conv_bias = true,
                                              .batchnorm = {.momentum = 0.99, .epsilon = 1e-3}},
                 5);
}

// More channels than a vector has lanes, several blocks, and an odd image that is not square.
static void test_avgpool(void **unused)
{
    (void)unused;
    check_resnet(&(struct clef_resnet_config){.input_height = 13,
                                              .input_width = 9,
                                              .input_channels = 3,
                                              .classes = 5,
                                              .stages = 3,
                                              .blocks = {2, 1, 2},
                                              .filters = {5, 5, 19},
                                              .head = CLEF_HEAD_AVGPOOL,
                                              .conv_bias = true,
                                              .batchnorm = {.momentum = 0.99, .epsilon = 1e-3}},
                 7);
}

// Fewer images than columns: rows are stored image by image.
static void test_image_major(void **unused)
{
    (void)unused;
    check_resnet(&(struct clef_resnet_config){.input_height = 20,
                                              .input_width = 22,
                                              .input_channels = 2,
                                              .classes = 4,
                                              .stages = 2,
                                              .blocks = {1, 2},
                                              .filters = {4, 5},
                                              .head = CLEF_HEAD_FLATTEN_DENSE,
                                              .dense_units = 6,
                                              .conv_bias = true,
                                              .batchnorm = {.momentum = 0.99, .epsilon = 1e-3}},
                 2);
}

// What torchvision has otherwise, at sizes of which each direction is even somewhere.
static void test_conventions_of_torchvision(void **unused)
{
    (void)unused;
    struct clef_resnet_config config = clef_resnet_imagenet();
    config.input_height = 26;
    config.input_width = 31;
    config.classes = 4;
    config.stages = 3;
    const int filters[] = {4, 6, 17};
    for (int i = 0; i < config.stages; i++) {
        config.blocks[i] = 1;
        config.filters[i] = filters[i];
    }
    check_resnet(&config, 3);
}

// The gradients behind frozen layers, whose normalisations take the moving statistics and keep
// them.
static void test_frozen(void **unused)
{
    (void)unused;
    struct clef_resnet_config config = clef_resnet_imagenet();
    config.input_height = config.input_width = 24;
    config.classes = 4;
    config.stages = 2;
    for (int i = 0; i < config.stages; i++) {
        config.blocks[i] = 2;
        config.filters[i] = 5 + i;
    }
    struct clef_graph graph = {0};
    EXPECT_OK(clef_resnet_build(&config, &graph));
    EXPECT_OK(clef_graph_freeze(&graph, "stem,stage1.block1"));
    check_graph(&graph, config.padding, 3);
    EXPECT_OK(clef_resnet_build(&config, &graph));
    EXPECT_OK(clef_graph_freeze(&graph, "stage1,stem,stage2"));
    check_graph(&graph, config.padding, 5);
}

static int add_conv2d(struct clef_graph *graph, const char *name, int src, int stride, bool relu)
{
    return clef_graph_conv2d(
        graph, name, src,
        &(struct clef_conv2d_config){
            .filters = 4, .kernel = 3, .stride = stride, .bias = true, .relu = relu});
}

// A network in which almost nothing can be fused: outputs that are read several times, additions
// of equal and of plain inputs, a ReLU that follows an addition, a pool that follows a pool.
static void test_nothing_fuses(void **unused)
{
    (void)unused;
    struct clef_graph graph = {0};
    const struct clef_batchnorm_config batchnorm = {.momentum = 0.99, .epsilon = 1e-3};
    int input = clef_graph_input(&graph, "input", (const int[]){10, 10, 2});
    int stem = add_conv2d(&graph, "stem", input, 1, true);
    int pool = clef_graph_maxpool(&graph, "pool1", stem, 3, 2, CLEF_PADDING_SAME);
    int branch = add_conv2d(&graph, "branch", stem, 2, false);
    int sum = clef_graph_add(&graph, "sum", pool, branch);
    int relu = clef_graph_relu(&graph, "relu", sum);
    int twice = clef_graph_add(&graph, "twice", relu, relu);
    int normal = clef_graph_batchnorm(&graph, "normal", twice, &batchnorm);
    int own = clef_graph_add(&graph, "own", normal, twice);
    int more = clef_graph_add(&graph, "more", own, sum);
    int second = clef_graph_maxpool(&graph, "pool2", more, 2, 2, CLEF_PADDING_SAME);
    int last = clef_graph_relu(&graph, "last", second);
    int top = clef_graph_maxpool(&graph, "pool3", last, 3, 1, CLEF_PADDING_SAME);
    int flat = clef_graph_flatten(&graph, "flatten", top);
    int hidden = clef_graph_dense(&graph, "hidden", flat, 5, false);
    int active = clef_graph_relu(&graph, "active", hidden);
    int both = clef_graph_add(&graph, "both", active, hidden);
    clef_graph_dense(&graph, "logits", both, 3, false);
    EXPECT_OK(clef_graph_finish(&graph));
    check_graph(&graph, CLEF_PADDING_SAME, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flatten_dense), cmocka_unit_test(test_avgpool),
        cmocka_unit_test(test_image_major),   cmocka_unit_test(test_conventions_of_torchvision),
        cmocka_unit_test(test_frozen),        cmocka_unit_test(test_nothing_fuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
