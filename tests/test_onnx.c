// SPDX-License-Identifier: Apache-2.0
// An ONNX file read back: its graph, its tensors, and what cannot be written. That other programs
// take it and compute the same is tested with them, see frameworks.
#include "clef/onnx.h"
#include "model/model_state.h"
#include "onnx_file.pb-c.h"
#include "support/model_fixture.h"
#include "support/program.h"
#include "support/temp_directory.h"

#include <stdlib.h>

struct world {
    void *directory;
    struct fixture fixture;
    Onnx__ModelProto *file;
};

static Onnx__ModelProto *save_and_read(struct world *world, struct clef_model *model)
{
    const char *path = temp_path(&world->directory, "model.onnx");
    size_t size;
    EXPECT_OK(clef_onnx_save(model, path));
    char *bytes = read_file(path, &size);
    Onnx__ModelProto *file = onnx__model_proto__unpack(NULL, size, (const uint8_t *)bytes);
    assert_non_null(file);
    free(bytes);
    return file;
}

// Training makes every parameter and statistic a number of its own.
static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    assert_int_equal(0, temp_directory_setup(&world->directory));
    fixture_open(&world->fixture, 2, 1);
    fixture_train(&world->fixture, 1e-2f);
    world->file = save_and_read(world, world->fixture.model);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    onnx__model_proto__free_unpacked(world->file, NULL);
    fixture_close(&world->fixture);
    int failed = temp_directory_teardown(&world->directory);
    free(world);
    return failed;
}

// ---------------------------------------------------------------- looking things up

static const Onnx__NodeProto *find_node(const Onnx__GraphProto *graph, const char *name)
{
    for (size_t i = 0; i < graph->n_node; i++)
        if (strcmp(graph->node[i]->name, name) == 0)
            return graph->node[i];
    fail_msg("there is no node %s", name);
    return NULL;
}

static const Onnx__AttributeProto *find_attribute(const Onnx__NodeProto *node, const char *name)
{
    for (size_t i = 0; i < node->n_attribute; i++)
        if (strcmp(node->attribute[i]->name, name) == 0)
            return node->attribute[i];
    fail_msg("%s has no attribute %s", node->name, name);
    return NULL;
}

static void check_ints(const Onnx__NodeProto *node, const char *name, const int64_t *expected,
                       size_t count)
{
    const Onnx__AttributeProto *attribute = find_attribute(node, name);
    assert_int_equal(ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS, attribute->type);
    assert_int_equal(count, attribute->n_ints);
    assert_memory_equal(expected, attribute->ints, count * sizeof *expected);
}

static void check_window(const Onnx__GraphProto *graph, const char *name, int64_t kernel,
                         int64_t stride, const int64_t pads[4])
{
    const Onnx__NodeProto *node = find_node(graph, name);
    check_ints(node, "kernel_shape", (const int64_t[]){kernel, kernel}, 2);
    check_ints(node, "strides", (const int64_t[]){stride, stride}, 2);
    check_ints(node, "pads", pads, 4);
}

static void check_node(const Onnx__GraphProto *graph, const char *name, const char *op,
                       const char *const *inputs, const char *output)
{
    const Onnx__NodeProto *node = find_node(graph, name);
    assert_string_equal(op, node->op_type);
    for (size_t i = 0; i < node->n_input; i++) {
        assert_non_null(inputs[i]);
        assert_string_equal(inputs[i], node->input[i]);
    }
    assert_null(inputs[node->n_input]);
    assert_int_equal(1, node->n_output);
    assert_string_equal(output, node->output[0]);
}

#define INPUTS(...) ((const char *const[]){__VA_ARGS__, NULL})

// ---------------------------------------------------------------- graph

static void test_head(void **state)
{
    const struct world *world = *state;
    const Onnx__ModelProto *file = world->file;
    assert_int_equal(7, file->ir_version);
    assert_string_equal("clef", file->producer_name);
    assert_string_equal(clef_version(), file->producer_version);
    assert_int_equal(1, file->n_opset_import);
    assert_string_equal("", file->opset_import[0]->domain);
    assert_int_equal(13, file->opset_import[0]->version);
}

static void check_port(const Onnx__ValueInfoProto *port, const char *name, const int64_t *extents,
                       size_t rank)
{
    const Onnx__TypeProto__Tensor *tensor = port->type->tensor_type;
    assert_string_equal(name, port->name);
    assert_int_equal(1, tensor->elem_type);
    assert_int_equal(rank, tensor->shape->n_dim);
    assert_string_equal("N", tensor->shape->dim[0]->dim_param);
    assert_false(tensor->shape->dim[0]->has_dim_value);
    for (size_t i = 1; i < rank; i++)
        assert_int_equal(extents[i - 1], tensor->shape->dim[i]->dim_value);
}

