// SPDX-License-Identifier: Apache-2.0
// CLBlast's traps, each of which the convolution by it relies on being avoided.
#include "core/clock.h"
#include "opencl/ocl_clblast.h"
#include "opencl/ocl_stdout.h"
#include "opencl/ocl_tune_case.h"
#include "opencl/ocl_tuned.h"
#include "support/convolution_run.h"
#include "support/expect.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Sizes that no tile divides, that one divides, a single tap of several, and a kernel as large as
// the image.
static const struct convolution_shape shapes[] = {
    {5, 6, 17, 33, 3, 1}, {16, 4, 32, 64, 3, 1}, {7, 5, 16, 20, 3, 2},
    {9, 1, 40, 24, 3, 1}, {64, 2, 64, 64, 1, 1}, {3, 9, 1, 19, 5, 2},
};
#define SHAPES ((int)(sizeof shapes / sizeof shapes[0]))

static struct clef_device *open_device(void)
{
    struct clef_device *device;
    EXPECT_OK(clef_device_open("opencl", &(struct clef_device_options){.untuned = true}, &device));
    return device;
}

static struct convolution_result run_with(struct clef_device *device, const char *alternative,
                                          const struct convolution_shape *shape)
{
    EXPECT_OK(clef_device_prefer(device, alternative));
    struct convolution_result result = convolution_run(device, shape);
    EXPECT_OK(clef_device_prefer(device, NULL));
    return result;
}

// Compares CLBlast as it is now with our own kernels.
static void expect_products_are_right(struct clef_device *device)
{
    for (int i = 0; i < SHAPES; i++) {
        struct convolution_result direct = run_with(device, "direct", &shapes[i]);
        struct convolution_result clblast = run_with(device, "clblast", &shapes[i]);
        convolution_expect_algorithm(&direct, "direct");
        convolution_expect_algorithm(&clblast, "CLBlast");
        convolution_expect_equal(&direct, &clblast);
        convolution_release(&direct);
        convolution_release(&clblast);
    }
}

static void take(struct ocl_context *ocl, const size_t *xgemm, const size_t *direct, size_t size)
{
    struct ocl_clblast_params params = {.has = {xgemm != NULL, direct != NULL, true}};
    if (xgemm)
        memcpy(params.values[OCL_XGEMM], xgemm, 16 * sizeof *xgemm);
    if (direct)
        memcpy(params.values[OCL_XGEMM_DIRECT], direct, 10 * sizeof *direct);
    params.values[OCL_GEMM_ROUTINE][0] = size;
    EXPECT_OK(ocl_clblast_rebuild(ocl, &params));
}

// Both kernels, in the two forms of the large one, with matrices that need copies and that do not.
static void test_every_kernel_is_right(void **state)
{
    (void)state;
    static const size_t tiles[] = {0, 1, 16, 2, 8, 8, 32, 8, 8, 32, 0, 0, 0, 0, 4, 4};
    static const size_t registers[] = {1, 1, 1, 1, 4, 4, 64, 16, 16, 64, 0, 0, 0, 0, 16, 1};
    static const size_t direct[] = {2, 8, 8, 8, 8, 1, 1, 4, 4, 32};
    struct clef_device *device = open_device();
    struct ocl_context *ocl = clef_device_context(device);
    expect_products_are_right(device);
    const size_t *const large[] = {tiles, registers};
    for (int i = 0; i < 2; i++) {
        assert_true(ocl_clblast_is_sound(&ocl->caps, OCL_XGEMM, large[i]));
        take(ocl, large[i], NULL, OCL_ALWAYS_XGEMM);
        expect_products_are_right(device);
    }
    assert_true(ocl_clblast_is_sound(&ocl->caps, OCL_XGEMM_DIRECT, direct));
    take(ocl, NULL, direct, OCL_ALWAYS_DIRECT);
    expect_products_are_right(device);
    clef_device_close(device);
}

// A device that cannot hold the column matrix gets it in slices of rows.
static void test_slices_add_up(void **state)
{
    (void)state;
    struct clef_device *device = open_device();
    struct ocl_context *ocl = clef_device_context(device);
    for (int i = 0; i < SHAPES; i++) {
        struct convolution_result whole = run_with(device, "clblast", &shapes[i]);
        uint64_t largest = ocl->caps.max_buffer;
        ocl->caps.max_buffer = 64 << 10;
        struct convolution_result slices = run_with(device, "clblast", &shapes[i]);
        ocl->caps.max_buffer = 1;
        struct convolution_result rows = run_with(device, "clblast", &shapes[i]);
        ocl->caps.max_buffer = largest;
        convolution_expect_equal(&whole, &slices);
        convolution_expect_equal(&whole, &rows);
        convolution_release(&whole);
        convolution_release(&slices);
        convolution_release(&rows);
    }
    clef_device_close(device);
}

