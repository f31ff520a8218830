// SPDX-License-Identifier: Apache-2.0
// Names and orders of parameters in files for other frameworks.
#include "clef/weights.h"
#include "io/safetensors.h"
#include "support/model_fixture.h"
#include "support/temp_directory.h"

#include <stdio.h>
#include <stdlib.h>

// Two stages, the second with a projection, and a last map of 2x2 before the head.
struct world {
    struct fixture fixture;
    void *directory;
    char path[300];
    struct clef_safetensors *file;
};

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    fixture_open(&world->fixture, 2, 1);
    fixture_train(&world->fixture, 1e-2f); // So that no two parameters are alike.
    temp_directory_setup(&world->directory);
    snprintf(world->path, sizeof world->path, "%s", temp_path(&world->directory, "weights"));
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    clef_safetensors_close(world->file);
    temp_directory_teardown(&world->directory);
    fixture_close(&world->fixture);
    free(world);
    return 0;
}

static void save(struct world *world, enum clef_layout layout)
{
    EXPECT_OK(clef_weights_save(world->fixture.model, layout, world->path));
    EXPECT_OK(clef_safetensors_open(world->path, &world->file));
    assert_int_equal(clef_model_parameter_count(world->fixture.model),
                     clef_safetensors_count(world->file));
}

static float *read_tensor(const struct world *world, const char *name, int rank, const int *dims)
{
    int index = clef_safetensors_find(world->file, name);
    if (index < 0)
        fail_msg("there is no tensor \"%s\"", name);
    struct clef_safetensors_tensor tensor = clef_safetensors_get(world->file, index);
    assert_int_equal(rank, tensor.rank);
    for (int i = 0; i < rank; i++)
        assert_int_equal(dims[i], tensor.dims[i]);
    float *values = calloc(tensor.count, sizeof *values);
    EXPECT_OK(clef_safetensors_read(world->file, index, values, tensor.count));
    return values;
}

static float *read_parameter(const struct world *world, const char *name)
{
    struct clef_model *model = world->fixture.model;
    int index = fixture_find_parameter(model, name);
    float *values = calloc(clef_model_get_parameter(model, index).count, sizeof *values);
    EXPECT_OK(clef_model_read_parameter(model, index, values));
    return values;
}

// An element of the parameter, (h, w, i, o) of a kernel of these extents, and its place in the
// file.
static void check_oihw(const struct world *world, const char *parameter, const char *tensor,
                       int rank, const int *dims, const int hwio[4])
{
    float *values = read_parameter(world, parameter);
    float *found = read_tensor(world, tensor, rank, dims);
    int height = hwio[0], width = hwio[1], in = hwio[2], out = hwio[3];
    for (int h = 0; h < height; h++)
        for (int w = 0; w < width; w++)
            for (int i = 0; i < in; i++)
                for (int o = 0; o < out; o++) {
                    float value = values[((h * width + w) * in + i) * out + o];
                    if (found[((o * in + i) * height + h) * width + w] != value)
                        fail_msg("%s: element h=%d w=%d i=%d o=%d", tensor, h, w, i, o);
                }
    free(values);
    free(found);
}

static void check_same(const struct world *world, const char *parameter, const char *tensor,
                       int rank, const int *dims)
{
    size_t count = 1;
    for (int i = 0; i < rank; i++)
        count *= (size_t)dims[i];
    float *values = read_parameter(world, parameter);
    float *found = read_tensor(world, tensor, rank, dims);
    assert_memory_equal(values, found, count * sizeof *values);
    free(values);
    free(found);
}

