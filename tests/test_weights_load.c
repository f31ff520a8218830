// SPDX-License-Identifier: Apache-2.0
// Weights of other frameworks: layouts told apart, classifiers that start anew, and files that are
// not what they should be.
#include "clef/weights.h"
#include "io/safetensors.h"
#include "support/model_fixture.h"
#include "support/temp_directory.h"

#include <stdio.h>
#include <stdlib.h>

#define MOST_TENSORS 100

// A trained model, another one to load into, and what is written between: the trained one's
// parameters in PyTorch's layout, of which the tests change one thing.
struct world {
    struct fixture fixture;
    struct clef_model *other;
    void *directory;
    char path[300];
    struct clef_weights_found found;
    struct clef_safetensors *source;
    struct clef_safetensors_tensor tensors[MOST_TENSORS];
    int count;
};

static void read_content(struct world *world)
{
    EXPECT_OK(clef_weights_save(world->fixture.model, CLEF_LAYOUT_PYTORCH, world->path));
    EXPECT_OK(clef_safetensors_open(world->path, &world->source));
    world->count = clef_safetensors_count(world->source);
    assert_in_range(world->count, 1, MOST_TENSORS - 1);
    for (int i = 0; i < world->count; i++)
        world->tensors[i] = clef_safetensors_get(world->source, i);
}

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    struct clef_resnet_config config = fixture_config();
    fixture_open(&world->fixture, 2, 1);
    fixture_train(&world->fixture, 1e-2f);
    EXPECT_OK(clef_model_create_resnet(world->fixture.device, &config, 99, &world->other));
    temp_directory_setup(&world->directory);
    snprintf(world->path, sizeof world->path, "%s", temp_path(&world->directory, "weights"));
    read_content(world);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    clef_safetensors_close(world->source);
    clef_model_destroy(world->other);
    temp_directory_teardown(&world->directory);
    fixture_close(&world->fixture);
    free(world);
    return 0;
}

static clef_status provide(void *user, int index, float *values)
{
    struct world *world = user;
    size_t count = 1;
    for (int i = 0; i < world->tensors[index].rank; i++)
        count *= (size_t)world->tensors[index].dims[i];
    if (index < clef_safetensors_count(world->source) &&
        clef_safetensors_get(world->source, index).count == count)
        return clef_safetensors_read(world->source, index, values, count);
    memset(values, 0, count * sizeof *values);
    return CLEF_OK;
}

static clef_status write_and_load(struct world *world)
{
    EXPECT_OK(
        clef_safetensors_write(world->path, world->tensors, world->count, NULL, 0, provide, world));
    return clef_weights_load(world->other, world->path, &world->found);
}

static struct clef_safetensors_tensor *find(struct world *world, const char *name)
{
    for (int i = 0; i < world->count; i++)
        if (strcmp(world->tensors[i].name, name) == 0)
            return &world->tensors[i];
    fail_msg("there is no tensor \"%s\"", name);
    return NULL;
}

// Whether both models have the same bits in all parameters up to that of a number.
static void check_same_parameters(const struct world *world, int parameters)
{
    for (int i = 0; i < parameters; i++) {
        struct clef_parameter parameter = clef_model_get_parameter(world->other, i);
        size_t bytes = parameter.count * sizeof(float);
        float *expected = malloc(bytes), *values = malloc(bytes);
        EXPECT_OK(clef_model_read_parameter(world->fixture.model, i, expected));
        EXPECT_OK(clef_model_read_parameter(world->other, i, values));
        if (memcmp(expected, values, bytes) != 0)
            fail_msg("\"%s\" differs", parameter.name);
        free(expected);
        free(values);
    }
}

static void test_round_trips(void **state)
{
    struct world *world = *state;
    int count = clef_model_parameter_count(world->other);
    EXPECT_OK(clef_weights_load(world->other, world->path, &world->found));
    assert_string_equal("pytorch", world->found.layout);
    assert_int_equal(0, world->found.file_classes);
    check_same_parameters(world, count);
    // Each time from other values.
    fixture_train(&world->fixture, 1e-2f);
    EXPECT_OK(clef_weights_save(world->fixture.model, CLEF_LAYOUT_KERAS, world->path));
    EXPECT_OK(clef_weights_load(world->other, world->path, &world->found));
    assert_string_equal("keras", world->found.layout);
    check_same_parameters(world, count);
    fixture_train(&world->fixture, 1e-2f);
    EXPECT_OK(clef_model_save(world->fixture.model, 7, world->path));
    EXPECT_OK(clef_weights_load(world->other, world->path, &world->found));
    assert_string_equal("clef", world->found.layout);
    check_same_parameters(world, count);
}