// CLBlast 1.5.3 computes wrong results with these, and says nothing.
static void test_unsound_parameters_are_known(void **state)
{
    (void)state;
    static const size_t unequal[] = {1, 1, 1, 1, 4, 4, 64, 16, 16, 128, 0, 0, 0, 0, 16, 1};
    static const size_t no_vector[] = {0, 1, 16, 2, 8, 8, 24, 8, 8, 24, 0, 0, 0, 0, 3, 3};
    static const size_t no_tile[] = {0, 1, 16, 3, 8, 8, 32, 8, 8, 32, 0, 0, 0, 0, 4, 4};
    static const size_t huge[] = {0, 1, 16, 2, 8, 8, SIZE_MAX, 8, 8, 32, 0, 0, 0, 0, 4, 4};
    static const size_t zero[16] = {0};
    struct clef_device *device = open_device();
    const struct ocl_caps *caps = &((struct ocl_context *)clef_device_context(device))->caps;
    const size_t *const all[] = {unequal, no_vector, no_tile, huge, zero};
    for (int i = 0; i < 5; i++)
        assert_false(ocl_clblast_is_sound(caps, OCL_XGEMM, all[i]));
    assert_false(ocl_clblast_is_sound(caps, OCL_XGEMM_DIRECT, zero));
    struct ocl_caps small = *caps;
    small.max_group = 16;
    struct ocl_clblast_params params = ocl_clblast_small_params(&small);
    assert_true(params.has[OCL_GEMM_ROUTINE] && params.has[OCL_XGEMM_DIRECT]);
    assert_true(ocl_clblast_is_sound(&small, OCL_XGEMM_DIRECT, params.values[OCL_XGEMM_DIRECT]));
    clef_device_close(device);
}

// Tuning rejects a candidate by its results: the first by sums made on the host, all others by the
// first. Parameters that are wrong write beyond their buffers, so that what is expected is spoiled
// instead, each time in one element.
static void test_wrong_candidates_are_noticed(void **state)
{
    (void)state;
    struct clef_device *device = open_device();
    struct ocl_context *ocl = clef_device_context(device);
    const struct clef_tensor image = clef_tensor_hwnc(NULL, 0, 16, 4, 4, 32);
    const struct clef_tensor result = clef_tensor_hwnc(NULL, 0, 16, 4, 4, 48);
    const struct clef_window window = {.kernel_h = 1, .kernel_w = 1, .stride_h = 1, .stride_w = 1};
    const struct ocl_conv2d_problem problem =
        ocl_conv2d_problem(CLEF_OP_conv2d_forward, &image, &result, &window);
    struct ocl_tune_case tuned;
    struct ocl_tune_time time;
    EXPECT_OK(ocl_tune_case_create(ocl, &problem, &tuned));
    tuned.host_image[0] += 1;
    EXPECT_OK(ocl_tune_case_measure(&tuned, NULL, INFINITY, &time));
    assert_true(time.wrong);
    tuned.host_image[0] -= 1;
    EXPECT_OK(ocl_tune_case_measure(&tuned, NULL, INFINITY, &time));
    assert_false(time.wrong);
    EXPECT_OK(ocl_tune_case_measure(&tuned, OCL_CONV2D_CLBLAST, INFINITY, &time));
    assert_false(time.wrong);
    tuned.trusted[777] += 1;
    EXPECT_OK(ocl_tune_case_measure(&tuned, OCL_CONV2D_CLBLAST, INFINITY, &time));
    assert_true(time.wrong);
    ocl_tune_case_free(&tuned);
    clef_device_close(device);
}

// A file of "clef tune" that has nothing about CLBlast, or something about one of its kernels,
// leaves the rest as the device's small groups demand it.
static void test_tuned_parameters_join_those_of_small_groups(void **state)
{
    (void)state;
    static const size_t direct[] = {2, 2, 2, 2, 2, 1, 1, 1, 1, 8};
    struct clef_device *device = open_device();
    struct ocl_context small = *(const struct ocl_context *)clef_device_context(device);
    struct ocl_tuned tuned = {0};
    small.caps.max_group = 16;
    const struct ocl_clblast_params demanded = ocl_clblast_small_params(&small.caps);
    small.tuned = &tuned;
    struct ocl_clblast_params params = ocl_clblast_first_params(&small);
    assert_memory_equal(&demanded, &params, sizeof params);
    tuned.clblast.has[OCL_XGEMM_DIRECT] = true;
    memcpy(tuned.clblast.values[OCL_XGEMM_DIRECT], direct, sizeof direct);
    params = ocl_clblast_first_params(&small);
    assert_memory_equal(direct, params.values[OCL_XGEMM_DIRECT], sizeof direct);
    assert_true(params.has[OCL_GEMM_ROUTINE]);
    assert_int_equal(OCL_ALWAYS_DIRECT, params.values[OCL_GEMM_ROUTINE][0]);
    clef_device_close(device);
}

