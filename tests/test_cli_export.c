// SPDX-License-Identifier: Apache-2.0
// "clef export", "clef import", "clef train --init" and "clef predict" as a user meets them.
#include "support/program.h"
#include "support/small_mnist.h"
#include "support/temp_directory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define NETWORK "--blocks", "1,1", "--filters", "8,16", "--head", "avgpool"

static char data[300], model[300], exported[300];

// A small model, trained for a moment.
static int set_up(void **state)
{
    char out[300];
    temp_directory_setup(state);
    snprintf(data, sizeof data, "%s", temp_path(state, "data"));
    snprintf(out, sizeof out, "%s", temp_path(state, "run"));
    snprintf(model, sizeof model, "%s", temp_path(state, "run/model.safetensors"));
    snprintf(exported, sizeof exported, "%s", temp_path(state, "exported"));
    write_small_mnist(CLEF_MNIST, data, 100, 50);
    struct program_result result = RUN_CLEF("train", "--data", data, "--epochs", "1", "--out", out,
                                            "--device", "cpu", NETWORK);
    check_exit(&result, 0);
    program_release(&result);
    return 0;
}

// In Clef's own layout, what comes out is what went in.
static void test_same_layout(void **state)
{
    size_t size, exported_size;
    (void)state;
    struct program_result result = RUN_CLEF("export", "--model", model, "--out", exported);
    check_exit(&result, 0);
    assert_string_equal("", result.err);
    program_release(&result);
    char *bytes = read_file(model, &size), *exported_bytes = read_file(exported, &exported_size);
    assert_int_equal(size, exported_size);
    assert_memory_equal(bytes, exported_bytes, size);
    free(bytes);
    free(exported_bytes);
}

static void test_layouts(void **state)
{
    static const char *const cases[][2] = {{"pytorch", "\"layer2.0.downsample.0.weight\""},
                                           {"keras", "\"batch_normalization_4/moving_mean\""}};
    (void)state;
    for (int i = 0; i < 2; i++) {
        size_t size;
        struct program_result result =
            RUN_CLEF("export", "--model", model, "--layout", cases[i][0], "--out", exported);
        check_exit(&result, 0);
        program_release(&result);
        char *bytes = read_file(exported, &size);
        assert_non_null(memmem(bytes, size, cases[i][1], strlen(cases[i][1])));
        free(bytes);
    }
}

// What was exported is what training starts from, with the same result in every layout.
static void test_init(void **state)
{
    static const char *const layouts[] = {"clef", "pytorch", "keras"};
    char out[3][300];
    for (int i = 0; i < 3; i++) {
        snprintf(out[i], sizeof out[i], "%s", temp_path(state, layouts[i]));
        struct program_result result =
            RUN_CLEF("export", "--model", model, "--layout", layouts[i], "--out", exported);
        check_exit(&result, 0);
        program_release(&result);
        result = RUN_CLEF("train", "--data", data, "--epochs", "1", "--out", out[i], "--device",
                          "cpu", NETWORK, "--classes", "12", "--init", exported);
        check_exit(&result, 0);
        check_contains(result.out, layouts[i]);
        check_contains(result.out,
                       "\n  fc starts anew: in the file it is for 10 classes, here for 12\n");
        program_release(&result);
    }
    char *first = read_file(temp_path(state, "clef/model.safetensors"), &(size_t){0});
    for (int i = 1; i < 3; i++) {
        char name[64];
        size_t size;
        snprintf(name, sizeof name, "%s/model.safetensors", layouts[i]);
        char *bytes = read_file(temp_path(state, name), &size);
        assert_memory_equal(first, bytes, size);
        free(bytes);
    }
    free(first);
}

// An export and an import give the model back, bit for bit.
static void test_import(void **state)
{
    size_t size, made_size;
    char made[300];
    snprintf(made, sizeof made, "%s", temp_path(state, "made.safetensors"));
    struct program_result result =
        RUN_CLEF("export", "--model", model, "--layout", "pytorch", "--out", exported);
    check_exit(&result, 0);
    program_release(&result);
    result = RUN_CLEF("import", "--weights", exported, "--out", made, NETWORK);
    check_exit(&result, 0);
    check_contains(result.out, "Weights in the layout of pytorch: ");
    program_release(&result);
    char *bytes = read_file(model, &size), *made_bytes = read_file(made, &made_size);
    assert_int_equal(size, made_size);
    assert_memory_equal(bytes, made_bytes, size);
    free(bytes);
    free(made_bytes);
}

