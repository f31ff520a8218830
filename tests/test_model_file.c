// SPDX-License-Identifier: Apache-2.0
// Saving and loading a model, and files that are not what they should be.
#include "io/safetensors.h"
#include "model/resnet_json.h"
#include "support/model_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MOST_TENSORS 100
#define MOST_METADATA 5

static char directory[] = "/tmp/clef-model-file-XXXXXX";
static char path[64];

static int make_directory(void **unused)
{
    (void)unused;
    if (!mkdtemp(directory))
        return -1;
    snprintf(path, sizeof path, "%s/model.safetensors", directory);
    return 0;
}

static int remove_directory(void **unused)
{
    (void)unused;
    unlink(path);
    return rmdir(directory);
}

// ---------------------------------------------------------------- round trip

static const char good_config[] =
    "{\"architecture\":\"resnet\",\"input\":[16,16,1],\"classes\":5,\"blocks\":[1,2],"
    "\"filters\":[8,20],\"head\":\"flatten-dense\",\"dense_units\":24}";

static void expect_same_config(const struct clef_resnet_config *config,
                               const struct clef_resnet_config *expected)
{
    char *text = clef_resnet_to_json(config), *expected_text = clef_resnet_to_json(expected);
    assert_string_equal(text, expected_text);
    free(text);
    free(expected_text);
}

static void test_round_trip(void **state)
{
    struct fixture *fixture = *state;
    fixture_train(fixture, 1e-2f);
    fixture_train(fixture, 1e-2f);
    EXPECT_OK(clef_model_save(fixture->model, 77, path));
    struct clef_model *loaded;
    int batch_size = 0;
    EXPECT_OK(clef_model_load(fixture->device, path, &loaded, &batch_size));
    assert_int_equal(batch_size, 77);
    expect_same_config(clef_model_get_config(loaded), clef_model_get_config(fixture->model));
    size_t count, loaded_count;
    float *saved = fixture_read_all(fixture->model, &count);
    float *values = fixture_read_all(loaded, &loaded_count);
    assert_int_equal(count, loaded_count);
    assert_memory_equal(saved, values, count * sizeof *values);
    float logits[FIXTURE_BATCH * FIXTURE_CLASSES], again[FIXTURE_BATCH * FIXTURE_CLASSES];
    EXPECT_OK(clef_model_predict(fixture->model, &fixture->batch, logits));
    EXPECT_OK(clef_model_predict(loaded, &fixture->batch, again));
    assert_memory_equal(logits, again, sizeof logits);
    free(saved);
    free(values);
    clef_model_destroy(loaded);
    EXPECT_OK(clef_model_load(fixture->device, path, &loaded, NULL));
    clef_model_destroy(loaded);
}

static void test_other_configuration(void **state)
{
    struct fixture *fixture = *state;
    struct clef_resnet_config config = {.input_height = 9,
                                        .input_width = 12,
                                        .input_channels = 3,
                                        .classes = 2,
                                        .stages = 1,
                                        .blocks = {2},
                                        .filters = {3},
                                        .head = CLEF_HEAD_AVGPOOL,
                                        .conv_bias = true,
                                        .batchnorm = {.momentum = 0.99, .epsilon = 1e-3}};
    struct clef_model *model, *loaded;
    EXPECT_OK(clef_model_create_resnet(fixture->device, &config, 5, &model));
    EXPECT_OK(clef_model_save(model, 1, path));
    EXPECT_OK(clef_model_load(fixture->device, path, &loaded, NULL));
    expect_same_config(clef_model_get_config(loaded), &config);
    clef_model_destroy(model);
    clef_model_destroy(loaded);
}

static void test_conventions(void **state)
{
    (void)state;
    struct clef_resnet_config config = clef_resnet_imagenet(), read;
    char *text = clef_resnet_to_json(&config);
    EXPECT_OK(clef_resnet_from_json(text, &read));
    free(text);
    expect_same_config(&read, &config);
    assert_int_equal(read.padding, CLEF_PADDING_SYMMETRIC);
    assert_true(read.stem_batchnorm && !read.conv_bias && read.batchnorm.unbiased_variance);
    assert_true(read.batchnorm.momentum == 0.9 && read.batchnorm.epsilon == 1e-5);
}