// By the device's own clock, which tells less than what the host needs for planning and waiting
// too.
static void test_products_have_times(void **state)
{
    (void)state;
    const struct clef_device_options options = {.untuned = true, .profile = true};
    const struct clef_profile_row *rows;
    struct clef_device *device;
    double began = clef_seconds(), sum = 0;
    int count;
    EXPECT_OK(clef_device_open("opencl", &options, &device));
    struct convolution_result result = run_with(device, "clblast", &shapes[0]);
    clef_device_get_profile(device, &rows, &count);
    assert_int_equal(CONVOLUTION_PASSES, count);
    for (int i = 0; i < count; i++) {
        assert_non_null(strstr(rows[i].algorithm, "CLBlast"));
        assert_true(rows[i].seconds > 0);
        sum += rows[i].seconds;
    }
    assert_true(sum < clef_seconds() - began);
    convolution_release(&result);
    clef_device_close(device);
}

// Has a file take the place of a stream; returns what restores it.
static int redirect(int stream, FILE **file)
{
    *file = tmpfile();
    assert_non_null(*file);
    int kept = dup(stream);
    assert_true(dup2(fileno(*file), stream) >= 0);
    return kept;
}

static void restore(int stream, int kept, FILE *file, char *text, size_t size)
{
    dup2(kept, stream);
    close(kept);
    rewind(file);
    text[fread(text, 1, size - 1, file)] = '\0';
    fclose(file);
}

// What a compiler says while it succeeds must not be in the JSON that a command prints.
static void test_captured_text_goes_to_the_standard_error(void **state)
{
    (void)state;
    struct ocl_stdout captured;
    FILE *out_file, *err_file;
    char out[64], err[64];
    fflush(stdout);
    int standard_out = redirect(STDOUT_FILENO, &out_file);
    int standard_err = redirect(STDERR_FILENO, &err_file);
    ocl_stdout_capture(&captured);
    printf("a remark\n");
    free(ocl_stdout_release(&captured, true));
    fflush(stdout);
    fflush(stderr);
    restore(STDERR_FILENO, standard_err, err_file, err, sizeof err);
    restore(STDOUT_FILENO, standard_out, out_file, out, sizeof out);
    assert_string_equal("", out);
    assert_string_equal("a remark\n", err);
}

// The compiler's log belongs into the message, not on the standard output.
static void test_build_errors_become_the_message(void **state)
{
    (void)state;
    static const size_t broken[] = {0, 1, 16, 2, 8, 8, 24, 8, 8, 24, 0, 0, 0, 0, 3, 3};
    struct clef_device *device = open_device();
    struct ocl_clblast_params params = {.has = {true}};
    memcpy(params.values[OCL_XGEMM], broken, sizeof broken);
    FILE *file = tmpfile();
    assert_non_null(file);
    fflush(stdout);
    int standard = dup(STDOUT_FILENO);
    dup2(fileno(file), STDOUT_FILENO);
    printf("before\n");
    clef_status status = ocl_clblast_rebuild(clef_device_context(device), &params);
    printf("after\n");
    fflush(stdout);
    dup2(standard, STDOUT_FILENO);
    close(standard);
    char text[256] = "";
    rewind(file);
    size_t length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    assert_int_equal(strlen("before\nafter\n"), length);
    assert_string_equal("before\nafter\n", text);
    assert_int_equal(CLEF_DEVICE, status);
    assert_non_null(strstr(clef_last_error(), "CL_BUILD_PROGRAM_FAILURE"));
    assert_non_null(strstr(clef_last_error(), "realM"));
    clef_device_close(device);
}

struct first {
    pthread_t thread;
    struct clef_device *device;
    struct convolution_result result;
};

static void *plan_and_run(void *argument)
{
    struct first *first = argument;
    first->result = run_with(first->device, "clblast", &shapes[0]);
    return NULL;
}

// CLBlast's own cache does not survive two first products at once.
static void test_first_products_of_two_threads(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct first two[2];
        for (int k = 0; k < 2; k++)
            two[k].device = open_device();
        for (int k = 0; k < 2; k++)
            assert_int_equal(0, pthread_create(&two[k].thread, NULL, plan_and_run, &two[k]));
        for (int k = 0; k < 2; k++)
            assert_int_equal(0, pthread_join(two[k].thread, NULL));
        convolution_expect_equal(&two[0].result, &two[1].result);
        for (int k = 0; k < 2; k++) {
            convolution_release(&two[k].result);
            clef_device_close(two[k].device);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_products_of_two_threads),
        cmocka_unit_test(test_slices_add_up),
        cmocka_unit_test(test_products_have_times),
        cmocka_unit_test(test_unsound_parameters_are_known),
        cmocka_unit_test(test_every_kernel_is_right),
        cmocka_unit_test(test_tuned_parameters_join_those_of_small_groups),
        cmocka_unit_test(test_captured_text_goes_to_the_standard_error),
        cmocka_unit_test(test_wrong_candidates_are_noticed),
        // The last one, since there is no way back from parameters that do not compile.
        cmocka_unit_test(test_build_errors_become_the_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
