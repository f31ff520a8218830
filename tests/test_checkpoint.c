// SPDX-License-Identifier: Apache-2.0
// The file of a checkpoint: what comes back of it, and files that are not what they should be.
#include "io/safetensors.h"
#include "support/model_fixture.h"
#include "support/temp_directory.h"
#include "support/training_state.h"

#include "clef/checkpoint.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void *directory;
static char path[256];

static int make_directory(void **unused)
{
    (void)unused;
    if (temp_directory_setup(&directory) != 0)
        return -1;
    snprintf(path, sizeof path, "%s", temp_path(&directory, "checkpoint.safetensors"));
    return 0;
}

static int remove_directory(void **unused)
{
    (void)unused;
    return temp_directory_teardown(&directory);
}

static struct clef_epoch epochs[] = {{0.1, 0.2, NAN, NAN, 3.5},
                                     {1.0 / 3, 0.25, 0x1.fffffffffffffp-1, 5e-324, 1e300}};

static struct clef_checkpoint example(void)
{
    return (struct clef_checkpoint){
        .config = {.epochs = 9,
                   .batch_size = 17,
                   .learning_rate = 0.1f,
                   .seed = UINT64_MAX,
                   .shuffle = true,
                   .checkpoint_every = 3},
        .state =
            {.epoch = 3, .step = 2, .loss = 0.1 + 0.2, .correct = 5, .images = 34, .seconds = 7},
        .epochs = epochs,
        .training = {{60, 16, 16, 1, 5}, {UINT64_MAX, 1}},
        .validation = {{7, 16, 16, 1, 5}, {0, 0x123456789abcdef0}},
        .notes = "{\"a\":\"crc32\\\":\\\"\"}",
    };
}

// ---------------------------------------------------------------- round trip

static void check_same_checkpoint(const struct clef_checkpoint *a, const struct clef_checkpoint *b)
{
    assert_int_equal(a->config.epochs, b->config.epochs);
    assert_int_equal(a->config.batch_size, b->config.batch_size);
    assert_memory_equal(&a->config.learning_rate, &b->config.learning_rate, sizeof(float));
    assert_true(a->config.seed == b->config.seed);
    assert_true(a->config.shuffle == b->config.shuffle);
    assert_int_equal(a->config.checkpoint_every, b->config.checkpoint_every);
    assert_memory_equal(&a->state.loss, &b->state.loss, sizeof(double));
    assert_memory_equal(&a->state.seconds, &b->state.seconds, sizeof(double));
    assert_int_equal(a->state.epoch, b->state.epoch);
    assert_int_equal(a->state.step, b->state.step);
    assert_int_equal(a->state.correct, b->state.correct);
    assert_int_equal(a->state.images, b->state.images);
    assert_memory_equal(&a->training.shape, &b->training.shape, sizeof a->training.shape);
    assert_memory_equal(a->training.digest, b->training.digest, sizeof a->training.digest);
    assert_memory_equal(&a->validation.shape, &b->validation.shape, sizeof a->validation.shape);
    assert_memory_equal(a->validation.digest, b->validation.digest, sizeof a->validation.digest);
    for (int i = 0; i < a->state.epoch - 1; i++)
        for (int k = 0; k < 5; k++) {
            double x = (&a->epochs[i].loss)[k], y = (&b->epochs[i].loss)[k];
            assert_true(isnan(x) ? isnan(y) : x == y);
        }
}

