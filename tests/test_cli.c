// SPDX-License-Identifier: Apache-2.0
// The program as a user meets it: small trainings, evaluating, and what it prints.
#include "support/program.h"
#include "support/run_files.h"
#include "support/small_mnist.h"
#include "support/temp_directory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

// A network that trains in a moment, for what does not depend on the network.
#define SMALL_NETWORK "--blocks", "1,1", "--filters", "8,16", "--head", "avgpool"

static void check_same_file(const char *first, const char *second)
{
    size_t first_size, second_size;
    char *first_bytes = read_file(first, &first_size);
    char *second_bytes = read_file(second, &second_size);
    assert_int_equal(first_size, second_size);
    assert_memory_equal(first_bytes, second_bytes, first_size);
    free(first_bytes);
    free(second_bytes);
}

// The same seed gives the same model on any number of threads; another seed does not.
static void test_repeats(void **state)
{
    static const char *const runs[][2] = {{"1", "3"}, {"2", "3"}, {"5", "3"}, {"2", "4"}};
    char data[512], out[512];
    snprintf(data, sizeof data, "%s", temp_path(state, "data"));
    write_small_mnist(CLEF_MNIST, data, 300, 100);
    for (int i = 0; i < 4; i++) {
        char name[16];
        snprintf(name, sizeof name, "run%d", i);
        snprintf(out, sizeof out, "%s", temp_path(state, name));
        struct program_result result =
            RUN_CLEF("train", "--data", data, "--epochs", "2", "--out", out, "--threads",
                     runs[i][0], "--seed", runs[i][1], SMALL_NETWORK);
        check_exit(&result, 0);
        program_release(&result);
    }
    check_same_file(temp_path(state, "run0/model.safetensors"),
                    temp_path(state, "run1/model.safetensors"));
    check_same_file(temp_path(state, "run0/model.safetensors"),
                    temp_path(state, "run2/model.safetensors"));
    json_t *first = load_json(temp_path(state, "run0/summary.json"));
    json_t *other = load_json(temp_path(state, "run3/summary.json"));
    assert_false(json_equal(json_object_get(first, "test"), json_object_get(other, "test")));
    json_decref(first);
    json_decref(other);
}

// Without a split there are no validation figures, in any of the places that would show them.
static void test_without_validation(void **state)
{
    char data[512], out[512];
    snprintf(data, sizeof data, "%s", temp_path(state, "data"));
    snprintf(out, sizeof out, "%s", temp_path(state, "out"));
    write_small_mnist(CLEF_MNIST, data, 100, 50);
    struct program_result result =
        RUN_CLEF("train", "--data", data, "--epochs=2", "--validation-split=0", "--no-shuffle",
                 "--batch-size=32", "--verbose", "--out", out, SMALL_NETWORK);
    check_exit(&result, 0);
    assert_null(strstr(result.out, "val_loss"));
    check_contains(result.out, "Memory of a step of training with 32 images");
    json_t *summary = load_json(temp_path(state, "out/summary.json"));
    const json_t *epoch = json_array_get(json_object_get(summary, "epochs"), 1);
    const json_t *config = json_object_get(summary, "config");
    assert_true(json_is_null(json_object_get(epoch, "val_loss")));
    assert_true(json_is_null(json_object_get(epoch, "val_accuracy")));
    assert_true(json_is_false(json_object_get(config, "shuffle")));
    assert_int_equal(100, real_of(config, "training_images"));
    assert_int_equal(32, real_of(config, "batch_size"));
    check_history(temp_path(state, "out/history.csv"), summary);
    json_decref(summary);
    program_release(&result);
}

// Where neither is named the data are in data/mnist, and the results go to runs/DATE-TIME: another
// one for each run.
static void test_default_directories(void **state)
{
    assert_int_equal(0, mkdir(temp_path(state, "data"), 0777));
    write_small_mnist(CLEF_MNIST, temp_path(state, "data/mnist"), 100, 50);
    for (int run = 1; run <= 2; run++) {
        char line[64], file[128];
        int year, day, time, length = 0;
        struct program_result result =
            program_run(CLEF_PROGRAM, &(struct program_setting){.directory = *state},
                        (const char *const[]){"train", "--epochs", "1", SMALL_NETWORK, NULL});
        check_exit(&result, 0);
        check_contains(result.out, "80 training, 20 validation, 50 test images");
        assert_int_equal(run, count_entries(temp_path(state, "runs")));
        const char *saved = strstr(result.out, "Saved in runs/");
        assert_non_null(saved);
        snprintf(line, sizeof line, "%.*s", (int)strcspn(saved, "\n"), saved);
        assert_int_equal(3,
                         sscanf(line, "Saved in runs/%4d%4d-%6d%n", &year, &day, &time, &length));
        assert_true(year >= 2024 && day >= 101 && day <= 1231 && time <= 235960);
        // A run of the same second has a number behind its name.
        assert_true(line[length] == '\0' || (run == 2 && strcmp(line + length, "-2") == 0));
        snprintf(file, sizeof file, "%s/model.safetensors", line + strlen("Saved in "));
        assert_int_equal(0, access(temp_path(state, file), R_OK));
        program_release(&result);
    }
}

