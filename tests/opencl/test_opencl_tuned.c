// SPDX-License-Identifier: Apache-2.0
// What was tuned is kept for later runs, loaded by them, and refused with a warning where it is
// damaged or not for this driver; it never changes a result.
#include "opencl/ocl_tuned.h"
#include "support/convolution_run.h"
#include "support/driver_cache.h"
#include "support/expect.h"
#include "support/program.h"
#include "support/temp_directory.h"

#include <dirent.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const struct convolution_shape shape = {5, 6, 17, 33, 3, 1};

// The problems of the three passes, as convolution_run plans them.
static struct ocl_tuned tune_by_hand(const char *choice)
{
    static struct ocl_tuned_choice choices[CONVOLUTION_PASSES];
    static const enum clef_op ops[] = {CLEF_OP_conv2d_forward, CLEF_OP_conv2d_backward_data,
                                       CLEF_OP_conv2d_backward_weights};
    int out[2];
    struct clef_window window = clef_window_same((const int[]){shape.kernel, shape.kernel},
                                                 (const int[]){shape.stride, shape.stride},
                                                 (const int[]){shape.size, shape.size}, out);
    struct clef_tensor image = clef_tensor_hwnc(NULL, 0, shape.n, shape.size, shape.size, shape.in);
    struct clef_tensor result = clef_tensor_hwnc(NULL, 0, shape.n, out[0], out[1], shape.out);
    for (int i = 0; i < CONVOLUTION_PASSES; i++) {
        struct ocl_conv2d_problem problem = ocl_conv2d_problem(ops[i], &image, &result, &window);
        ocl_conv2d_problem_key(&problem, choices[i].key);
        choices[i].choice = choice;
    }
    return (struct ocl_tuned){.choices = choices, .choice_count = CONVOLUTION_PASSES};
}

// ---------------------------------------------------------------- devices

struct told {
    int warnings;
    char warning[2048];
};

static void on_notice(void *user, enum clef_notice kind, const char *message)
{
    struct told *told = user;
    if (kind != CLEF_NOTICE_WARNING)
        return;
    told->warnings++;
    snprintf(told->warning, sizeof told->warning, "%s", message);
}

static struct clef_device *open_device(struct told *told)
{
    struct clef_device *device;
    *told = (struct told){0};
    struct clef_device_options options = {.notice = on_notice, .notice_user = told};
    EXPECT_OK(clef_device_open("opencl", &options, &device));
    return device;
}

// Runs the convolution in a device that is opened for this alone, and expects its algorithm.
static struct convolution_result run(const char *algorithm, struct told *told)
{
    struct clef_device *device = open_device(told);
    struct convolution_result result = convolution_run(device, &shape);
    convolution_expect_algorithm(&result, algorithm);
    clef_device_close(device);
    return result;
}

// Saves for the device; returns the path.
static const char *save(const struct ocl_tuned *tuned)
{
    static char path[4096];
    struct told told;
    struct clef_device *device = open_device(&told);
    EXPECT_OK(ocl_tuned_save(clef_device_context(device), tuned, path, sizeof path));
    clef_device_close(device);
    return path;
}

static int set_up(void **state)
{
    temp_directory_setup(state);
    setenv("XDG_CACHE_HOME", *state, 1);
    unsetenv("CLEF_KERNEL_CACHE");
    unsetenv("CLEF_TUNED");
    unsetenv("CLEF_CONV");
    unsetenv("CLEF_CONV_CONFIG");
    return 0;
}

// ---------------------------------------------------------------- files

static void test_a_tuned_choice_is_taken(void **state)
{
    (void)state;
    struct told told;
    struct ocl_tuned tuned = tune_by_hand("clblast");
    struct convolution_result before = run("direct", &told);
    save(&tuned);
    struct convolution_result after = run("CLBlast", &told);
    assert_int_equal(0, told.warnings);
    convolution_expect_equal(&before, &after);
    convolution_release(&after);
    setenv("CLEF_TUNED", "off", 1);
    after = run("direct", &told);
    convolution_release(&after);
    unsetenv("CLEF_TUNED");
    setenv("CLEF_CONV", "direct", 1);
    after = run("direct", &told);
    convolution_release(&after);
    unsetenv("CLEF_CONV");
    convolution_release(&before);
}