static void test_round_trip(void **state)
{
    struct fixture *fixture = *state;
    struct clef_checkpoint saved = example(), *read;
    struct clef_model *restored, *loaded;
    fixture_train(fixture, 1e-2f);
    fixture_train(fixture, 1e-2f);
    EXPECT_OK(clef_checkpoint_save(fixture->model, &saved, path));
    EXPECT_OK(clef_checkpoint_read(path, &read));
    check_same_checkpoint(&saved, read);
    assert_string_equal(saved.notes, read->notes);
    assert_int_equal(2, read->step);
    clef_checkpoint_destroy(read);
    EXPECT_OK(clef_checkpoint_restore(path, fixture->device, &restored));
    struct training_state before = training_state_read(fixture->model);
    struct training_state after = training_state_read(restored);
    training_state_check_same("restored", &before, &after);
    training_state_release(&after);
    // A checkpoint is a model, too.
    int batch_size;
    EXPECT_OK(clef_model_load(fixture->device, path, &loaded, &batch_size));
    assert_int_equal(17, batch_size);
    size_t count, loaded_count;
    float *values = fixture_read_all(fixture->model, &count);
    float *others = fixture_read_all(loaded, &loaded_count);
    assert_int_equal(count, loaded_count);
    assert_memory_equal(values, others, count * sizeof *values);
    free(values);
    free(others);
    training_state_release(&before);
    clef_model_destroy(loaded);
    clef_model_destroy(restored);
}

// Before the first step, without results, validation or notes.
static void test_beginning(void **state)
{
    struct fixture *fixture = *state;
    struct clef_checkpoint saved = example(), *read;
    struct clef_model *restored;
    saved.state = (struct clef_train_state){.epoch = 1};
    saved.validation = (struct clef_dataset_identity){0};
    saved.notes = NULL;
    EXPECT_OK(clef_checkpoint_save(fixture->model, &saved, path));
    EXPECT_OK(clef_checkpoint_read(path, &read));
    check_same_checkpoint(&saved, read);
    assert_null(read->notes);
    EXPECT_OK(clef_checkpoint_restore(path, fixture->device, &restored));
    assert_int_equal(0, clef_model_get_step(restored));
    struct training_state a = training_state_read(fixture->model);
    struct training_state b = training_state_read(restored);
    training_state_check_same("restored", &a, &b);
    training_state_release(&a);
    training_state_release(&b);
    clef_model_destroy(restored);
    clef_checkpoint_destroy(read);
}

static void test_data(void **unused)
{
    (void)unused;
    uint8_t images[2 * 3] = {1, 2, 3, 4, 5, 6}, labels[2] = {0, 1};
    struct clef_dataset *whole, *one, *other;
    EXPECT_OK(clef_dataset_from_memory(images, labels, 2, 1, 3, 1, 2, &whole));
    EXPECT_OK(clef_dataset_slice(whole, 0, 1, &one));
    labels[1] = 0;
    EXPECT_OK(clef_dataset_from_memory(images, labels, 2, 1, 3, 1, 2, &other));
    struct clef_checkpoint checkpoint = {.training = clef_dataset_identify(whole),
                                         .validation = clef_dataset_identify(one)};
    EXPECT_OK(clef_checkpoint_check_data(&checkpoint, whole, one));
    EXPECT_FAILS(clef_checkpoint_check_data(&checkpoint, other, one), CLEF_INVALID_ARGUMENT,
                 "the training images or labels are others");
    EXPECT_FAILS(clef_checkpoint_check_data(&checkpoint, one, one), CLEF_INVALID_ARGUMENT,
                 "of 2 training images of 1 x 3 x 1 in 2 classes, but these are 1 of");
    EXPECT_FAILS(clef_checkpoint_check_data(&checkpoint, whole, NULL), CLEF_INVALID_ARGUMENT,
                 "of 1 validation images");
    clef_dataset_destroy(one);
    clef_dataset_destroy(whole);
    clef_dataset_destroy(other);
}

// ---------------------------------------------------------------- damage

static void save_example(struct fixture *fixture)
{
    struct clef_checkpoint saved = example();
    fixture_train(fixture, 1e-2f);
    EXPECT_OK(clef_checkpoint_save(fixture->model, &saved, path));
}

static void check_unusable(const char *what, size_t place)
{
    struct clef_checkpoint *read;
    clef_status status = clef_checkpoint_read(path, &read);
    if (status != CLEF_FORMAT && status != CLEF_UNSUPPORTED)
        fail_msg("%s at byte %zu: status %s", what, place, clef_status_name(status));
    assert_null(read);
    if (strstr(clef_last_error(), path) == NULL)
        fail_msg("\"%s\" does not name the file", clef_last_error());
}