// A file that says nothing of paddings and normalisation has those of the default network.
static void test_old_configuration(void **state)
{
    (void)state;
    struct clef_resnet_config config, expected = fixture_config();
    EXPECT_OK(clef_resnet_from_json(good_config, &config));
    expect_same_config(&config, &expected);
}

// ---------------------------------------------------------------- damaged files

// What is written; the tests change one thing of it.
struct content {
    struct clef_safetensors_tensor tensors[MOST_TENSORS];
    int tensor_count;
    struct clef_safetensors_string metadata[MOST_METADATA];
};

enum { FORMAT, VERSION, CONFIG, BATCH_SIZE, LAYOUT };

static struct content good_content(const struct clef_model *model)
{
    struct content content = {.tensor_count = clef_model_parameter_count(model),
                              .metadata = {[FORMAT] = {"format", "clef"},
                                           [VERSION] = {"version", "1"},
                                           [CONFIG] = {"config", good_config},
                                           [BATCH_SIZE] = {"batch_size", "64"},
                                           [LAYOUT] = {"layout", "keras"}}};
    assert_true(content.tensor_count < MOST_TENSORS);
    for (int i = 0; i < content.tensor_count; i++) {
        struct clef_parameter parameter = clef_model_get_parameter(model, i);
        content.tensors[i].name = parameter.name;
        content.tensors[i].rank = parameter.rank;
        for (int k = 0; k < parameter.rank; k++)
            content.tensors[i].dims[k] = parameter.dims[k];
    }
    return content;
}

static clef_status zeros(void *user, int index, float *values)
{
    const struct content *content = user;
    size_t count = 1;
    for (int i = 0; i < content->tensors[index].rank; i++)
        count *= (size_t)content->tensors[index].dims[i];
    memset(values, 0, count * sizeof *values);
    return CLEF_OK;
}

static clef_status write_and_load(struct fixture *fixture, struct content *content)
{
    EXPECT_OK(clef_safetensors_write(path, content->tensors, content->tensor_count,
                                     content->metadata, MOST_METADATA, zeros, content));
    struct clef_model *model;
    clef_status status = clef_model_load(fixture->device, path, &model, NULL);
    if (status != CLEF_OK) {
        assert_null(model);
        if (!strstr(clef_last_error(), path))
            fail_msg("\"%s\" does not name the file", clef_last_error());
    }
    clef_model_destroy(model);
    return status;
}

static void test_good_content(void **state)
{
    struct fixture *fixture = *state;
    struct content content = good_content(fixture->model);
    EXPECT_OK(write_and_load(fixture, &content));
}

static void test_bad_metadata(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        int entry;
        const char *key, *value;
        clef_status status;
        const char *words;
    } cases[] = {
        {FORMAT, "form", "clef", CLEF_FORMAT, "no \"format\""},
        {FORMAT, "format", "pt", CLEF_UNSUPPORTED, "\"format\" is \"pt\""},
        {LAYOUT, "layout", "pytorch", CLEF_UNSUPPORTED, "\"layout\" is \"pytorch\""},
        {CONFIG, "conf", good_config, CLEF_FORMAT, "no \"config\""},
        {BATCH_SIZE, "batch_size", "many", CLEF_FORMAT, "\"batch_size\" is \"many\""},
        {BATCH_SIZE, "batch_size", "0", CLEF_FORMAT, "\"batch_size\" is \"0\""},
        {BATCH_SIZE, "batch_size", "64x", CLEF_FORMAT, "\"batch_size\" is \"64x\""},
        {BATCH_SIZE, "batch_size", "99999999999999999999", CLEF_FORMAT, "must be in 1.."},
        {BATCH_SIZE, "batch", "64", CLEF_FORMAT, "\"batch_size\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct content content = good_content(fixture->model);
        content.metadata[cases[i].entry].key = cases[i].key;
        content.metadata[cases[i].entry].value = cases[i].value;
        EXPECT_FAILS(write_and_load(fixture, &content), cases[i].status, cases[i].words);
    }
}