static void test_ports(void **state)
{
    const struct world *world = *state;
    const Onnx__GraphProto *graph = world->file->graph;
    assert_int_equal(1, graph->n_input);
    assert_int_equal(1, graph->n_output);
    check_port(graph->input[0], "input", (const int64_t[]){1, FIXTURE_SIDE, FIXTURE_SIDE}, 4);
    check_port(graph->output[0], "logits", (const int64_t[]){FIXTURE_CLASSES}, 2);
}

static bool is_known(const Onnx__GraphProto *graph, size_t before, const char *value)
{
    if (strcmp(value, graph->input[0]->name) == 0)
        return true;
    for (size_t i = 0; i < graph->n_initializer; i++)
        if (strcmp(value, graph->initializer[i]->name) == 0)
            return true;
    for (size_t i = 0; i < before; i++)
        if (strcmp(value, graph->node[i]->output[0]) == 0)
            return true;
    return false;
}

// Every node reads what is there before it, and gives a value of a new name.
static void test_order(void **state)
{
    const struct world *world = *state;
    const Onnx__GraphProto *graph = world->file->graph;
    for (size_t i = 0; i < graph->n_node; i++) {
        const Onnx__NodeProto *node = graph->node[i];
        for (size_t k = 0; k < node->n_input; k++)
            if (!is_known(graph, i, node->input[k]))
                fail_msg("%s reads %s, which comes later or never", node->name, node->input[k]);
        assert_false(is_known(graph, i, node->output[0]));
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(node->name, graph->node[k]->name);
    }
    assert_string_equal("logits", graph->node[graph->n_node - 1]->output[0]);
}

static void test_nodes(void **state)
{
    const struct world *world = *state;
    const Onnx__GraphProto *graph = world->file->graph;
    check_node(graph, "stem.conv", "Conv", INPUTS("input", "stem.conv.weight", "stem.conv.bias"),
               "stem.conv.relu.input");
    check_node(graph, "stem.conv.relu", "Relu", INPUTS("stem.conv.relu.input"), "stem.conv");
    check_node(graph, "stem.pool", "MaxPool", INPUTS("stem.conv"), "stem.pool");
    check_node(graph, "stage1.block1.bn1", "BatchNormalization",
               INPUTS("stage1.block1.conv1", "stage1.block1.bn1.weight", "stage1.block1.bn1.bias",
                      "stage1.block1.bn1.running_mean", "stage1.block1.bn1.running_var"),
               "stage1.block1.bn1");
    check_node(graph, "stage1.block1.relu1", "Relu", INPUTS("stage1.block1.bn1"),
               "stage1.block1.relu1");
    check_node(graph, "stage1.block1.add", "Add", INPUTS("stage1.block1.bn2", "stem.pool"),
               "stage1.block1.add");
    check_node(graph, "flatten", "Flatten", INPUTS("stage2.block2.relu2"), "flatten");
    check_node(graph, "fc1", "Gemm", INPUTS("flatten", "fc1.weight", "fc1.bias"), "fc1.relu.input");
    check_node(graph, "fc2", "Gemm", INPUTS("fc1", "fc2.weight", "fc2.bias"), "logits");
}

// The odd row and column of padding stand at the end: 16 to 8, 8 to 4, and 4 to 2.
static void test_attributes(void **state)
{
    const struct world *world = *state;
    const Onnx__GraphProto *graph = world->file->graph;
    check_window(graph, "stem.conv", 7, 2, (const int64_t[]){2, 2, 3, 3});
    check_window(graph, "stem.pool", 3, 2, (const int64_t[]){0, 0, 1, 1});
    check_window(graph, "stage1.block1.conv1", 3, 1, (const int64_t[]){1, 1, 1, 1});
    check_window(graph, "stage2.block1.conv1", 3, 2, (const int64_t[]){0, 0, 1, 1});
    check_window(graph, "stage2.block1.downsample.conv", 1, 2, (const int64_t[]){0, 0, 0, 0});
    const Onnx__AttributeProto *epsilon =
        find_attribute(find_node(graph, "stage2.block2.bn2"), "epsilon");
    assert_int_equal(ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT, epsilon->type);
    assert_true(epsilon->f == 1e-3f);
    const Onnx__AttributeProto *transposed = find_attribute(find_node(graph, "fc2"), "transB");
    assert_int_equal(ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT, transposed->type);
    assert_int_equal(1, transposed->i);
}