// One bit is another: in any byte of the header, and in bytes all over the tensors.
static void test_flipped_bits(void **state)
{
    size_t size;
    save_example(*state);
    char *bytes = read_file(path, &size);
    size_t header = 8 + (unsigned char)bytes[0] + 256 * (size_t)(unsigned char)bytes[1];
    assert_in_range(header, 1000, size / 2);
    for (size_t i = 0; i < size; i += i < header ? 7 : 401) {
        bytes[i] ^= (char)(1 << i % 8);
        write_file(path, bytes, size);
        check_unusable("a bit", i);
        bytes[i] ^= (char)(1 << i % 8);
    }
    free(bytes);
}

static void test_cut_off(void **state)
{
    size_t size;
    save_example(*state);
    char *bytes = read_file(path, &size);
    for (size_t i = 0; i < size; i += i < 16 ? 1 : size / 23) {
        write_file(path, bytes, i);
        check_unusable("the end", i);
    }
    char *longer = calloc(1, size + 4);
    assert_non_null(longer);
    memcpy(longer, bytes, size);
    write_file(path, longer, size + 4);
    check_unusable("more", size);
    free(longer);
    free(bytes);
}

// ---------------------------------------------------------------- other contents

enum { MOST_TENSORS = 200 };

// A file like that of a checkpoint, of which one thing is changed.
struct content {
    struct clef_safetensors_tensor tensors[MOST_TENSORS];
    int tensor_count;
    struct clef_safetensors_string metadata[8];
    int metadata_count;
};

static clef_status zeros(void *user, int index, float *values)
{
    const struct content *content = user;
    memset(values, 0, content->tensors[index].count * sizeof *values);
    return CLEF_OK;
}

static const char *const keys[] = {"crc32",  "format",   "config",   "batch_size",
                                   "layout", "training", "adam_step"};
enum { CHECKSUM, CONFIG = 2, TRAINING = 5, ADAM_STEP, KEYS };

// Takes names and texts from an open file, which must outlive the content.
static struct content content_of(const struct clef_safetensors *file)
{
    struct content content = {.tensor_count = clef_safetensors_count(file), .metadata_count = KEYS};
    assert_in_range(content.tensor_count, 1, MOST_TENSORS - 1);
    for (int i = 0; i < content.tensor_count; i++)
        content.tensors[i] = clef_safetensors_get(file, i);
    for (int i = 0; i < KEYS; i++)
        content.metadata[i] =
            (struct clef_safetensors_string){keys[i], clef_safetensors_metadata(file, keys[i])};
    content.metadata[CHECKSUM].value = "00000000";
    return content;
}

static void write_content(struct content *content)
{
    EXPECT_OK(clef_safetensors_write(path, content->tensors, content->tensor_count,
                                     content->metadata, content->metadata_count, zeros, content));
}

static struct clef_safetensors *open_example(struct fixture *fixture)
{
    struct clef_safetensors *file;
    save_example(fixture);
    EXPECT_OK(clef_safetensors_open(path, &file));
    return file;
}