static void test_bad_import(void **state)
{
    char made[300];
    snprintf(made, sizeof made, "%s", temp_path(state, "never.safetensors"));
    struct program_result result =
        RUN_CLEF("import", "--weights", model, "--out", made, NETWORK, "--classes", "12");
    check_exit(&result, 1);
    check_one_line(&result, "fc is for 10 classes, not 12: use --classes 10");
    program_release(&result);
    result = RUN_CLEF("import", "--weights", model, "--out", made, "--head", "avgpool");
    check_exit(&result, 1);
    check_one_line(&result, "is [7, 7, 1, 8], but the network asks for [7, 7, 1, 64]");
    program_release(&result);
    assert_int_equal(-1, access(made, F_OK));
    result = RUN_CLEF("import", "--weights", model);
    check_exit(&result, 2);
    check_one_line(&result, "--out is missing");
    program_release(&result);
    result = RUN_CLEF("import", "--out", made);
    check_exit(&result, 2);
    check_one_line(&result, "--weights is missing");
    program_release(&result);
}

// Nothing is made before the weights are known to be good.
static void test_bad_init(void **state)
{
    char out[300];
    snprintf(out, sizeof out, "%s", temp_path(state, "never"));
    struct program_result result =
        RUN_CLEF("train", "--data", data, "--out", out, "--device", "cpu", "--init", model);
    check_exit(&result, 1);
    check_one_line(&result, model);
    check_contains(result.err, "tensor \"stem.conv.weight\" is [7, 7, 1, 8], but the network asks "
                               "for [7, 7, 1, 64]");
    program_release(&result);
    assert_int_equal(-1, access(out, F_OK));
}

// A row of logits for each image; the file is NumPy's.
static void test_predict(void **state)
{
    size_t size;
    char npy[300];
    snprintf(npy, sizeof npy, "%s", temp_path(state, "logits.npy"));
    struct program_result result = RUN_CLEF("predict", "--model", model, "--data", data, "--out",
                                            npy, "--limit", "20", "--batch-size", "8");
    check_exit(&result, 0);
    check_contains(result.out, "Logits of 20 images: ");
    program_release(&result);
    char *bytes = read_file(npy, &size);
    assert_int_equal(128 + 20 * 10 * 4, size);
    assert_memory_equal("\x93NUMPY\x01\0\x76\0", bytes, 10);
    bytes[127] = '\0';
    check_contains(bytes + 10,
                   "{'descr': '<f4', 'fortran_order': False, 'shape': (20, 10), }     ");
    free(bytes);
    result = RUN_CLEF("predict", "--model", model, "--data", data);
    check_exit(&result, 2);
    check_one_line(&result, "--out is missing");
    program_release(&result);
    result = RUN_CLEF("predict", "--out", npy);
    check_exit(&result, 2);
    check_one_line(&result, "--model is missing");
    program_release(&result);
    result = RUN_CLEF("predict", "--model", model, "--data", data, "--out", "/nonexistent/x");
    check_exit(&result, 1);
    check_one_line(&result, "/nonexistent/x");
    program_release(&result);
}

static void test_usage(void **state)
{
    (void)state;
    struct program_result result = RUN_CLEF("export", "--out", exported);
    check_exit(&result, 2);
    check_one_line(&result, "--model is missing");
    program_release(&result);
    result = RUN_CLEF("export", "--model", model);
    check_exit(&result, 2);
    check_one_line(&result, "--out is missing");
    program_release(&result);
    result = RUN_CLEF("export", "--model", model, "--out", exported, "--format", "pickle");
    check_exit(&result, 2);
    check_one_line(&result, "pickle");
    program_release(&result);
    result = RUN_CLEF("export", "--model", data, "--out", exported);
    check_exit(&result, 1);
    check_one_line(&result, data);
    program_release(&result);
    result = RUN_CLEF("export", "--model", model, "--out", "/nonexistent/x", "--layout", "keras");
    check_exit(&result, 1);
    check_one_line(&result, "/nonexistent/x");
    program_release(&result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_layout), cmocka_unit_test(test_layouts),
        cmocka_unit_test(test_init),        cmocka_unit_test(test_import),
        cmocka_unit_test(test_bad_import),  cmocka_unit_test(test_bad_init),
        cmocka_unit_test(test_predict),     cmocka_unit_test(test_usage),
    };
    return cmocka_run_group_tests(tests, set_up, temp_directory_teardown);
}