// The other head, and what is not square.
static void test_avgpool(void **state)
{
    struct world *world = *state;
    struct clef_resnet_config config = {.input_height = 9,
                                        .input_width = 12,
                                        .input_channels = 3,
                                        .classes = 2,
                                        .stages = 1,
                                        .blocks = {1},
                                        .filters = {4},
                                        .head = CLEF_HEAD_AVGPOOL,
                                        .conv_bias = true,
                                        .batchnorm = {.momentum = 0.99, .epsilon = 1e-3}};
    struct clef_model *model;
    EXPECT_OK(clef_model_create_resnet(world->fixture.device, &config, 1, &model));
    Onnx__ModelProto *file = save_and_read(world, model);
    const Onnx__GraphProto *graph = file->graph;
    check_port(graph->input[0], "input", (const int64_t[]){3, 9, 12}, 4);
    check_window(graph, "stem.conv", 7, 2, (const int64_t[]){3, 2, 3, 3});
    check_window(graph, "stem.pool", 3, 2, (const int64_t[]){1, 0, 1, 1});
    check_node(graph, "avgpool", "GlobalAveragePool", INPUTS("stage1.block1.relu2"),
               "avgpool.flatten.input");
    check_node(graph, "avgpool.flatten", "Flatten", INPUTS("avgpool.flatten.input"), "avgpool");
    check_node(graph, "fc", "Gemm", INPUTS("avgpool", "fc.weight", "fc.bias"), "logits");
    onnx__model_proto__free_unpacked(file, NULL);
    clef_model_destroy(model);
}

// PyTorch's conventions: what the windows leave of the padding after an image does not count, so
// that only what they see is written.
static void test_imagenet(void **state)
{
    struct world *world = *state;
    struct clef_resnet_config config = clef_resnet_imagenet();
    struct clef_model *model;
    config.input_height = config.input_width = 32;
    config.stages = 2;
    config.filters[0] = 4;
    config.filters[1] = 8;
    EXPECT_OK(clef_model_create_resnet(world->fixture.device, &config, 1, &model));
    Onnx__ModelProto *file = save_and_read(world, model);
    const Onnx__GraphProto *graph = file->graph;
    check_port(graph->input[0], "input", (const int64_t[]){3, 32, 32}, 4);
    check_node(graph, "stem.conv", "Conv", INPUTS("input", "stem.conv.weight"), "stem.conv");
    check_window(graph, "stem.conv", 7, 2, (const int64_t[]){3, 3, 2, 2});
    check_window(graph, "stem.pool", 3, 2, (const int64_t[]){1, 1, 0, 0});
    const Onnx__NodeProto *batchnorm = find_node(graph, "stem.bn");
    assert_string_equal("stem.conv", batchnorm->input[0]);
    assert_true(find_attribute(batchnorm, "epsilon")->f == 1e-5f);
    onnx__model_proto__free_unpacked(file, NULL);
    clef_model_destroy(model);
}

// ---------------------------------------------------------------- tensors

// Where element `index` of a parameter stands in the file. The first dense layer, whose place is
// 2x2 with 20 channels, reads channels first.
static size_t place_of(const struct clef_parameter *parameter, size_t index)
{
    const int *dims = parameter->dims;
    if (parameter->rank == 1)
        return index;
    size_t outputs = (size_t)dims[parameter->rank - 1];
    size_t output = index % outputs, row = index / outputs, rows = parameter->count / outputs;
    size_t channels = (size_t)dims[2], position = 1;
    if (parameter->rank == 2)
        channels = strcmp(parameter->name, "fc1.weight") == 0 ? 20 : rows;
    position = row / channels;
    return output * rows + row % channels * (rows / channels) + position;
}

static void check_tensor(struct clef_model *model, int index, const Onnx__TensorProto *tensor)
{
    struct clef_parameter parameter = clef_model_get_parameter(model, index);
    float *values = malloc(parameter.count * sizeof *values);
    assert_non_null(values);
    EXPECT_OK(clef_model_read_parameter(model, index, values));
    assert_string_equal(parameter.name, tensor->name);
    assert_int_equal(1, tensor->data_type);
    assert_int_equal(parameter.count * sizeof *values, tensor->raw_data.len);
    assert_int_equal(parameter.rank, tensor->n_dims);
    for (size_t i = 0; i < parameter.count; i++) {
        float stored;
        size_t place = place_of(&parameter, i);
        memcpy(&stored, tensor->raw_data.data + place * sizeof stored, sizeof stored);
        if (memcmp(&stored, &values[i], sizeof stored) != 0)
            fail_msg("%s: element %zu is %g, but at %zu of the file stands %g", parameter.name, i,
                     (double)values[i], place, (double)stored);
    }
    free(values);
}