static void test_tuned_parameters_are_taken(void **state)
{
    (void)state;
    static const size_t xgemm[] = {1, 1, 1, 1, 4, 4, 64, 16, 16, 64, 0, 0, 0, 0, 16, 1};
    struct told told;
    struct ocl_tuned tuned = tune_by_hand("clblast");
    struct convolution_result before = run("direct", &told);
    tuned.clblast.has[OCL_XGEMM] = tuned.clblast.has[OCL_GEMM_ROUTINE] = true;
    memcpy(tuned.clblast.values[OCL_XGEMM], xgemm, sizeof xgemm);
    tuned.clblast.values[OCL_GEMM_ROUTINE][0] = OCL_ALWAYS_XGEMM;
    save(&tuned);
    struct clef_device *device = open_device(&told);
    const struct ocl_context *ocl = clef_device_context(device);
    assert_non_null(ocl->tuned);
    assert_memory_equal(xgemm, ocl->tuned->clblast.values[OCL_XGEMM], sizeof xgemm);
    assert_false(ocl->tuned->clblast.has[OCL_XGEMM_DIRECT]);
    clef_device_close(device);
    struct convolution_result after = run("CLBlast", &told);
    assert_int_equal(0, told.warnings);
    convolution_expect_equal(&before, &after);
    convolution_release(&before);
    convolution_release(&after);
}

// Expects one warning with these words, and the device's own choice.
static void expect_refusal(const char *words)
{
    struct told told;
    struct convolution_result result = run("direct", &told);
    if (told.warnings != 1 || !strstr(told.warning, words) ||
        !strstr(told.warning, "run \"clef tune\" again") || strchr(told.warning, '\n'))
        fail_msg("%d warnings: %s", told.warnings, told.warning);
    convolution_release(&result);
}

static json_t *load(const char *path)
{
    json_t *root = json_load_file(path, 0, NULL);
    assert_non_null(root);
    return root;
}

// Writes the file with one thing changed, and takes the document.
static void expect_refused_document(const char *path, json_t *root, const char *words)
{
    assert_int_equal(0, json_dump_file(root, path, 0));
    json_decref(root);
    expect_refusal(words);
}

static void test_damaged_files_are_refused(void **state)
{
    (void)state;
    struct ocl_tuned tuned = tune_by_hand("clblast");
    static const size_t direct[] = {2, 8, 8, 8, 8, 1, 1, 4, 4, 32};
    tuned.clblast.has[OCL_XGEMM_DIRECT] = true;
    memcpy(tuned.clblast.values[OCL_XGEMM_DIRECT], direct, sizeof direct);
    const char *path = save(&tuned);
    size_t size;
    char *whole = read_file(path, &size);
    const size_t lengths[] = {0, 1, size / 2, size - 3};
    for (int i = 0; i < 4; i++) {
        write_file(path, whole, lengths[i]);
        expect_refusal(path);
    }
    write_file(path, whole, size);
    json_t *root = load(path);
    json_object_set_new(root, "format", json_integer(99));
    expect_refused_document(path, root, "another version of Clef");
    write_file(path, whole, size);
    root = load(path);
    json_object_set_new(json_object_get(root, "convolutions"), "conv2d_forward",
                        json_string("no-such-kernel"));
    expect_refused_document(path, root, "no choice that this version knows");
    write_file(path, whole, size);
    root = load(path);
    json_object_del(json_object_get(json_object_get(root, "clblast"), "XgemmDirect"), "WGD");
    expect_refused_document(path, root, "\"XgemmDirect\" has no \"WGD\"");
    write_file(path, whole, size);
    root = load(path);
    json_object_set_new(json_object_get(json_object_get(root, "clblast"), "XgemmDirect"), "WGD",
                        json_integer(33));
    expect_refused_document(path, root, "cannot work on this device");
    free(whole);
}

static void test_another_driver_is_ignored(void **state)
{
    (void)state;
    struct ocl_tuned tuned = tune_by_hand("clblast");
    const char *path = save(&tuned);
    json_t *root = load(path);
    json_object_set_new(root, "driver", json_string("0.1-beta"));
    expect_refused_document(path, root, "it is for driver \"0.1-beta\"");
    // Tuning again replaces it.
    save(&tuned);
    struct told told;
    struct convolution_result result = run("CLBlast", &told);
    assert_int_equal(0, told.warnings);
    convolution_release(&result);
}