static void test_pytorch(void **state)
{
    struct world *world = *state;
    save(world, CLEF_LAYOUT_PYTORCH);
    assert_string_equal("pt", clef_safetensors_metadata(world->file, "format"));
    if (!strstr(clef_safetensors_metadata(world->file, "config"), "\"filters\":[8,20]"))
        fail_msg("no configuration: %s", clef_safetensors_metadata(world->file, "config"));
    check_oihw(world, "stem.conv.weight", "conv1.weight", 4, (const int[]){8, 1, 7, 7},
               (const int[]){7, 7, 1, 8});
    check_oihw(world, "stage2.block1.downsample.conv.weight", "layer2.0.downsample.0.weight", 4,
               (const int[]){20, 8, 1, 1}, (const int[]){1, 1, 8, 20});
    check_oihw(world, "stage2.block2.conv2.weight", "layer2.1.conv2.weight", 4,
               (const int[]){20, 20, 3, 3}, (const int[]){3, 3, 20, 20});
    // The rows of the first dense layer follow the flattened image: channels first there.
    check_oihw(world, "fc1.weight", "fc1.weight", 2, (const int[]){24, 80},
               (const int[]){2, 2, 20, 24});
    check_oihw(world, "fc2.weight", "fc2.weight", 2, (const int[]){5, 24},
               (const int[]){1, 1, 24, 5});
    check_same(world, "stem.conv.bias", "conv1.bias", 1, (const int[]){8});
    check_same(world, "stage2.block1.downsample.bn.running_var",
               "layer2.0.downsample.1.running_var", 1, (const int[]){20});
    check_same(world, "stage1.block1.bn2.weight", "layer1.0.bn2.weight", 1, (const int[]){8});
}

// The layers of a class are numbered in the order of the network: of a block with a projection the
// two convolutions come first.
static void test_keras(void **state)
{
    struct world *world = *state;
    save(world, CLEF_LAYOUT_KERAS);
    check_same(world, "stem.conv.weight", "conv2d/kernel", 4, (const int[]){7, 7, 1, 8});
    check_same(world, "stage1.block1.conv1.bias", "conv2d_1/bias", 1, (const int[]){8});
    check_same(world, "stage2.block1.conv2.weight", "conv2d_4/kernel", 4,
               (const int[]){3, 3, 20, 20});
    check_same(world, "stage2.block1.downsample.conv.weight", "conv2d_5/kernel", 4,
               (const int[]){1, 1, 8, 20});
    check_same(world, "stage1.block1.bn1.weight", "batch_normalization/gamma", 1, (const int[]){8});
    check_same(world, "stage2.block1.downsample.bn.running_mean",
               "batch_normalization_4/moving_mean", 1, (const int[]){20});
    check_same(world, "stage2.block2.bn1.running_var", "batch_normalization_5/moving_variance", 1,
               (const int[]){20});
    check_same(world, "fc1.weight", "dense/kernel", 2, (const int[]){80, 24});
    check_same(world, "fc2.bias", "dense_1/bias", 1, (const int[]){5});
}

// Torchvision's own resnet18 has these 102 tensors, but for its counters of batches.
static void test_torchvision(void **state)
{
    static const char *const names[] = {
        "conv1.weight",
        "bn1.weight",
        "bn1.bias",
        "bn1.running_mean",
        "bn1.running_var",
        "layer1.0.conv1.weight",
        "layer2.0.downsample.0.weight",
        "layer2.0.downsample.1.running_mean",
        "layer4.1.conv2.weight",
        "layer4.1.bn2.running_var",
        "fc.weight",
        "fc.bias",
    };
    struct world *world = *state;
    struct clef_resnet_config config = clef_resnet_imagenet();
    config.input_height = config.input_width = 32;
    for (int i = 0; i < config.stages; i++)
        config.filters[i] = 4 * (i + 1);
    struct clef_model *model;
    EXPECT_OK(clef_model_create_resnet(world->fixture.device, &config, 1, &model));
    EXPECT_OK(clef_weights_save(model, CLEF_LAYOUT_PYTORCH, world->path));
    clef_model_destroy(model);
    EXPECT_OK(clef_safetensors_open(world->path, &world->file));
    assert_int_equal(102, clef_safetensors_count(world->file));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (clef_safetensors_find(world->file, names[i]) < 0)
            fail_msg("there is no tensor \"%s\"", names[i]);
}

static void test_arguments(void **state)
{
    struct world *world = *state;
    EXPECT_FAILS(clef_weights_save(world->fixture.model, CLEF_LAYOUT_CLEF, world->path),
                 CLEF_INVALID_ARGUMENT, "PyTorch's or Keras's layout");
    assert_int_equal(clef_weights_save(world->fixture.model, CLEF_LAYOUT_KERAS, "/nonexistent/x"),
                     CLEF_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_pytorch, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_keras, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_torchvision, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_arguments, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