#define CONFIG_WITH(architecture, input, classes, blocks, filters, head, units)   \
    "{\"architecture\":" architecture ",\"input\":" input ",\"classes\":" classes \
    ",\"blocks\":" blocks ",\"filters\":" filters ",\"head\":" head ",\"dense_units\":" units "}"

static void test_bad_configuration(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *config;
        clef_status status;
        const char *words;
    } cases[] = {
        {"{", CLEF_FORMAT, "not JSON"},
        {"[]", CLEF_UNSUPPORTED, "architecture"},
        {CONFIG_WITH("\"vgg\"", "[16,16,1]", "5", "[1,2]", "[8,20]", "\"avgpool\"", "1"),
         CLEF_UNSUPPORTED, "\"vgg\""},
        {CONFIG_WITH("\"resnet\"", "[16,16]", "5", "[1,2]", "[8,20]", "\"avgpool\"", "1"),
         CLEF_FORMAT, "\"input\""},
        {CONFIG_WITH("\"resnet\"", "[16,16,1]", "\"5\"", "[1,2]", "[8,20]", "\"avgpool\"", "1"),
         CLEF_FORMAT, "\"classes\" must be a whole number"},
        {CONFIG_WITH("\"resnet\"", "[16,16,1]", "5000000000", "[1]", "[8]", "\"avgpool\"", "1"),
         CLEF_FORMAT, "\"classes\" must be a whole number"},
        {CONFIG_WITH("\"resnet\"", "[16,16,1]", "5", "[]", "[]", "\"avgpool\"", "1"), CLEF_FORMAT,
         "\"blocks\""},
        {CONFIG_WITH("\"resnet\"", "[16,16,1]", "5", "[1,1,1,1,1,1,1,1,1]", "[8]", "\"avgpool\"",
                     "1"),
         CLEF_FORMAT, "\"blocks\""},
        {CONFIG_WITH("\"resnet\"", "[16,16,1]", "5", "[1,2]", "[8]", "\"avgpool\"", "1"),
         CLEF_FORMAT, "\"blocks\" has 2 stages"},
        {CONFIG_WITH("\"resnet\"", "[16,16,1]", "5", "[1,2]", "[8,20]", "\"max\"", "1"),
         CLEF_FORMAT, "\"head\""},
        {CONFIG_WITH("\"resnet\"", "[16,16,1]", "5", "[1,2]", "[8,20]", "\"avgpool\"", "null"),
         CLEF_FORMAT, "\"dense_units\""},
        {CONFIG_WITH("\"resnet\"", "[16,0,1]", "5", "[1,2]", "[8,20]", "\"avgpool\"", "1"),
         CLEF_INVALID_ARGUMENT, "width is 0"},
        {CONFIG_WITH("\"resnet\"", "[60000,60000,60000]", "5", "[1,2]", "[8,20]", "\"avgpool\"",
                     "1"),
         CLEF_INVALID_ARGUMENT, "layer \"input\""},
        // 129 GB of weights, of which the file has not one: refused for that, before memory is.
        {CONFIG_WITH("\"resnet\"", "[16,16,1]", "5", "[1,2]", "[60000,60000]", "\"flatten-dense\"",
                     "24"),
         CLEF_FORMAT, "but the configuration asks for [7, 7, 1, 60000]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct content content = good_content(fixture->model);
        content.metadata[CONFIG].value = cases[i].config;
        EXPECT_FAILS(write_and_load(fixture, &content), cases[i].status, cases[i].words);
    }
}