static void test_quiet(void **state)
{
    char data[512], out[512];
    snprintf(data, sizeof data, "%s", temp_path(state, "data"));
    snprintf(out, sizeof out, "%s", temp_path(state, "out"));
    write_small_mnist(CLEF_MNIST, data, 100, 50);
    struct program_result result =
        RUN_CLEF("train", "--data", data, "--epochs", "1", "--quiet", "--out", out, SMALL_NETWORK);
    check_exit(&result, 0);
    assert_string_equal("", result.err);
    assert_int_equal(0, strncmp(result.out, "Test accuracy: ", 15));
    int lines = 0;
    for (const char *c = result.out; *c != '\0'; c++)
        lines += *c == '\n';
    assert_int_equal(3, lines);
    program_release(&result);
}

static void test_progress_on_a_terminal(void **state)
{
    char data[512], out[512];
    snprintf(data, sizeof data, "%s", temp_path(state, "data"));
    snprintf(out, sizeof out, "%s", temp_path(state, "out"));
    write_small_mnist(CLEF_MNIST, data, 100, 50);
    struct program_result result =
        program_run(CLEF_PROGRAM, &(struct program_setting){.terminal = true},
                    (const char *const[]){"train", "--data", data, "--epochs", "2", "--batch-size",
                                          "8", "--out", out, SMALL_NETWORK, NULL});
    check_exit(&result, 0);
    check_contains(result.out, "Epoch 1/2\r\n");
    check_contains(result.out, "Epoch 2/2\r\n");
    check_contains(result.out, "\r 1/10 [===>..........................] - ETA: ");
    check_contains(result.out, "\r10/10 [==============================] - ");
    check_contains(result.out, "s/step - loss: ");
    check_contains(result.out, " - val_accuracy: ");
    program_release(&result);
}

// Paths are bytes and JSON is UTF-8: neither training nor evaluation fails over the difference.
static void test_paths_that_are_not_utf8(void **state)
{
    char data[512], out[512], model[600];
    snprintf(data, sizeof data, "%s", temp_path(state, "M\xe4rz"));
    snprintf(out, sizeof out, "%s", temp_path(state, "\xff"));
    snprintf(model, sizeof model, "%s/model.safetensors", out);
    write_small_mnist(CLEF_MNIST, data, 100, 50);
    struct program_result result =
        RUN_CLEF("train", "--data", data, "--epochs", "1", "--out", out, SMALL_NETWORK);
    check_exit(&result, 0);
    assert_int_equal(4, count_entries(out));
    json_t *summary = load_json(temp_path(state, "\xff/summary.json"));
    check_summary(summary, 1);
    check_contains(json_string_value(json_object_get(json_object_get(summary, "config"), "data")),
                   "/M\xef\xbf\xbdrz");
    json_decref(summary);
    program_release(&result);
    result = RUN_CLEF("eval", "--model", model, "--data", data, "--json");
    check_exit(&result, 0);
    json_t *report = json_loads(result.out, 0, NULL);
    assert_non_null(report);
    check_contains(json_string_value(json_object_get(report, "model")),
                   "/\xef\xbf\xbd/model.safetensors");
    json_decref(report);
    program_release(&result);
}

static void test_freeze(void **state)
{
    char data[256], out[256];
    snprintf(data, sizeof data, "%s", temp_path(state, "data"));
    snprintf(out, sizeof out, "%s", temp_path(state, "out"));
    write_small_mnist(CLEF_MNIST, data, 100, 50);
    struct program_result result = RUN_CLEF("train", "--data", data, "--epochs", "1", "--out", out,
                                            "--freeze", "stem,stage1", SMALL_NETWORK);
    check_exit(&result, 0);
    check_contains(result.out, "  Frozen: stem,stage1; ");
    json_t *summary = load_json(temp_path(state, "out/summary.json"));
    const json_t *config = json_object_get(summary, "config");
    assert_string_equal("stem,stage1", json_string_value(json_object_get(config, "freeze")));
    json_decref(summary);
    program_release(&result);

    result = RUN_CLEF("train", "--data", data, "--out", temp_path(state, "none"), "--freeze",
                      "stage1,stage9", SMALL_NETWORK);
    check_exit(&result, 1);
    check_contains(result.err, "clef train: cannot freeze \"stage9\"");
    assert_int_not_equal(0, access(temp_path(state, "none"), F_OK));
    program_release(&result);
}