// A classifier for other classes keeps the values that it was made with.
static void test_other_classes(void **state)
{
    struct world *world = *state;
    struct clef_resnet_config config = fixture_config();
    config.classes = FIXTURE_CLASSES + 2;
    clef_model_destroy(world->other);
    EXPECT_OK(clef_model_create_resnet(world->fixture.device, &config, 99, &world->other));
    int head = fixture_find_parameter(world->other, "fc2.weight");
    struct clef_parameter parameter = clef_model_get_parameter(world->other, head);
    float *before = malloc(parameter.count * sizeof *before);
    float *after = malloc(parameter.count * sizeof *after);
    EXPECT_OK(clef_model_read_parameter(world->other, head, before));
    EXPECT_OK(clef_weights_load(world->other, world->path, &world->found));
    assert_int_equal(FIXTURE_CLASSES, world->found.file_classes);
    assert_string_equal("fc2", world->found.head);
    check_same_parameters(world, head);
    EXPECT_OK(clef_model_read_parameter(world->other, head, after));
    assert_memory_equal(before, after, parameter.count * sizeof *before);
    free(before);
    free(after);
}

// Weight and bias must agree on the number of classes, and the rest of the shape must be right.
static void test_bad_classifier(void **state)
{
    struct world *world = *state;
    find(world, "fc2.weight")->dims[0] = 9;
    EXPECT_FAILS(write_and_load(world), CLEF_FORMAT,
                 "tensor \"fc2.weight\" is [9, 24], but the network asks for [5, 24]");
    find(world, "fc2.bias")->dims[0] = 8;
    EXPECT_FAILS(write_and_load(world), CLEF_FORMAT, "tensor \"fc2.weight\" is [9, 24]");
    find(world, "fc2.bias")->dims[0] = 9;
    EXPECT_OK(write_and_load(world));
    assert_int_equal(9, world->found.file_classes);
    find(world, "fc2.weight")->dims[1] = 23;
    EXPECT_FAILS(write_and_load(world), CLEF_FORMAT, "tensor \"fc2.weight\" is [9, 23]");
}

static void test_bad_tensors(void **state)
{
    struct world *world = *state;
    struct clef_safetensors_tensor *tensor = find(world, "layer1.0.conv2.weight");
    tensor->name = "layer1.0.conv3.weight";
    EXPECT_FAILS(write_and_load(world), CLEF_FORMAT, "tensor \"layer1.0.conv2.weight\" is missing");
    if (!strstr(clef_last_error(), world->path))
        fail_msg("\"%s\" does not name the file", clef_last_error());
    tensor->name = "layer1.0.conv2.weight";
    tensor->dims[2] = 5;
    EXPECT_FAILS(write_and_load(world), CLEF_FORMAT,
                 "tensor \"layer1.0.conv2.weight\" is [8, 8, 5, 3], but the network asks for "
                 "[8, 8, 3, 3]");
    tensor->dims[2] = 3;
    tensor = find(world, "layer2.0.bn1.bias");
    tensor->rank = 2;
    tensor->dims[1] = 1;
    EXPECT_FAILS(write_and_load(world), CLEF_FORMAT, "is [20, 1], but the network asks for [20]");
    tensor->rank = 1;
    // The hidden layer is no classifier.
    find(world, "fc1.bias")->dims[0] = 25;
    EXPECT_FAILS(write_and_load(world), CLEF_FORMAT, "tensor \"fc1.bias\" is [25]");
    find(world, "fc1.bias")->dims[0] = 24;
    EXPECT_OK(write_and_load(world));
}

static void test_other_tensors(void **state)
{
    struct world *world = *state;
    struct clef_safetensors_tensor *extra = &world->tensors[world->count++];
    *extra = (struct clef_safetensors_tensor){.name = "layer1.0.bn1.num_batches_tracked"};
    EXPECT_OK(write_and_load(world));
    extra->name = "layer3.0.conv1.weight";
    EXPECT_FAILS(write_and_load(world), CLEF_FORMAT,
                 "tensor \"layer3.0.conv1.weight\" does not belong to the network");
}

static void test_foreign_files(void **state)
{
    struct world *world = *state;
    world->tensors[0].name = "x";
    world->count = 1;
    EXPECT_FAILS(write_and_load(world), CLEF_FORMAT, "no tensor has the name of a parameter");
    write_file(world->path, "this is no model", 16);
    EXPECT_FAILS(clef_weights_load(world->other, world->path, &world->found), CLEF_FORMAT,
                 world->path);
    assert_int_equal(clef_weights_load(world->other, "/nonexistent/x", &world->found),
                     CLEF_NOT_FOUND);
    assert_int_equal(clef_weights_load(world->other, NULL, &world->found), CLEF_INVALID_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_round_trips, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_other_classes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_classifier, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_tensors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_other_tensors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_foreign_files, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