// A member of the metadata's "training", by its path, and what it becomes; NULL removes it.
static const struct {
    const char *object, *key, *value;
    clef_status status;
    const char *words;
} members[] = {
    {NULL, "version", "2", CLEF_UNSUPPORTED, "version 2"},
    {NULL, "version", "\"1\"", CLEF_FORMAT, "\"version\" must be a whole number"},
    {NULL, "generator", "\"xorshift\"", CLEF_UNSUPPORTED, "\"xorshift\""},
    {NULL, "generator", NULL, CLEF_UNSUPPORTED, "\"generator\""},
    {NULL, "config", NULL, CLEF_FORMAT, "\"epochs\""},
    {"config", "epochs", "0", CLEF_FORMAT, "\"epochs\" must be a whole number from 1"},
    {"config", "epochs", "2147483647", CLEF_FORMAT, "\"epochs\""},
    {"config", "batch_size", "65537", CLEF_FORMAT, "\"batch_size\""},
    {"config", "learning_rate", "0", CLEF_FORMAT, "\"learning_rate\""},
    {"config", "learning_rate", "1e300", CLEF_FORMAT, "\"learning_rate\""},
    {"config", "learning_rate", "-1", CLEF_FORMAT, "\"learning_rate\""},
    {"config", "seed", "5", CLEF_FORMAT, "\"seed\" must be a text of digits"},
    {"config", "seed", "\"-1\"", CLEF_FORMAT, "\"seed\""},
    {"config", "seed", "\"18446744073709551616\"", CLEF_FORMAT, "\"seed\""},
    {"config", "shuffle", "1", CLEF_FORMAT, "\"shuffle\""},
    {"config", "checkpoint_every", "-1", CLEF_FORMAT, "\"checkpoint_every\""},
    {NULL, "state", "[]", CLEF_FORMAT, "\"epoch\""},
    {"state", "epoch", "0", CLEF_FORMAT, "\"epoch\""},
    {"state", "epoch", "11", CLEF_FORMAT, "\"epoch\" must be a whole number from 1 to 10"},
    {"state", "epoch", "4", CLEF_FORMAT, "\"history\" must be a list of the 3 epochs"},
    {"state", "step", "-1", CLEF_FORMAT, "\"step\""},
    {"state", "step", "1.5", CLEF_FORMAT, "\"step\""},
    {"state", "loss", "null", CLEF_FORMAT, "\"loss\""},
    {"state", "correct", "99999999999", CLEF_FORMAT, "\"correct\""},
    {"state", "images", "-1", CLEF_FORMAT, "\"images\""},
    {"state", "seconds", "-1", CLEF_FORMAT, "\"seconds\""},
    {NULL, "history", "{}", CLEF_FORMAT, "\"history\""},
    {NULL, "history", "[1,2]", CLEF_FORMAT, "\"history\", epoch 1: \"loss\""},
    {NULL, "training", NULL, CLEF_FORMAT, "\"training\": \"images\""},
    {"training", "images", "0", CLEF_FORMAT, "\"images\""},
    {"training", "digest", "\"00\"", CLEF_FORMAT, "\"digest\""},
    {"training", "digest", "\"0123456789abcdef0123456789abcdeg\"", CLEF_FORMAT, "\"digest\""},
    {NULL, "validation", NULL, CLEF_FORMAT, "\"validation\": \"images\""},
    {"validation", "height", "\"1\"", CLEF_FORMAT, "\"height\""},
};

static void test_bad_members(void **state)
{
    struct clef_safetensors *file = open_example(*state);
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        struct content content = content_of(file);
        json_t *root = json_loads(content.metadata[TRAINING].value, 0, NULL);
        json_t *object =
            members[i].object != NULL ? json_object_get(root, members[i].object) : root;
        assert_non_null(json_object_get(object, members[i].key));
        if (members[i].value != NULL)
            json_object_set_new(object, members[i].key,
                                json_loads(members[i].value, JSON_DECODE_ANY, NULL));
        else
            json_object_del(object, members[i].key);
        char *text = json_dumps(root, 0);
        content.metadata[TRAINING].value = text;
        write_content(&content);
        struct clef_checkpoint *read;
        EXPECT_FAILS(clef_checkpoint_read(path, &read), members[i].status, members[i].words);
        assert_null(read);
        free(text);
        json_decref(root);
    }
    clef_safetensors_close(file);
}