static void test_info(void **state)
{
    (void)state;
    struct program_result result = RUN_CLEF("info");
    check_exit(&result, 0);
    check_contains(result.out, "Total params: 11,707,394 (44.66 MiB)\n");
    check_contains(result.out, "Trainable params: 11,697,922 (");
    check_contains(result.out, "Non-trainable params: 9,472 (37.00 KiB)\n");
    check_contains(result.out, "(None, 32, 32, 1)");
    check_contains(result.out, "stage4.block2.conv2 (Conv2D)");
    check_contains(result.out, "2,359,808");
    check_contains(result.out, "Memory of a step of training with 64 images");
    program_release(&result);

    result = RUN_CLEF("info", "--json", "--head", "avgpool", "--input-shape", "16,16,3",
                      "--classes", "4", "--blocks", "1", "--filters", "8", "--batch-size", "2");
    check_exit(&result, 0);
    json_t *report = json_loads(result.out, 0, NULL);
    assert_non_null(report);
    // 7*7*3*8+8; two convolutions of 3*3*8*8+8 with batch norms of 4*8; 8*4+4.
    const json_t *parameters = json_object_get(report, "parameters");
    assert_int_equal(1184 + 2 * (584 + 32) + 36, real_of(parameters, "total"));
    assert_int_equal(2 * 16, real_of(parameters, "non_trainable"));
    const json_t *memory = json_object_get(report, "memory");
    assert_int_equal(2, real_of(memory, "batch_size"));
    const json_t *training = json_object_get(memory, "training");
    double sum = real_of(training, "parameters") + real_of(training, "gradients") +
                 real_of(training, "moments") + real_of(training, "activations") +
                 real_of(training, "scratch");
    assert_true(real_of(training, "parameters") >= 4 * real_of(parameters, "total"));
    assert_true(real_of(training, "total") >= sum);
    json_decref(report);
    program_release(&result);
}

// What torchvision counts, and options that change the network of this name.
static void test_info_imagenet(void **state)
{
    (void)state;
    struct program_result result =
        RUN_CLEF("info", "--arch", "resnet18-imagenet", "--json", "--batch-size", "1");
    check_exit(&result, 0);
    json_t *report = json_loads(result.out, 0, NULL);
    assert_non_null(report);
    assert_int_equal(11689512, real_of(json_object_get(report, "parameters"), "trainable"));
    const json_t *network = json_object_get(report, "network");
    assert_string_equal("symmetric", json_string_value(json_object_get(network, "padding")));
    assert_true(json_is_false(json_object_get(network, "conv_bias")));
    json_decref(report);
    program_release(&result);

    result = RUN_CLEF("info", "--arch", "resnet18-imagenet", "--classes", "7", "--input-shape",
                      "64,96,1", "--head", "flatten-dense", "--blocks", "1,1,1,1");
    check_exit(&result, 0);
    check_contains(result.out, "(None, 64, 96, 1)");
    check_contains(result.out, "stem.bn (BatchNormalization)");
    check_contains(result.out, "fc2 (Dense)");
    check_contains(result.out, "(None, 7)");
    program_release(&result);
}

static void test_devices(void **state)
{
    (void)state;
    struct program_result result = RUN_CLEF("devices");
    check_exit(&result, 0);
    check_contains(result.out, "\ncpu ");
    check_contains(result.out, "\ncpu:baseline ");
    check_contains(result.out, "\ncpu:avx2 ");
    program_release(&result);
    result = RUN_CLEF("devices", "--json");
    check_exit(&result, 0);
    json_t *report = json_loads(result.out, 0, NULL);
    const json_t *device = json_array_get(json_object_get(report, "devices"), 0);
    assert_string_equal("cpu", json_string_value(json_object_get(device, "backend")));
    assert_true(json_is_true(json_object_get(device, "usable")));
    assert_true(real_of(device, "compute_units") >= 1);
    json_decref(report);
    program_release(&result);
}