// What a file of today says beyond one of versions in which it was fixed.
static void test_bad_conventions(void **state)
{
    (void)state;
#define WITH(padding, stem, bias, batchnorm)                                         \
    "{\"architecture\":\"resnet\",\"input\":[16,16,1],\"classes\":5,\"blocks\":[1]," \
    "\"filters\":[8],\"head\":\"avgpool\",\"dense_units\":24,\"padding\":" padding   \
    ",\"stem_batchnorm\":" stem ",\"conv_bias\":" bias ",\"batchnorm\":" batchnorm "}"
#define BATCHNORM "{\"momentum\":0.9,\"epsilon\":1e-5,\"unbiased_variance\":true}"
    static const struct {
        const char *config, *words;
    } cases[] = {
        {WITH("\"mirror\"", "true", "true", BATCHNORM), "\"padding\" must be \"same\""},
        {WITH("null", "true", "true", BATCHNORM), "\"padding\" must be \"same\""},
        {WITH("\"same\"", "1", "true", BATCHNORM), "\"stem_batchnorm\" must be true or false"},
        {WITH("\"same\"", "true", "\"no\"", BATCHNORM), "\"conv_bias\" must be true or false"},
        {WITH("\"same\"", "true", "true", "0.9"), "\"momentum\" must be a number"},
        {WITH("\"same\"", "true", "true", "{\"momentum\":0.9}"), "\"epsilon\" must be a number"},
        {WITH("\"same\"", "true", "true", "{\"momentum\":0.9,\"epsilon\":1e-5}"),
         "\"unbiased_variance\" must be true or false"},
    };
#undef BATCHNORM
#undef WITH
    struct clef_resnet_config config;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        EXPECT_FAILS(clef_resnet_from_json(cases[i].config, &config), CLEF_FORMAT, cases[i].words);
}

static void test_bad_tensors(void **state)
{
    struct fixture *fixture = *state;
    struct content content = good_content(fixture->model);
    content.tensor_count--;
    EXPECT_FAILS(write_and_load(fixture, &content), CLEF_FORMAT, "tensor \"fc2.bias\" is missing");
    content = good_content(fixture->model);
    content.tensors[2].dims[0] = 5;
    EXPECT_FAILS(write_and_load(fixture, &content), CLEF_FORMAT,
                 "tensor \"stage1.block1.conv1.weight\" is [5, 3, 8, 8], but the configuration "
                 "asks for [3, 3, 8, 8]");
    content = good_content(fixture->model);
    content.tensors[3].rank = 2;
    content.tensors[3].dims[1] = 1;
    EXPECT_FAILS(write_and_load(fixture, &content), CLEF_FORMAT, "is [8, 1]");
    content = good_content(fixture->model);
    content.tensors[content.tensor_count++] =
        (struct clef_safetensors_tensor){.name = "fc3.bias", .rank = 1, .dims = {4}};
    EXPECT_FAILS(write_and_load(fixture, &content), CLEF_FORMAT,
                 "tensor \"fc3.bias\" does not belong");
}

static void test_no_file(void **state)
{
    struct fixture *fixture = *state;
    struct clef_model *model;
    assert_int_equal(clef_model_load(fixture->device, "/nonexistent/model", &model, NULL),
                     CLEF_NOT_FOUND);
    assert_null(model);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fputs("this is no model", file);
    fclose(file);
    EXPECT_FAILS(clef_model_load(fixture->device, path, &model, NULL), CLEF_FORMAT, path);
    assert_null(model);
    EXPECT_FAILS(clef_model_save(fixture->model, 0, path), CLEF_INVALID_ARGUMENT, "batch size");
    // What can be saved can be loaded.
    EXPECT_FAILS(clef_model_save(fixture->model, CLEF_MAX_BATCH + 1, path), CLEF_INVALID_ARGUMENT,
                 "batch size in 1..65536");
    int batch_size = 0;
    struct clef_model *loaded;
    EXPECT_OK(clef_model_save(fixture->model, CLEF_MAX_BATCH, path));
    EXPECT_OK(clef_model_load(fixture->device, path, &loaded, &batch_size));
    assert_int_equal(CLEF_MAX_BATCH, batch_size);
    clef_model_destroy(loaded);
    assert_int_equal(clef_model_save(fixture->model, 1, "/nonexistent/directory/model"),
                     CLEF_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_round_trip),
        FIXTURE_TEST(test_other_configuration),
        FIXTURE_TEST(test_good_content),
        FIXTURE_TEST(test_bad_metadata),
        FIXTURE_TEST(test_bad_configuration),
        FIXTURE_TEST(test_bad_tensors),
        FIXTURE_TEST(test_no_file),
        cmocka_unit_test(test_conventions),
        cmocka_unit_test(test_old_configuration),
        cmocka_unit_test(test_bad_conventions),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