static void test_bad_metadata(void **state)
{
    static const struct {
        int entry;
        const char *key, *value, *words;
    } rows[] = {
        {CHECKSUM, "crc", "00000000", "no checksum"},
        {CHECKSUM, "crc32", "0000000x", "no checksum"},
        {CHECKSUM, "crc32", "000", "no checksum"},
        {CHECKSUM, "crc32", "00000001", "it is damaged"},
        {TRAINING, "other", "{}", "no \"training\""},
        {TRAINING, "training", "{", "not JSON"},
        {ADAM_STEP, "other", "3", "no \"adam_step\""},
        {ADAM_STEP, "adam_step", "", "\"adam_step\" is \"\""},
        {ADAM_STEP, "adam_step", "-1", "\"adam_step\" is \"-1\""},
        {ADAM_STEP, "adam_step", "18446744073709551616", "not a number"},
    };
    struct clef_safetensors *file = open_example(*state);
    struct content content = content_of(file);
    struct clef_checkpoint *read;
    write_content(&content);
    EXPECT_OK(clef_checkpoint_read(path, &read)); // As it is, it is one.
    clef_checkpoint_destroy(read);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        content = content_of(file);
        content.metadata[rows[i].entry].key = rows[i].key;
        content.metadata[rows[i].entry].value = rows[i].value;
        write_content(&content);
        EXPECT_FAILS(clef_checkpoint_read(path, &read), CLEF_FORMAT, rows[i].words);
        assert_null(read);
    }
    clef_safetensors_close(file);
}

static int find_tensor(const struct content *content, const char *name)
{
    for (int i = 0; i < content->tensor_count; i++)
        if (strcmp(content->tensors[i].name, name) == 0)
            return i;
    fail_msg("no tensor %s", name);
    return -1;
}

static void test_bad_tensors(void **state)
{
    struct fixture *fixture = *state;
    struct clef_safetensors *file = open_example(fixture);
    struct clef_model *model;
    struct content content = content_of(file);
    int moment = find_tensor(&content, "adam.second_moment.fc2.bias");
    content.tensors[moment] = content.tensors[--content.tensor_count];
    write_content(&content);
    EXPECT_FAILS(clef_checkpoint_restore(path, fixture->device, &model), CLEF_FORMAT,
                 "tensor \"adam.second_moment.fc2.bias\" is missing");
    assert_null(model);
    content = content_of(file);
    content.tensors[moment].dims[0] = 4;
    content.tensors[moment].count = 4;
    write_content(&content);
    EXPECT_FAILS(clef_checkpoint_restore(path, fixture->device, &model), CLEF_FORMAT,
                 "tensor \"adam.second_moment.fc2.bias\" is [4], but");
    content = content_of(file);
    content.tensors[content.tensor_count] = content.tensors[moment];
    content.tensors[content.tensor_count++].name = "adam.third_moment.fc2.bias";
    write_content(&content);
    EXPECT_FAILS(clef_checkpoint_restore(path, fixture->device, &model), CLEF_FORMAT,
                 "\"adam.third_moment.fc2.bias\" does not belong");
    assert_null(model);
    clef_safetensors_close(file);
}

static void test_no_checkpoint(void **state)
{
    struct fixture *fixture = *state;
    struct clef_checkpoint *read;
    struct clef_model *model;
    assert_int_equal(CLEF_NOT_FOUND, clef_checkpoint_read("/nonexistent", &read));
    assert_int_equal(CLEF_NOT_FOUND,
                     clef_checkpoint_restore("/nonexistent", fixture->device, &model));
    EXPECT_OK(clef_model_save(fixture->model, 1, path));
    EXPECT_FAILS(clef_checkpoint_read(path, &read), CLEF_FORMAT, "no checksum");
    EXPECT_FAILS(clef_checkpoint_restore(path, fixture->device, &model), CLEF_FORMAT,
                 "no checksum");
    clef_checkpoint_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_round_trip),    FIXTURE_TEST(test_beginning),
        cmocka_unit_test(test_data),      FIXTURE_TEST(test_flipped_bits),
        FIXTURE_TEST(test_cut_off),       FIXTURE_TEST(test_bad_members),
        FIXTURE_TEST(test_bad_metadata),  FIXTURE_TEST(test_bad_tensors),
        FIXTURE_TEST(test_no_checkpoint),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