static void test_tune_where_there_is_no_choice(void **state)
{
    (void)state;
    struct program_result result = RUN_CLEF("tune", "--device", "cpu", SMALL_NETWORK);
    check_exit(&result, 0);
    check_contains(result.out, "nothing to tune");
    program_release(&result);
    result = RUN_CLEF("tune", "--device", "cpu", "--json", SMALL_NETWORK);
    check_exit(&result, 0);
    json_t *report = json_loads(result.out, 0, NULL);
    assert_int_equal(0, json_array_size(json_object_get(report, "rows")));
    assert_true(json_is_null(json_object_get(report, "file")));
    json_decref(report);
    program_release(&result);
}

// Every option of a command is in its help and in its manual page, which name the command.
static void test_help(void **state)
{
    static const struct {
        const char *name, *page, *option, *roff;
    } commands[] = {
        {"train", "clef-train", "--validation-split PART", "\\-\\-validation\\-split PART"},
        {"eval", "clef-eval", "--model FILE", "\\-\\-model FILE"},
        {"predict", "clef-predict", "--out FILE.npy", "\\-\\-out FILE.npy"},
        {"export", "clef-export", "--layout LAYOUT", "\\-\\-layout LAYOUT"},
        {"import", "clef-import", "--weights FILE", "\\-\\-weights FILE"},
        {"devices", "clef-devices", "--json", "\\-\\-json"},
        {"check", "clef-check", "--against DEVICE", "\\-\\-against DEVICE"},
        {"tune", "clef-tune", "--seconds S", "\\-\\-seconds S"},
        {"info", "clef-info", "--input-shape H,W,C", "\\-\\-input\\-shape H,W,C"},
        {"bench", "clef-bench", "train|ops", "clef bench train \\-\\-help"},
        {"replay", "clef-replay", "--device NAME", "\\-\\-device NAME"},
    };
    (void)state;
    struct program_result all = RUN_CLEF("--help");
    check_exit(&all, 0);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        char text[64];
        snprintf(text, sizeof text, "\n  %s ", commands[i].name);
        check_contains(all.out, text);
        struct program_result help = RUN_CLEF(commands[i].name, "--help");
        check_exit(&help, 0);
        snprintf(text, sizeof text, "Usage: clef %s [OPTION]...", commands[i].name);
        check_contains(help.out, text);
        check_contains(help.out, commands[i].option);
        for (const char *line = help.out; *line != '\0'; line = strchr(line, '\n') + 1)
            assert_in_range(strcspn(line, "\n"), 0, 80);
        program_release(&help);
        struct program_result page = RUN_CLEF(commands[i].name, "--help=man");
        check_exit(&page, 0);
        snprintf(text, sizeof text, ".TH \"%s\" 1 ", commands[i].page);
        assert_int_equal(0, strncmp(page.out, text, strlen(text)));
        check_contains(page.out, commands[i].roff);
        program_release(&page);
    }
    program_release(&all);
    struct program_result version = RUN_CLEF("--version");
    check_exit(&version, 0);
    assert_int_equal(0, strncmp(version.out, "clef ", 5));
    program_release(&version);
}

// The manual page of the program refers to one for each command, and each is built.
static void test_manual_pages(void **state)
{
    (void)state;
    static const char reference[] = "\n.BR clef\\-";
    struct program_result page = RUN_CLEF("--help=man");
    check_exit(&page, 0);
    int found = 0;
    for (const char *at = page.out; (at = strstr(at, reference)) != NULL; found++) {
        char path[600];
        at += sizeof reference - 1;
        snprintf(path, sizeof path, CLEF_MAN_PAGES "/clef-%.*s.1", (int)strcspn(at, " "), at);
        if (access(path, R_OK) != 0)
            fail_msg("clef(1) refers to a page that is not built: %s", path);
    }
    assert_int_equal(11, found);
    program_release(&page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DIRECTORY(test_repeats),
        IN_DIRECTORY(test_without_validation),
        IN_DIRECTORY(test_default_directories),
        IN_DIRECTORY(test_quiet),
        IN_DIRECTORY(test_progress_on_a_terminal),
        IN_DIRECTORY(test_paths_that_are_not_utf8),
        IN_DIRECTORY(test_freeze),
        cmocka_unit_test(test_info),
        cmocka_unit_test(test_info_imagenet),
        cmocka_unit_test(test_devices),
        cmocka_unit_test(test_tune_where_there_is_no_choice),
        cmocka_unit_test(test_help),
        cmocka_unit_test(test_manual_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