static void check_dims(const Onnx__TensorProto *tensor, const int64_t *dims)
{
    assert_memory_equal(dims, tensor->dims, tensor->n_dims * sizeof *dims);
}

static void test_tensors(void **state)
{
    struct world *world = *state;
    struct clef_model *model = world->fixture.model;
    const Onnx__GraphProto *graph = world->file->graph;
    assert_int_equal(clef_model_parameter_count(model), graph->n_initializer);
    for (int i = 0; i < clef_model_parameter_count(model); i++)
        check_tensor(model, i, graph->initializer[i]);
    check_dims(graph->initializer[fixture_find_parameter(model, "stage2.block1.conv1.weight")],
               (const int64_t[]){20, 8, 3, 3});
    check_dims(graph->initializer[fixture_find_parameter(model, "fc1.weight")],
               (const int64_t[]){24, 80});
    check_dims(graph->initializer[fixture_find_parameter(model, "fc2.bias")],
               (const int64_t[]){FIXTURE_CLASSES});
}

// ---------------------------------------------------------------- what cannot be written

// Nothing touches this network's 2 GiB, so that no memory is taken.
static void test_too_large(void **state)
{
    struct world *world = *state;
    struct clef_resnet_config config = {.input_height = 128,
                                        .input_width = 128,
                                        .input_channels = 1,
                                        .classes = 2,
                                        .stages = 1,
                                        .blocks = {1},
                                        .filters = {8},
                                        .head = CLEF_HEAD_FLATTEN_DENSE,
                                        .dense_units = 65536,
                                        .conv_bias = true,
                                        .batchnorm = {.momentum = 0.99, .epsilon = 1e-3}};
    struct clef_model *model;
    EXPECT_OK(clef_model_create_empty(world->fixture.device, &config, &model));
    const char *path = temp_path(&world->directory, "large.onnx");
    EXPECT_FAILS(clef_onnx_save(model, path), CLEF_UNSUPPORTED, "ONNX files have at most");
    assert_non_null(strstr(clef_last_error(), path));
    clef_model_destroy(model);
    assert_int_equal(1, count_entries(world->directory)); // What the set-up wrote.
}

static void test_bad_arguments(void **state)
{
    struct world *world = *state;
    struct clef_model *model = world->fixture.model;
    EXPECT_FAILS(clef_onnx_save(model, NULL), CLEF_INVALID_ARGUMENT, "needs a model and a path");
    EXPECT_FAILS(clef_onnx_save(NULL, "x"), CLEF_INVALID_ARGUMENT, "needs a model and a path");
    EXPECT_FAILS(clef_onnx_save(model, temp_path(&world->directory, "none/x.onnx")), CLEF_NOT_FOUND,
                 "none/x.onnx");
}

// ---------------------------------------------------------------- the program

static void test_program(void **state)
{
    struct world *world = *state;
    const char *model = temp_path(&world->directory, "model.safetensors");
    const char *out = temp_path(&world->directory, "program.onnx");
    size_t size, expected_size;
    EXPECT_OK(clef_model_save(world->fixture.model, 1, model));
    struct program_result result =
        RUN_CLEF("export", "--format", "onnx", "--model", model, "--out", out);
    check_exit(&result, 0);
    assert_string_equal("", result.err);
    program_release(&result);
    char *bytes = read_file(out, &size);
    char *expected = read_file(temp_path(&world->directory, "model.onnx"), &expected_size);
    assert_int_equal(expected_size, size);
    assert_memory_equal(expected, bytes, size);
    free(bytes);
    free(expected);
    result =
        RUN_CLEF("export", "--format", "onnx", "--layout", "keras", "--model", model, "--out", out);
    check_exit(&result, 2);
    check_one_line(&result, "--layout is for safetensors");
    program_release(&result);
}

#define ONNX_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ONNX_TEST(test_head),          ONNX_TEST(test_ports),      ONNX_TEST(test_order),
        ONNX_TEST(test_nodes),         ONNX_TEST(test_attributes), ONNX_TEST(test_avgpool),
        ONNX_TEST(test_imagenet),      ONNX_TEST(test_tensors),    ONNX_TEST(test_too_large),
        ONNX_TEST(test_bad_arguments), ONNX_TEST(test_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