static void test_an_unwritable_place_is_an_error(void **state)
{
    (void)state;
    struct told told;
    char path[4096];
    struct ocl_tuned tuned = tune_by_hand("clblast");
    struct clef_device *device = open_device(&told);
    setenv("XDG_CACHE_HOME", "/dev/null", 1);
    EXPECT_FAILS(ocl_tuned_save(clef_device_context(device), &tuned, path, sizeof path), CLEF_IO,
                 "/dev/null/clef");
    clef_device_close(device);
}

// ---------------------------------------------------------------- the command

#define SMALL_NETWORK \
    "--blocks", "1", "--filters", "8", "--head", "avgpool", "--image-size", "8", "--batch-size", "8"

static void check_rows(const json_t *rows)
{
    size_t i;
    const json_t *row;
    bool has_choice = false, has_clblast = false;
    json_array_foreach(rows, i, row)
    {
        const char *group = json_string_value(json_object_get(row, "group"));
        has_choice = has_choice || strcmp(group, "choice") == 0;
        has_clblast = has_clblast || strcmp(group, "CLBlast") == 0;
        assert_true(json_integer_value(json_object_get(row, "count")) >= 1);
        assert_true(json_number_value(json_object_get(row, "before_seconds")) > 0);
        assert_true(json_number_value(json_object_get(row, "after_seconds")) > 0);
        // The default competes: another choice is only taken where it was faster.
        if (strcmp(group, "choice") == 0)
            assert_true(json_number_value(json_object_get(row, "after_seconds")) <=
                        json_number_value(json_object_get(row, "before_seconds")));
    }
    assert_true(has_choice && has_clblast);
}

// Expects the problem of another batch among those that the device has loaded, once.
static void check_choice_is_kept(const struct ocl_tuned_choice *choice)
{
    struct told told;
    struct clef_device *device = open_device(&told);
    assert_int_equal(0, told.warnings);
    const struct ocl_tuned *now = ((struct ocl_context *)clef_device_context(device))->tuned;
    assert_non_null(now);
    int found = 0;
    for (int i = 0; i < now->choice_count; i++)
        found += strcmp(now->choices[i].key, choice->key) == 0;
    assert_int_equal(1, found);
    clef_device_close(device);
}

// What was tuned for another batch stays where it was.
static void test_the_command_tunes(void **state)
{
    struct ocl_tuned tuned = tune_by_hand("clblast");
    save(&tuned);
    struct program_result result =
        RUN_CLEF("tune", "--device", "opencl", "--seconds", "1", "--json", SMALL_NETWORK);
    check_exit(&result, 0);
    json_t *report = json_loads(result.out, 0, NULL);
    assert_non_null(report);
    check_rows(json_object_get(report, "rows"));
    assert_int_equal(0, json_integer_value(json_object_get(report, "wrong")));
    assert_true(json_integer_value(json_object_get(report, "tried")) > 0);
    const char *file = json_string_value(json_object_get(report, "file"));
    assert_non_null(file);
    assert_int_equal(0, strncmp(file, *state, strlen(*state)));
    assert_int_equal(1, count_entries(temp_path(state, "clef/tuned")));
    check_choice_is_kept(&tuned.choices[0]);
    json_decref(report);
    program_release(&result);
}

static void test_the_command_refuses_a_fixed_choice(void **state)
{
    (void)state;
    setenv("CLEF_CONV", "clblast", 1);
    struct program_result result =
        RUN_CLEF("tune", "--device", "opencl", "--seconds", "1", SMALL_NETWORK);
    check_exit(&result, 1);
    check_one_line(&result, "CLEF_CONV=clblast fixes what tuning has to choose");
    program_release(&result);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, temp_directory_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_a_tuned_choice_is_taken),
        TEST(test_damaged_files_are_refused),
        TEST(test_another_driver_is_ignored),
        TEST(test_an_unwritable_place_is_an_error),
        TEST(test_tuned_parameters_are_taken),
        TEST(test_the_command_tunes),
        TEST(test_the_command_refuses_a_fixed_choice),
    };
    return cmocka_run_group_tests(tests, driver_cache_setup, driver_cache_teardown);
}
